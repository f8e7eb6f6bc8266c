"""What twins of test images in training mean for the figures, said in sentences."""

from collections.abc import Mapping

from reports.evaluation import Cleanness, Evaluation, Finalist
from reports.run import Run
from reports.verdicts import measure
from reports.wording import interval, percent

__all__ = ["cleanness_sentences"]


def cleanness_sentences(
    run: Run, tested: Finalist | None, who: str = "the winner"
) -> tuple[str, ...]:
    """Say how many test images are clean and what a row reaches on them.

    Args:
        run: The run.
        tested: The row on the test set; None if it was not shown it.
        who: What to call the row.
    """
    evaluation = run.evaluation
    if evaluation is None or evaluation.cleanness is Cleanness.UNKNOWN:
        return _untested(run)
    images = f"{evaluation.images:,}"
    if evaluation.cleanness is Cleanness.ALL:
        return (f"All {images} test images are clean: {_none(run)}.",)
    if evaluation.cleanness is Cleanness.NONE:
        return (
            f"No test image is clean: {_have(run, evaluation.images, evaluation.images)}, so that "
            f"the test figures do not show how well {who} does on new images.",
        )
    seen = evaluation.images - (evaluation.test_images_clean or 0)
    return (f"{_have(run, seen, evaluation.images)}{_reached(evaluation, tested, who)}.",)


def _have(run: Run, seen: int, images: int) -> str:
    which = f"{seen:,} of {images:,}" if seen < images else f"all {images:,}"
    kin = " or share a group with an image there" if _grouped(run) else ""
    return f"{which} test images have an exact or near twin in training or validation{kin}"


def _none(run: Run) -> str:
    kin = " or shares a group with an image there" if _grouped(run) else ""
    return f"none has an exact or near twin in training or validation{kin}"


def _reached(evaluation: Evaluation, tested: Finalist | None, who: str) -> str:
    clean = tested.on_clean if tested else None
    if clean is None:
        return ""
    right = measure(clean, evaluation).right
    return (
        f"; on the {right.images:,} clean ones {who} reaches {percent(right.value)} % "
        f"(95 % interval {interval(right.low, right.high)})"
    )


def _untested(run: Run) -> tuple[str, ...]:
    if run.clean_counts is None:
        pairs = len(run.audit.exact_twins_across_parts or ()) if run.audit else 0
        told = f"{pairs:,} pairs of a training and a test image have equal pixels."
        return (told,) if pairs else ()
    images = sum(run.counts.get("test", {}).values())
    seen = images - sum(run.clean_counts.values())
    return (f"{_have(run, seen, images)}.",) if seen else ()


def _grouped(run: Run) -> bool:
    data = run.info.get("data")
    return isinstance(data, Mapping) and data.get("groups") is not None
