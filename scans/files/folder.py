"""Finds the labelled images of a data folder: by class folders, or by a CSV file."""

import unicodedata
from collections import defaultdict
from pathlib import Path

from neurosweep.errors import DataError
from scans.files.classes import refuse_unequal
from scans.files.found import LAYOUT, PARTS, FoundFile, FoundFolder, in_order, part_named
from scans.files.labels import find_labelled
from scans.files.listing import files_below, is_text, refuse_stray_link, subfolders

__all__ = ["LABELS_FILE", "LAYOUT", "PARTS", "FoundFile", "FoundFolder", "find_files"]

LABELS_FILE = "labels.csv"
"""A file of this name in the root names files and labels, instead of class folders."""

_Folders = dict[str, list[Path]]


def find_files(root: Path, labels: Path | None = None) -> FoundFolder:
    """List every labelled file below `root`.

    Labels come from `labels` where it is given, else from `LABELS_FILE` in the root where there
    is one (see `scans.files.labels`), else from class folders. Hidden files and those that systems
    leave behind are ignored; so are files beside the class folders.

    Args:
        root: A folder with Training and Testing, train, val and test, Training and Validation, or
            Training alone (names as in `PARTS`, in any case), each with one folder per class; or
            with the class folders themselves. Class names are compared in Unicode's composed
            form, because macOS writes them decomposed.
        labels: A CSV file, in the folder or elsewhere.

    Returns:
        The files in sorted order and the classes.

    Raises:
        DataError: There is no such folder, it has no class folders or only one, its parts differ
            in their classes, a link leads out of it or in a circle, a folder may not be read, or
            the CSV file is wrong.
    """
    root = root.expanduser().absolute()
    if not root.is_dir():
        found = "it is a file" if root.exists() else "there is nothing there"
        raise DataError(
            f"The data folder must exist, but at {root} {found}; give the path of a folder of "
            f"images ({LAYOUT})."
        )
    labels = labels or _own_labels(root)
    found_folder = find_labelled(root, labels) if labels else _find_in_class_folders(root)
    if not found_folder.files:
        raise DataError(f"A data folder must hold images, but {root} has none; {LAYOUT}.")
    return found_folder


def _own_labels(root: Path) -> Path | None:
    """Return the folder's own CSV file of labels, if it has one."""
    labels = root / LABELS_FILE
    if labels.is_symlink():
        refuse_stray_link(labels, root)
    return labels if labels.is_file() else None


def _find_in_class_folders(root: Path) -> FoundFolder:
    parts = _part_folders(root)
    found = {part: _class_folders(folder, root) for part, folder in parts.items()}
    _refuse_classes(root, found)
    files: list[FoundFile] = []
    strange: list[tuple[str, str]] = []
    for part, classes in found.items():
        for label, folders in classes.items():
            for entry in (entry for folder in folders for entry in files_below(folder, root)):
                if entry.strange is None:
                    files.append(FoundFile(file=entry.file, label=label, part=part))
                else:
                    strange.append((entry.file, entry.strange))
    return FoundFolder(
        root=root,
        files=tuple(sorted(files, key=lambda found: found.file)),
        classes=tuple(sorted(next(iter(found.values())))),
        parts=tuple(parts),
        strange=tuple(sorted(strange)),
    )


def _part_folders(root: Path) -> dict[str, Path]:
    """Return the folder of each part, or the root alone as "all"."""
    folders = subfolders(root, root)
    named = {folder: part for folder in folders if (part := part_named(folder.name))}
    if not named:
        return {"all": root}
    if len(named) < len(folders) or len(set(named.values())) < len(named):
        raise DataError(
            f"Each part may have one folder and nothing may stand beside them, but {root} has "
            f"{', '.join(folder.name for folder in folders)}; {LAYOUT}."
        )
    by_part = {part: folder for folder, part in named.items()}
    if "train" not in by_part:
        raise DataError(
            f"Images to train on are needed, but {root} has only "
            f"{', '.join(folder.name for folder in folders)}; {LAYOUT}."
        )
    # Training alone is split like one folder: the other parts have to come from it.
    if len(by_part) == 1:
        return {"all": by_part["train"]}
    return {part: by_part[part] for part in in_order(set(by_part))}


def _class_folders(folder: Path, root: Path) -> _Folders:
    """Return the class folders of a part by their name; one name may be spelt in two ways."""
    found: _Folders = defaultdict(list)
    for path in subfolders(folder, root):
        if not is_text(path.name):
            raise DataError(
                f"The name of a class must be valid UTF-8, but a folder in {folder} is called "
                f"{path.name!r}; rename it."
            )
        if not path.name.isprintable():
            raise DataError(
                f"The name of a class must be printable, but a folder in {folder} is called "
                f"{path.name!r}; rename it."
            )
        found[unicodedata.normalize("NFC", path.name)].append(path)
    return found


def _refuse_classes(root: Path, found: dict[str, _Folders]) -> None:
    """Raise for classes that differ between the parts, and for less than two of them."""
    refuse_unequal(
        {part: set(classes) for part, classes in found.items()},
        f"All parts must have the same class folders, but in {root}",
        "rename or complete them",
    )
    classes = sorted(next(iter(found.values())))
    if len(classes) == 0:
        raise DataError(
            f"A data folder must hold images in class folders, but {root} has no images in such "
            f"folders; {LAYOUT}."
        )
    if len(classes) == 1:
        raise DataError(
            f"Two classes or more are needed, but {root} has one class only: {classes[0]}; "
            f"{LAYOUT}."
        )
