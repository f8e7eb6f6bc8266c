"""Lists a data folder: what is passed over, what is never opened, which links are refused."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from neurosweep.errors import DataError
from scans.files.content import irregular

# What systems leave behind, the last a folder in archives; a leading dot covers .DS_Store.
_LEFTOVERS = {"thumbs.db", "desktop.ini", "__macosx"}


class Entry(NamedTuple):
    """A file below a data folder.

    Attributes:
        file: Path relative to the root, with forward slashes, as it stands on the disk. Bytes
            that are not UTF-8 are replaced by what can be printed.
        strange: Why the file is never opened; None for a regular one, or a link to one.
    """

    file: str
    strange: str | None


def subfolders(folder: Path, root: Path) -> list[Path]:
    """Return the visible folders in `folder`, sorted; raises as `files_below` does."""
    return [Path(entry.path) for entry in _visible(folder, root) if entry.is_dir()]


def files_below(folder: Path, root: Path) -> Iterator[Entry]:
    """Find every visible file in `folder` and the folders below it, in no particular order.

    Args:
        folder: Where to look: `root` or below it.
        root: The data folder, absolute.

    Yields:
        The files.

    Raises:
        DataError: A folder may not be read; a link leads out of `root`, to a folder, or in a
            circle.
    """
    waiting = [folder]  # a list and no recursion: folders may be nested deeper than calls
    while waiting:
        for entry in _visible(waiting.pop(), root):
            if entry.is_dir():
                waiting.append(Path(entry.path))
            else:
                yield _entry(entry, root)


def refuse_stray_link(link: Path, root: Path) -> None:
    """Raise DataError for a link out of `root`, to a folder (it may run in circles), or to itself.

    A link to nothing inside `root` passes: it is listed, and never opened.
    """
    try:
        target = link.resolve(strict=True)
    except FileNotFoundError:
        target = link.resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError: a circle, before Python 3.13
        raise DataError(
            f"A link must lead to a file, but {link} leads in a circle or where nobody may look; "
            "remove it."
        ) from error
    if not target.is_relative_to(root.resolve()):
        raise DataError(
            f"Links must stay inside the data folder, but {link} leads out of it, to {target}; "
            "copy the images there, or name the folder that holds them."
        )
    if target.is_dir():
        raise DataError(
            f"A folder of images must not be a link, but {link} leads to {target}; "
            "move the folder there."
        )


def _visible(folder: Path, root: Path) -> list["os.DirEntry[str]"]:
    """List what is neither hidden nor left behind by a system; refuse links that lead astray."""
    try:
        with os.scandir(folder) as entries:
            kept = sorted(
                (entry for entry in entries if not is_leftover(entry.name)),
                key=lambda entry: entry.name,
            )
    except OSError as error:
        raise DataError(
            f"Every folder of the data must be readable, but {folder} is not ({error.strerror}); "
            "give yourself the right to read it, or move it away."
        ) from error
    for entry in kept:
        if entry.is_symlink():
            refuse_stray_link(Path(entry.path), root)
    return kept


def is_leftover(name: str) -> bool:
    """Tell a name that is passed over: a hidden one, or what systems leave behind."""
    return name.startswith(".") or name.lower() in _LEFTOVERS


def _entry(entry: "os.DirEntry[str]", root: Path) -> Entry:
    file = Path(entry.path).relative_to(root).as_posix()
    if not is_text(file):
        printable = os.fsencode(file).decode("utf-8", "backslashreplace")
        return Entry(printable, "its name is not valid UTF-8; rename it")
    try:
        kind = irregular(entry.stat().st_mode)
    except OSError:
        return Entry(file, "it is a link to nothing, or may not be looked at; remove it")
    return Entry(file, None if kind is None else f"it is {kind} and no regular file; remove it")


def is_text(name: str) -> bool:
    """Tell a name that can be written down from one with bytes that are not UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
