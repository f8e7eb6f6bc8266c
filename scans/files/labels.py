"""Labels from a CSV file: columns `file` and `label`, and maybe `part`."""

import unicodedata
from collections import defaultdict
from pathlib import Path, PurePosixPath

from neurosweep.errors import DataError
from scans.files.classes import refuse_unequal
from scans.files.csv_files import Row, read_rows
from scans.files.found import PARTS, PHANTOM_MARKER, FoundFile, FoundFolder, in_order, part_named
from scans.files.groups import GROUPS_NAME
from scans.files.listing import files_below

_OURS = {GROUPS_NAME, PHANTOM_MARKER}  # in the root of a data folder, and no images


def find_labelled(root: Path, labels: Path) -> FoundFolder:
    """List the files that a CSV file names, each with its label.

    The part of a file is what the column `part` says (a name of `PARTS` in any case, or nothing),
    or, without such a column, the first folder of its path where that has such a name. Files that
    the CSV file does not name are left out and counted.

    Args:
        root: The data folder, absolute.
        labels: The CSV file, as `scans.files.csv_files.read_rows` describes it.

    Returns:
        The files in sorted order; `labels_file` is `labels`, absolute.

    Raises:
        DataError: As `read_rows` does, for a part of another name and for a label that cannot be
            printed; there are less than two classes, some files have a part and others have none,
            none is to train on, or the parts differ in their classes.
    """
    labels = labels.expanduser().absolute()
    entries = {entry.file: entry.strange for entry in files_below(root, root)}
    rows = read_rows(labels, entries, required="label", optional=("part",))
    files = [_found(row) for row in rows if entries[row.file] is None]
    parts = _parts(files, labels)
    if parts == ("train",):  # the other parts have to come from it, as with folders
        files = [FoundFile(file=file.file, label=file.label, part="all") for file in files]
        parts = ("all",)
    named = {row.file for row in rows} | _place(labels, root) | _OURS
    return FoundFolder(
        root=root,
        files=tuple(sorted(files, key=lambda file: file.file)),
        classes=_classes(files, labels),
        parts=parts,
        strange=tuple(sorted((r.file, why) for r in rows if (why := entries[r.file]) is not None)),
        labels_file=labels,
        unlisted=sum(strange is None and file not in named for file, strange in entries.items()),
    )


def _place(labels: Path, root: Path) -> set[str]:
    """Return where in the data folder the CSV file itself stands, if it does."""
    path, root = labels.resolve(), root.resolve()
    return {path.relative_to(root).as_posix()} if path.is_relative_to(root) else set()


def _found(row: Row) -> FoundFile:
    label = unicodedata.normalize("NFC", row.values["label"])
    if not label.isprintable():
        raise DataError(
            f"{row.where}: a label must be printable, but it is {label!r}; write it without "
            "control characters."
        )
    return FoundFile(file=row.file, label=label, part=_part(row))


def _part(row: Row) -> str:
    """Return the part that the row names, or the file's first folder where there is no column."""
    named = row.values.get("part")
    if named is None:
        return part_named(PurePosixPath(row.file).parts[0]) or "all"
    part = part_named(named) if named else "all"
    if part is None:
        raise DataError(
            f"{row.where}: a part is one of {', '.join(PARTS)}, or empty, but it is {named!r}; "
            "correct it."
        )
    return part


def _parts(files: list[FoundFile], labels: Path) -> tuple[str, ...]:
    """Return the parts that the files belong to, in order."""
    parts = {file.part for file in files}
    if "all" in parts and len(parts) > 1:
        first = next(file.file for file in files if file.part == "all")
        raise DataError(
            f"Either every file has a part or none has one, but in {labels} some are of "
            f"{', '.join(in_order(parts - {'all'}))} and {first} is of none; complete the parts, "
            "or take them out."
        )
    if parts and not parts & {"all", "train"}:
        raise DataError(
            f"Images to train on are needed, but {labels} has only files of "
            f"{', '.join(in_order(parts))}; name some of the part train."
        )
    return in_order(parts)


def _classes(files: list[FoundFile], labels: Path) -> tuple[str, ...]:
    """Return the classes, which must be two at least and the same in every part."""
    by_part: dict[str, set[str]] = defaultdict(set)
    for file in files:
        by_part[file.part].add(file.label)
    classes = sorted(set().union(*by_part.values()))
    if len(classes) < 2:
        raise DataError(
            f"Two classes or more are needed, but {labels} names {', '.join(classes) or 'none'}; "
            "label files of another class too."
        )
    refuse_unequal(
        by_part, f"All parts must have the same labels, but in {labels}", "correct or complete them"
    )
    return tuple(classes)
