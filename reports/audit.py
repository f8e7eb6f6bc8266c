"""What the audit of the images found: `audit.json`.

Files of earlier versions lack most of it: what was not looked for is None, never "none found".
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

from reports.files import read_typed

__all__ = [
    "Audit",
    "Finding",
    "KnownSet",
    "KnownVerdict",
    "Oddity",
    "ShownPair",
    "SizeCount",
    "UnreadableFile",
    "WrongEnding",
    "read_audit",
]

Pair = tuple[str, str]
"""Two files."""


class KnownVerdict(StrEnum):
    """Whether the images are those of a public set."""

    RECOGNISED = "recognised"
    DIFFERS = "differs"


@dataclass(frozen=True, kw_only=True)
class KnownSet:
    """A public set of images that these are, or call themselves.

    Attributes:
        name: Of the set.
        verdict: Whether they are the set's.
        note: What to know of the set, or how they differ from it.
    """

    name: str
    verdict: KnownVerdict
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class UnreadableFile:
    """A file that is no image, and why."""

    file: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Oddity:
    """An image that can be read but deserves a look, and what is odd."""

    file: str
    what: str


@dataclass(frozen=True, kw_only=True)
class WrongEnding:
    """An image whose file name promises another format than it has."""

    file: str
    format: str


@dataclass(frozen=True, kw_only=True)
class SizeCount:
    """How many images have one size, in pixels."""

    width: int
    height: int
    images: int


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was found.

    Attributes:
        kind: What it is, for programs.
        count: How often.
        sentence: The same for people.
    """

    kind: str
    count: int
    sentence: str


@dataclass(frozen=True, kw_only=True)
class ShownPair:
    """Two images to look at beside each other.

    Attributes:
        kind: Why they are shown; pairs of one kind belong together.
        files: Their names, relative to the folder of the data; so in order are all that follow.
        labels: Their classes.
        parts: Where they stand: train, validation, test.
        similarity: 1 for equal pictures; None where it was not measured.
        pictures: Thumbnails, relative to the run directory; not to be trusted, see
            `reports.pictures`.
    """

    # Read by pydantic: a NaN is no similarity.
    __pydantic_config__: ClassVar[dict[str, object]] = {"allow_inf_nan": False}

    kind: str
    files: Pair
    labels: tuple[str, str]
    parts: tuple[str, str]
    similarity: float | None = None
    pictures: tuple[str | None, str | None] = (None, None)


@dataclass(frozen=True, kw_only=True)
class Audit:
    """All that the audit counted and named; None: not looked for.

    Attributes:
        images: Readable files.
        unique: Of different pixels.
        unreadable: Files that are no image.
        totals: Number of pairs of each kind; the lists may hold the first ones only.
        exact_twins_across_parts: Pairs with equal pixels, one for training and one for testing.
        near_twins_across_parts: Pairs that look the same, one in each part.
        near_twins_within_parts: Pairs that look the same, both in one part.
        label_conflicts: Pairs with equal pixels and different classes.
        near_label_conflicts: Pairs that look the same, with different classes.
        extra_copies_within_parts: Files that repeat another one of their part.
        classes: Images by part and class.
        test_images_with_exact_twin: By class, those that training also holds.
        test_images_with_near_twin_only: By class, those that training holds in a similar form.
        sizes: The most frequent first.
        modes: Images by Pillow's mode, as L or RGB.
        formats: Images by file format.
        labels_file: Where the classes were read from; None: from the folders.
        groups_file: Where it was read which images belong together; None: nowhere.
        findings: The gravest first; None in files of earlier versions.
        shown: Pairs to look at.
    """

    images: int
    unique: int
    unreadable: int
    unreadable_files: tuple[UnreadableFile, ...] = ()
    totals: dict[str, int] | None = None
    exact_twins_across_parts: tuple[Pair, ...] | None = None
    near_twins_across_parts: tuple[Pair, ...] | None = None
    near_twins_within_parts: tuple[Pair, ...] | None = None
    label_conflicts: tuple[Pair, ...] | None = None
    near_label_conflicts: tuple[Pair, ...] | None = None
    extra_copies_within_parts: int | None = None
    known_set: KnownSet | None = None
    classes: dict[str, dict[str, int]] | None = None
    test_images_with_exact_twin: dict[str, int] | None = None
    test_images_with_near_twin_only: dict[str, int] | None = None
    sizes: tuple[SizeCount, ...] = ()
    modes: dict[str, int] | None = None
    formats: dict[str, int] | None = None
    odd: tuple[Oddity, ...] = ()
    wrong_endings: tuple[WrongEnding, ...] = ()
    labels_file: str | None = None
    groups_file: str | None = None
    findings: tuple[Finding, ...] | None = None
    shown: tuple[ShownPair, ...] = ()

    def count(self, kind: str) -> int | None:
        """Give the number of pairs of a kind; None where they were not sought."""
        if self.totals is not None and kind in self.totals:
            return self.totals[kind]
        listed: tuple[Pair, ...] | None = getattr(self, kind)
        return None if listed is None else len(listed)


def read_audit(path: Path) -> Audit | None:
    """Read the file; None before the images were looked at.

    Raises:
        RunDirectoryError: It is no JSON, or what it holds is of a wrong type.
    """
    return read_typed(
        path,
        Audit,
        holds="what the audit of the images found",
        advice="Restore the file, or delete it to draw the report without it.",
    )
