"""Finds the images of a folder of class folders, with or without Training and Testing."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from neurosweep.errors import DataError

PARTS = {"training": "train", "train": "train", "testing": "test", "test": "test"}
"""Folder names (in any case) that hold a part of the data, and that part's name."""

LAYOUT = (
    "expected Training/CLASS/*.jpg and Testing/CLASS/*.jpg, or CLASS/*.jpg in one folder "
    "that is split here"
)

# Files that systems leave behind; hidden files (a leading dot) cover .DS_Store.
_LEFTOVERS = {"thumbs.db", "desktop.ini"}


@dataclass(frozen=True, kw_only=True)
class FoundFile:
    """One file below a class folder; whether it is an image is not known yet.

    Attributes:
        file: Path relative to the root, with forward slashes.
        label: Name of the class folder.
        part: "train" or "test"; "all" where there are no folders for both.
    """

    file: str
    label: str
    part: str


@dataclass(frozen=True, kw_only=True)
class FoundFolder:
    """What stands in a data folder.

    Attributes:
        root: The folder, absolute.
        files: Sorted by their path.
        classes: Names of the class folders, sorted.
        parts: Which parts have a folder: "train" and "test", or "all" alone.
    """

    root: Path
    files: tuple[FoundFile, ...]
    classes: tuple[str, ...]
    parts: tuple[str, ...]


def find_files(root: Path) -> FoundFolder:
    """List every file below the class folders of `root`.

    Hidden files and those that systems leave behind are ignored.

    Args:
        root: A folder with Training and Testing (or train and test, in any case), each with one
            folder per class; or with the class folders themselves.

    Returns:
        The files in sorted order and the classes.

    Raises:
        DataError: There is no such folder, it has no class folders or only one, Training and
            Testing differ in their classes, or a link leads out of it.
    """
    root = root.expanduser().absolute()
    if not root.is_dir():
        found = "it is a file" if root.exists() else "there is nothing there"
        raise DataError(
            f"The data folder must exist, but at {root} {found}; give the path of a folder of "
            f"images ({LAYOUT})."
        )
    parts = _part_folders(root)
    classes = _common_classes(root, parts)
    files = [
        FoundFile(file=path.relative_to(root).as_posix(), label=label, part=part)
        for part, folder in parts.items()
        for label in classes
        for path in _files_below(folder / label, root)
    ]
    if not files:
        raise DataError(f"A data folder must hold images, but {root} has none; {LAYOUT}.")
    return FoundFolder(
        root=root,
        files=tuple(sorted(files, key=lambda found: found.file)),
        classes=classes,
        parts=tuple(parts),
    )


def _part_folders(root: Path) -> dict[str, Path]:
    """Return the folder of each part, or the root alone as "all"."""
    folders = {folder.name: folder for folder in _subfolders(root, root)}
    named = {name: PARTS[name.lower()] for name in folders if name.lower() in PARTS}
    if not named:
        return {"all": root}
    others = sorted(set(folders) - set(named))
    if others or len(set(named.values())) < len(named):
        raise DataError(
            f"Each part may have one folder and nothing may stand beside them, but {root} has "
            f"{', '.join(sorted(folders))}; {LAYOUT}."
        )
    parts = {part: folders[name] for name, part in named.items()}
    if "train" not in parts:
        raise DataError(
            f"Images to train on are needed, but {root} has only {', '.join(folders)}; {LAYOUT}."
        )
    # Training alone is split like one folder: the test part has to come from it.
    if "test" not in parts:
        return {"all": parts["train"]}
    return {"train": parts["train"], "test": parts["test"]}


def _common_classes(root: Path, parts: dict[str, Path]) -> tuple[str, ...]:
    """Return the class folders, which must be the same in every part."""
    found = {part: {f.name for f in _subfolders(folder, root)} for part, folder in parts.items()}
    first, *rest = found.items()
    for part, classes in rest:
        if classes != first[1]:
            raise DataError(
                "Training and Testing must have the same class folders, but in "
                f"{root} {_difference(first, (part, classes))}; rename or complete them."
            )
    if len(first[1]) == 0:
        raise DataError(
            f"A data folder must hold images in class folders, but {root} has no images in such "
            f"folders; {LAYOUT}."
        )
    if len(first[1]) == 1:
        raise DataError(
            f"Two classes or more are needed, but {root} has one class only: "
            f"{next(iter(first[1]))}; {LAYOUT}."
        )
    return tuple(sorted(first[1]))


def _difference(first: tuple[str, set[str]], second: tuple[str, set[str]]) -> str:
    """Say which class folders stand in one part only."""
    sides = ((first[0], first[1] - second[1]), (second[0], second[1] - first[1]))
    return " and ".join(
        f"only {part} has {', '.join(sorted(names))}" for part, names in sides if names
    )


def _subfolders(folder: Path, root: Path) -> list[Path]:
    return [path for path in _visible(folder, root) if path.is_dir()]


def _files_below(folder: Path, root: Path) -> Iterator[Path]:
    """Walk `folder` in sorted order; class folders may have folders of their own."""
    for path in _visible(folder, root):
        if path.is_dir():
            yield from _files_below(path, root)
        else:
            yield path


def _visible(folder: Path, root: Path) -> list[Path]:
    """List what is neither hidden nor left behind by a system; refuse links that lead out."""
    with os.scandir(folder) as entries:
        kept = [entry for entry in entries if not _is_leftover(entry.name)]
    for entry in kept:
        if entry.is_symlink():
            _refuse_stray_link(Path(entry.path), root)
    return sorted(Path(entry.path) for entry in kept)


def _is_leftover(name: str) -> bool:
    return name.startswith(".") or name.lower() in _LEFTOVERS


def _refuse_stray_link(link: Path, root: Path) -> None:
    """Raise for a link out of `root`, and for links to folders, which may run in circles."""
    target = link.resolve()
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
