"""What was found in a data folder, and the names of its parts."""

from dataclasses import dataclass
from pathlib import Path

PARTS = {
    "training": "train",
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "testing": "test",
    "test": "test",
}
"""Names (in any case) of the parts of the data, of folders or in a CSV file, and their meaning."""

PHANTOM_MARKER = "phantom.json"
"""A file of this name in the root says that the images are synthetic."""

LAYOUT = (
    "expected Training/CLASS/*.jpg and Testing/CLASS/*.jpg, or CLASS/*.jpg in one folder "
    "that is split here"
)


@dataclass(frozen=True, kw_only=True)
class FoundFile:
    """One file with a label; whether it is an image is not known yet.

    Attributes:
        file: Path relative to the root, with forward slashes, as it stands on the disk.
        label: Name of the class, in Unicode's composed form (NFC).
        part: "train", "validation" or "test"; "all" where the data do not say.
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
        classes: Names of the classes, sorted, in Unicode's composed form (NFC).
        parts: Which parts there are, in the order of `PARTS`: "train" and at least one of
            "validation" and "test"; or "all" alone.
        strange: Files that are never opened, and why: pipes, sockets, devices, links to nothing,
            names that are not UTF-8. Sorted by their path.
        labels_file: The CSV file that the labels come from; None where folders name the classes.
        unlisted: How many regular files below the root that CSV file does not name.
    """

    root: Path
    files: tuple[FoundFile, ...]
    classes: tuple[str, ...]
    parts: tuple[str, ...]
    strange: tuple[tuple[str, str], ...] = ()
    labels_file: Path | None = None
    unlisted: int = 0


def part_named(name: str) -> str | None:
    """Return the part that a folder or a CSV file calls `name`, in any case; None for none."""
    return PARTS.get(name.lower())


def in_order(parts: set[str]) -> tuple[str, ...]:
    """Sort the names of parts as the data are used: train, validation, test."""
    return tuple(sorted(parts, key=["all", *PARTS.values()].index))
