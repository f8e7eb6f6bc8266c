"""The winner's errors, where it looked, and what its blocks make of an image, ready to lay out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports.explanations import (
    ExplainedBlock,
    ExplainedImage,
    Explanations,
    GradCam,
    MappedImage,
)
from reports.leaderboard import LeaderboardRow
from reports.pictures import Album
from reports.run import Run

__all__ = [
    "Bar",
    "Block",
    "Card",
    "ClassOverlays",
    "Overlay",
    "PicturesSection",
    "Tile",
    "pictures_section",
]

MOST_CARDS = 60
FIRST_CARDS = 12
"""So many wrong answers stand open, the others fold out."""

_MOST_BARS = 5
_MOST_OVERLAYS = 40
_MOST_BLOCKS = 16
_MOST_TILES = 8
_MOST_BYTES = 5_000_000


@dataclass(frozen=True)
class Bar:
    """One class's probability, 0 to 1 inclusive; `role` is true, said, or empty."""

    name: str
    share: float
    role: str


@dataclass(frozen=True)
class Card:
    """One test image with what was said of it.

    Attributes:
        image: As recorded.
        missed: Whether it is a positive called the negative class.
        right: Whether the answer is right.
        bars: Of the true class, the one that was said and the likeliest others, in the order
            of the classes.
        address: Its picture as a `data:` address; None where there is none to show.
    """

    image: ExplainedImage
    missed: bool
    right: bool
    bars: tuple[Bar, ...]
    address: str | None

    @property
    def description(self) -> str:
        """What the picture shows, for those who cannot see it."""
        return f"{self.image.file}, class {self.image.true}, called {self.image.predicted}"


@dataclass(frozen=True)
class Overlay:
    """An image, and the map to lay over it; None where there is no map to show.

    `is_empty` tells that nothing in the image speaks for the class.
    """

    card: Card
    address: str | None
    is_empty: bool


@dataclass(frozen=True)
class ClassOverlays:
    """Grad-CAM of one true class: right answers first."""

    name: str
    overlays: tuple[Overlay, ...]


@dataclass(frozen=True)
class Tile:
    """One feature map: its channel, its scale and its picture."""

    channel: int
    low: float
    high: float
    address: str | None


@dataclass(frozen=True)
class Block:
    """The strongest channels of one block.

    Attributes:
        layer: The layer at which it ends.
        height: Of its maps, as is `width`.
        channels: How many it has.
        tiles: Those that are shown.
    """

    layer: str
    height: int
    width: int
    channels: int
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, kw_only=True)
class PicturesSection:
    """Everything that the section shows.

    Attributes:
        explained: What was recorded; None where nothing was made.
        failed: Why nothing could be made; None where nobody tried, or it was made.
        row: The leaderboard's row of the explained trial; None if it is there no more.
        first: The worst wrong answers.
        further: Further ones.
        hidden: Wrong answers that are neither of them.
        grad_cam: What is known of Grad-CAM.
        classes: Its maps, class by class.
        unmapped: How many further classes have test images, of which no map was made.
        seen: The image whose feature maps are shown; None where there are none.
        blocks: Its feature maps.
        pictures: How many pictures the section holds.
        left_out: How many it has no room for.
    """

    explained: Explanations | None
    failed: str | None
    row: LeaderboardRow | None = None
    first: tuple[Card, ...] = ()
    further: tuple[Card, ...] = ()
    hidden: int = 0
    grad_cam: GradCam | None = None
    classes: tuple[ClassOverlays, ...] = ()
    unmapped: int = 0
    seen: Card | None = None
    blocks: tuple[Block, ...] = ()
    pictures: int = 0
    left_out: int = 0


def pictures_section(
    run: Run, rows: Sequence[LeaderboardRow], *, images: bool
) -> PicturesSection | None:
    """Gather the section; None before the test set was opened.

    Args:
        run: The run.
        rows: Its leaderboard.
        images: Whether pictures are taken in; names of files always are.

    Raises:
        RunDirectoryError: `explanations.json` is damaged.
    """
    explained = run.explanations
    if explained is None:
        if run.evaluation is None:
            return None
        return PicturesSection(explained=None, failed=_failure(run))
    album = Album(run.path, _MOST_BYTES, images=images)
    # Taken in this order: the errors matter most, should there not be room for all.
    cards = tuple(_card(explained, one, album) for one in explained.misclassified[:MOST_CARDS])
    classes = _by_class(explained, album)
    maps = explained.feature_maps
    return PicturesSection(
        explained=explained,
        failed=None,
        row=next((row for row in rows if row.trial_id == explained.trial_id), None),
        first=cards[:FIRST_CARDS],
        further=cards[FIRST_CARDS:],
        hidden=explained.wrong - len(cards),
        grad_cam=explained.grad_cam,
        classes=classes,
        unmapped=len(_tested(run, explained).difference(one.name for one in classes)),
        seen=None if maps is None else _card(explained, maps.image, album),
        blocks=tuple(_block(one, album) for one in (maps.blocks if maps else ())[:_MOST_BLOCKS]),
        pictures=album.pictures,
        left_out=album.left_out,
    )


def _failure(run: Run) -> str | None:
    told = run.info.get("explained")
    failed = told.get("failed") if isinstance(told, Mapping) else None
    return None if failed is None else str(failed)


def _card(explained: Explanations, image: ExplainedImage, album: Album) -> Card:
    roles = {image.true: "true", image.predicted: "said"}
    if image.true == image.predicted:
        roles = {image.true: "true said"}
    return Card(
        image=image,
        missed=explained.is_missed(image),
        right=image.true == image.predicted,
        bars=_bars(explained, image, roles),
        address=album.embed(image.picture),
    )


def _bars(
    explained: Explanations, image: ExplainedImage, roles: Mapping[str, str]
) -> tuple[Bar, ...]:
    pairs = list(zip(explained.classes, image.probabilities, strict=True))
    others = sorted((pair for pair in pairs if pair[0] not in roles), key=lambda pair: -pair[1])
    shown = {*roles, *(name for name, _ in others[: _MOST_BARS - len(roles)])}
    # What rounding left beyond 0 and 1 is not drawn.
    return tuple(
        Bar(name, min(1.0, max(0.0, share)), roles.get(name, ""))
        for name, share in pairs
        if name in shown
    )


def _by_class(explained: Explanations, album: Album) -> tuple[ClassOverlays, ...]:
    images = explained.grad_cam.images[:_MOST_OVERLAYS]
    return tuple(
        ClassOverlays(name, tuple(_overlay(explained, one, album) for one in own))
        for name in explained.classes
        if (own := [one for one in images if one.true == name])
    )


def _tested(run: Run, explained: Explanations) -> set[str]:
    """Classes that have a test image; all of them where the split does not say."""
    counts = run.counts.get("test")
    return {name for name in explained.classes if counts is None or counts.get(name)}


def _overlay(explained: Explanations, image: MappedImage, album: Album) -> Overlay:
    card = _card(explained, image, album)
    # The picture stands there twice, alone and below its map.
    below = card.address is not None and album.embed(image.picture) is not None
    return Overlay(card, album.embed(image.map) if below else None, is_empty=image.peak <= 0)


def _block(block: ExplainedBlock, album: Album) -> Block:
    tiles = zip(block.channels, block.lows, block.highs, block.pictures, strict=True)
    height, width, channels = block.shape
    return Block(
        layer=block.layer,
        height=height,
        width=width,
        channels=channels,
        tiles=tuple(
            Tile(channel, low, high, album.embed(picture))
            for channel, low, high, picture in tuple(tiles)[:_MOST_TILES]
        ),
    )
