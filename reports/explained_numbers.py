"""The numbers behind the section of pictures, as columns to save."""

from collections.abc import Sequence

from reports.explanations import ExplainedImage, Explanations
from reports.figures.figure import Numbers

__all__ = ["numbers_of_answers", "numbers_of_blocks", "numbers_of_maps"]


def numbers_of_answers(explained: Explanations) -> Numbers:
    """Of each wrong answer that is kept: the image, its class, what was said, all probabilities."""
    images = explained.misclassified
    return {
        **_answers(explained, images),
        "missed": [explained.is_missed(image) for image in images],
    }


def numbers_of_maps(explained: Explanations) -> Numbers:
    """Of each Grad-CAM: the answer it is of, and the score that its highest value stands for."""
    images = explained.grad_cam.images
    return {**_answers(explained, images), "peak": [image.peak for image in images]}


def numbers_of_blocks(explained: Explanations) -> Numbers:
    """Of each feature map that is shown: block, channel, and what black and white stand for."""
    blocks = explained.feature_maps.blocks if explained.feature_maps else ()
    tiles = [
        (block.layer, *tile)
        for block in blocks
        for tile in zip(block.channels, block.lows, block.highs, strict=True)
    ]
    names = ("layer", "channel", "low", "high")
    return {name: [tile[place] for tile in tiles] for place, name in enumerate(names)}


def _answers(explained: Explanations, images: Sequence[ExplainedImage]) -> Numbers:
    return {
        "file": [image.file for image in images],
        "true": [image.true for image in images],
        "predicted": [image.predicted for image in images],
        **{
            f"probability of {name}": [image.probabilities[place] for image in images]
            for place, name in enumerate(explained.classes)
        },
    }
