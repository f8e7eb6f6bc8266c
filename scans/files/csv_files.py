"""Reads the CSV files that people write about their images, with the line of every fault."""

import csv
import io
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

from neurosweep.errors import DataError
from scans.files.content import read_content

MAX_CSV_BYTES = 64 * 2**20
"""Largest CSV file read: some hundred thousand lines with long names."""


class Row(NamedTuple):
    """One line of a CSV file.

    Attributes:
        where: The file and the line's number, counted from 1, as a message begins.
        file: What the column `file` names, as the folder spells it.
        values: The columns asked for that the file has, without space around their values.
    """

    where: str
    file: str
    values: Mapping[str, str]


def read_rows(
    path: Path, files: Iterable[str], *, required: str, optional: tuple[str, ...] = ()
) -> list[Row]:
    """Read a CSV file that says something about each of some files.

    The first line names the columns: `file`, `required`, and maybe those of `optional`; others are
    passed over. The text is UTF-8, with or without a byte order mark. Names of files are compared
    in Unicode's composed form, because macOS writes them decomposed.

    Args:
        path: The CSV file.
        files: All files that may be named: relative to the root, with forward slashes.
        required: The column that must have a value in every row.
        optional: Columns that may be missing, or empty.

    Returns:
        The rows in the file's order; no file comes twice.

    Raises:
        DataError: The CSV file cannot be read, is larger than `MAX_CSV_BYTES` or not UTF-8, lacks
            a column; or, naming the line: an empty value, a file that is not there, leads out of
            the folder, or comes twice.
    """
    known = _by_spelling(files)
    first: dict[str, str] = {}
    rows: list[Row] = []
    for line, cells in _lines(path, required=required, optional=optional):
        where = f"{path}, line {line}"
        file = _file(cells["file"], known, where)
        if file in first:
            raise DataError(
                f"{where}: a file may come once, but {file} was in {first[file]} already; "
                "remove one of the two."
            )
        first[file] = f"line {line}"
        if not cells[required]:
            raise DataError(
                f"{where}: every file needs a {required}, but that of {file} is empty; fill it in "
                "or remove the line."
            )
        rows.append(Row(where, file, cells))
    return rows


def _lines(
    path: Path, *, required: str, optional: tuple[str, ...]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row's line number and the columns asked for."""
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        at = _positions(path, header, needed=("file", required), optional=optional)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(header):
                raise DataError(
                    f"{path}, line {reader.line_num}: a row may have {len(header)} values, but "
                    f"this has {len(cells)}; put a value that holds a comma into double quotes."
                )
            yield (
                reader.line_num,
                {name: cells[i].strip() if i < len(cells) else "" for name, i in at.items()},
            )
    except csv.Error as error:
        raise DataError(
            f"{path}, line {reader.line_num}: the line is no CSV ({error}); correct it."
        ) from error


def _text(path: Path) -> str:
    try:
        content = read_content(path, limit=MAX_CSV_BYTES)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: a CSV file must be UTF-8, but this is not; save it as "
            "`CSV UTF-8`."
        ) from error


def _positions(
    path: Path, header: list[str], *, needed: tuple[str, str], optional: tuple[str, ...]
) -> dict[str, int]:
    """Return where each column stands."""
    wrong = [name for name in needed if header.count(name) != 1]
    wrong += [name for name in optional if header.count(name) > 1]
    if wrong:
        raise DataError(
            f"{path}, line 1: the first line must name the columns {' and '.join(needed)}, each "
            f"once and separated by commas, but {' and '.join(wrong)} is missing or comes twice in "
            f"{','.join(header)!r:.200}; correct it, or move the file away if it means something "
            "else."
        )
    return {name: header.index(name) for name in (*needed, *optional) if name in header}


def _by_spelling(files: Iterable[str]) -> dict[str, str]:
    """Map each file's composed name, and above that its own, to how the folder spells it."""
    files = list(files)
    return {unicodedata.normalize("NFC", file): file for file in files} | {f: f for f in files}


def _file(named: str, known: Mapping[str, str], where: str) -> str:
    """Return the file that a row names, as the folder spells it."""
    path = PurePosixPath(named)
    if path.is_absolute() or PureWindowsPath(named).drive or ".." in path.parts:
        raise DataError(
            f"{where}: a file must be named by its path below the data folder, but it is "
            f"{named!r}; write it without a leading slash, a drive or `..`."
        )
    file = known.get(str(path)) or known.get(unicodedata.normalize("NFC", str(path)))
    if file is None:
        hint = " with forward slashes" if "\\" in named else ""
        raise DataError(
            f"{where}: the files named must be in the data folder, but {named!r} is not there; "
            f"write its path below the folder{hint}, or remove the line."
        )
    return file
