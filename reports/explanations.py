"""What was looked at of the winner's answers on the test set: `explanations/explanations.json`.

Pictures stand beside it as PNG files, see `reports.explanation_pictures`; their names are not to be
trusted, see `reports.pictures`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from neurosweep.errors import RunDirectoryError
from reports.files import read_typed
from reports.rounding import ROUNDING

__all__ = [
    "EXPLANATIONS",
    "EXPLANATIONS_VERSION",
    "ExplainedBlock",
    "ExplainedImage",
    "Explanations",
    "FeatureMaps",
    "GradCam",
    "MappedImage",
    "read_explanations",
]

EXPLANATIONS = "explanations/explanations.json"
"""Its name, relative to the run directory."""

EXPLANATIONS_VERSION = 2
"""Raised whenever the same network and images would give other explanations."""

_ADVICE = (
    "Restore the file, or delete the folder explanations/: `neurosweep search --resume` makes it "
    "again."
)


@dataclass(frozen=True, kw_only=True)
class ExplainedImage:
    """One test image and what the winner said of it.

    Attributes:
        file: Its name, relative to the folder of the data.
        true: Its class.
        predicted: The class of the highest probability.
        probabilities: Of each class, in their order; 0 to 1 inclusive.
        picture: The image as the network saw it; None where there is no file.
    """

    # Read by pydantic: a NaN is no probability.
    __pydantic_config__: ClassVar[dict[str, object]] = {"allow_inf_nan": False}

    file: str
    true: str
    predicted: str
    probabilities: tuple[float, ...]
    picture: str | None = None


@dataclass(frozen=True, kw_only=True)
class MappedImage(ExplainedImage):
    """An image with the Grad-CAM of its predicted class.

    Attributes:
        map: A PNG of 0 to 255 over the picture.
        peak: What 255 stands for, in units of the class's score; 0 where nothing speaks for it.
    """

    map: str
    peak: float


@dataclass(frozen=True, kw_only=True)
class GradCam:
    """Grad-CAM of right and of wrong answers.

    Attributes:
        layer: The layer it was made of; None where there is none.
        grid: Height and width of that layer's maps; None where there is none.
        reason: Why there is none; None where there is.
        images: Right answers of each class, then its wrong ones.
    """

    layer: str | None = None
    grid: tuple[int, int] | None = None
    reason: str | None = None
    images: tuple[MappedImage, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ExplainedBlock:
    """The strongest channels of one block for one image.

    Attributes:
        layer: The layer at which the block ends.
        shape: Height, width and number of channels of its maps.
        channels: Those that are shown, the one with the highest mean first.
        lows: What 0 stands for in each map.
        highs: What 255 stands for in each.
        pictures: A grey PNG of each.
    """

    __pydantic_config__: ClassVar[dict[str, object]] = {"allow_inf_nan": False}

    layer: str
    shape: tuple[int, int, int]
    channels: tuple[int, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    pictures: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class FeatureMaps:
    """Feature maps of one image, block by block from the image to the head."""

    image: ExplainedImage
    blocks: tuple[ExplainedBlock, ...]


@dataclass(frozen=True, kw_only=True)
class Explanations:
    """All of it.

    Attributes:
        version: Of what made it, `EXPLANATIONS_VERSION` at the time.
        trial_id: The trial whose answers they are.
        network: The trial whose network was looked into: of an ensemble its heaviest member, else
            the same.
        image_size: Side of what the network sees, in pixels.
        classes: In the order of the probabilities.
        negative_class: The class that means "nothing found"; None if there is none.
        test_images: Number of test images.
        wrong: How many of them were given a wrong class.
        missed: How many positives were called the negative class; None without such a class.
        misclassified: The first of the wrong ones: missed positives first, then by the probability
            that the wrong class was given, the highest first.
        grad_cam: Where the network found what spoke for its answers.
        feature_maps: What its blocks make of one image; None where nothing is known of its blocks.
    """

    version: int
    trial_id: str
    network: str
    image_size: int
    classes: tuple[str, ...]
    negative_class: str | None = None
    test_images: int
    wrong: int
    missed: int | None = None
    misclassified: tuple[ExplainedImage, ...]
    grad_cam: GradCam
    feature_maps: FeatureMaps | None = None

    def is_missed(self, image: ExplainedImage) -> bool:
        """Whether an image is a positive that was called the negative class."""
        return self.negative_class is not None and (
            image.predicted == self.negative_class != image.true
        )


def read_explanations(run: Path) -> Explanations | None:
    """Read the file of a run directory; None where there is none.

    Raises:
        RunDirectoryError: It is damaged, names classes that there are not, has other numbers of
            figures than of classes or maps, or impossible ones.
    """
    path = run / EXPLANATIONS
    found = read_typed(
        path, Explanations, holds="explanations of the winner's answers", advice=_ADVICE
    )
    for problem in _problems(found) if found else ():
        raise RunDirectoryError(f"{path}: {problem}. {_ADVICE}")
    return found


def _problems(found: Explanations) -> Iterator[str]:
    told = found.grad_cam
    if not told.reason and not (told.layer and told.grid):
        yield (
            "of Grad-CAM either the reason is told why there is none, or layer and grid; received "
            f"layer {told.layer!r} and grid {told.grid!r}"
        )
    if found.feature_maps is not None and not found.feature_maps.blocks:
        yield "feature maps are those of at least one block; received none"
    images = [*found.misclassified, *found.grad_cam.images]
    if found.feature_maps is not None:
        images.append(found.feature_maps.image)
        for block in found.feature_maps.blocks:
            counts = {len(block.channels), len(block.lows), len(block.highs), len(block.pictures)}
            if len(counts) > 1:
                yield f"each map of {block.layer} has a channel, a low, a high and a picture"
    if found.negative_class not in (None, *found.classes):
        yield f"the negative class is one of the classes; received {found.negative_class!r}"
    if not len(found.misclassified) <= found.wrong <= found.test_images:
        yield f"the wrong answers are some of {found.test_images}; received {found.wrong}"
    if not 0 <= (found.missed or 0) <= found.wrong:
        yield f"missed positives are some of the wrong answers; received {found.missed}"
    for image in images:
        yield from _wrong(image, found.classes)


def _wrong(image: ExplainedImage, classes: tuple[str, ...]) -> Iterator[str]:
    for name in (image.true, image.predicted):
        if name not in classes:
            yield f"the class of {image.file} is one of the classes; received {name!r}"
    shares = image.probabilities
    if len(shares) != len(classes) or not all(map(_is_probability, shares)):
        yield (
            f"{image.file} has a probability from 0 to 1 for each of the {len(classes)} classes; "
            f"received {shares}"
        )


def _is_probability(share: float) -> bool:
    # As predictions are read: earlier versions wrote what was in them.
    return -ROUNDING <= share <= 1 + ROUNDING
