"""Pairs of images that the audit puts beside each other, with or without their pictures."""

from dataclasses import dataclass

from reports.audit import ShownPair
from reports.pictures import MOST_PICTURES, Album
from reports.run import Run

__all__ = ["Half", "PairGroup", "ShownHalves", "pair_groups"]


_MOST_BYTES = 2_500_000
"""What all thumbnails may come to, in bytes of the page; sixty usual ones are 1 MB."""


@dataclass(frozen=True)
class Half:
    """One image of a pair.

    Attributes:
        file: Its name, relative to the folder of the data.
        label: Its class.
        part: Where it stands.
        address: Its thumbnail as a `data:` address; None where there is none to show.
    """

    file: str
    label: str
    part: str
    address: str | None

    @property
    def description(self) -> str:
        """What the picture shows, for those who cannot see it."""
        return f"{self.file}, class {self.label}, {self.part}"


@dataclass(frozen=True)
class ShownHalves:
    """Two images, and how alike they are; None where that was not measured."""

    halves: tuple[Half, Half]
    similarity: float | None

    @property
    def two_classes(self) -> bool:
        """Whether they differ in class."""
        return self.halves[0].label != self.halves[1].label


@dataclass(frozen=True)
class PairGroup:
    """Pairs that are shown for the same reason.

    Attributes:
        kind: The reason.
        pairs: In the audit's order.
    """

    kind: str
    pairs: tuple[ShownHalves, ...]

    @property
    def pictures(self) -> int:
        """How many pictures the group holds."""
        halves = [half for pair in self.pairs for half in pair.halves]
        return sum(half.address is not None for half in halves)


def pair_groups(run: Run, *, images: bool) -> tuple[tuple[PairGroup, ...], int]:
    """Group the audit's pairs by kind, in its order.

    Args:
        run: The run.
        images: Whether thumbnails are taken in.

    Returns:
        The groups, and how many pairs were left out because the page holds only
        `MOST_PICTURES`.

    Raises:
        RunDirectoryError: `audit.json` is damaged.
    """
    every = run.audit.shown if run.audit else ()
    shown = every[: MOST_PICTURES // 2]
    album = Album(run.path, _MOST_BYTES, images=images)
    by_kind: dict[str, list[ShownHalves]] = {}
    for pair in shown:
        by_kind.setdefault(pair.kind, []).append(_halves(album, pair))
    groups = tuple(PairGroup(kind, tuple(pairs)) for kind, pairs in by_kind.items())
    return groups, len(every) - len(shown)


def _halves(album: Album, pair: ShownPair) -> ShownHalves:
    first, second = (
        Half(file, label, part, album.embed(picture))
        for file, label, part, picture in zip(
            pair.files, pair.labels, pair.parts, pair.pictures, strict=True
        )
    )
    return ShownHalves((first, second), pair.similarity)
