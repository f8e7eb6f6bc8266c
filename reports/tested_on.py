"""On which test images a figure was computed, said wherever one stands."""

from collections.abc import Sequence

from reports.evaluation import Cleanness, Evaluation
from reports.leaderboard import LeaderboardRow

__all__ = ["all_clean", "two_ways", "which_images"]

_NOTES = {
    Cleanness.UNKNOWN: "Test figures are on all {images:,} test images; which of them are clean "
    "was not measured.",
    Cleanness.NONE: "Test figures are on all {images:,} test images. None of them is clean: each "
    "has an exact or near twin in training or validation, so that there are no figures on clean "
    "images.",
    Cleanness.SOME: "Test figures are given twice: on all {images:,} test images, and on the "
    "{clean:,} clean ones, which have no exact or near twin in training or validation.",
    Cleanness.ALL: "Test figures are on all {images:,} test images, and all of them are clean: "
    "none has an exact or near twin in training or validation.",
}


def two_ways(evaluation: Evaluation | None, rows: Sequence[LeaderboardRow]) -> bool:
    """Tell whether figures on clean images stand beside those on all, and differ from them."""
    measured = any(row.test_accuracy_clean is not None for row in rows)
    return measured and evaluation is not None and not all_clean(evaluation)


def all_clean(evaluation: Evaluation | None) -> bool:
    """Tell whether every test image is clean."""
    return evaluation is not None and evaluation.cleanness is Cleanness.ALL


def which_images(evaluation: Evaluation | None) -> str:
    """Say on which images the test figures were computed; empty before there are any."""
    if evaluation is None:
        return ""
    return _NOTES[evaluation.cleanness].format(
        images=evaluation.images, clean=evaluation.test_images_clean or 0
    )
