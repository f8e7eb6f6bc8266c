"""What limits a model's figures, as sentences that follow from what the run recorded."""

from collections.abc import Iterator, Mapping, Sequence

from reports.evaluation import Cleanness, Evaluation, Finalist
from reports.leaderboard import LeaderboardRow
from reports.run import Run
from reports.verdicts import Measured, measure
from reports.wording import has_random_weights, interval, percent

__all__ = ["limits"]

_TUMOURS = "notumor"
"""The negative class whose positives are tumours; of another's nobody knows what they are."""


def limits(run: Run, rows: Sequence[LeaderboardRow], winner: LeaderboardRow) -> Iterator[str]:
    """Say what limits the winner's figures, the gravest first."""
    if run.synthetic:
        yield (
            "Synthetic data: the figures show that the program works, not how well this model "
            "would do on real scans."
        )
    if has_random_weights(winner):
        yield "Random weights: the backbone was not pretrained, so its figures do not speak for it."
    elif any(map(has_random_weights, rows)):
        yield (
            "The backbones of other rows had random weights: that this model is better than they "
            "are says nothing."
        )
    if run.state != "finished":
        yield f"The run's state is “{run.state}”: a later sitting may bring another winner."
    evaluation = run.evaluation
    tested = evaluation.of(winner.trial_id) if evaluation else None
    if evaluation is None or tested is None:
        yield "This model was not measured on the test set."
    else:
        yield from _tested(run, evaluation, tested)
    yield from _origin(run)


def _tested(run: Run, evaluation: Evaluation, tested: Finalist) -> Iterator[str]:
    everywhere = measure(tested.on_all, evaluation)
    clean = measure(tested.on_clean, evaluation) if tested.on_clean else None
    yield from _missed(evaluation, everywhere, clean)
    yield from _leaks(evaluation)
    right = everywhere.right
    yield (
        f"Size of the test set: {right.images:,} images. With that many, the accuracy of "
        f"{percent(right.value)} % is sure to within {interval(right.low, right.high)} % only."
    )
    yield from _classes(evaluation, everywhere)
    if len(run.test_openings) > 1:
        yield (
            f"The test set was opened {len(run.test_openings)} times: whoever saw a figure may "
            "have chosen by it."
        )


def _missed(evaluation: Evaluation, everywhere: Measured, clean: Measured | None) -> Iterator[str]:
    ways = [("all", everywhere), *([("clean", clean)] if clean and _differs(evaluation) else [])]
    told = [
        f"{one.missed.count:,} of {one.missed.images:,} on {which} test images "
        f"({interval(one.missed.low, one.missed.high)} %)"
        for which, one in ways
        if one.missed is not None
    ]
    if told:
        name = evaluation.negative_class
        what = "Missed tumours" if name == _TUMOURS else "Missed positives"
        yield f"{what}, which were called “{name}”: {'; '.join(told)}."


def _differs(evaluation: Evaluation) -> bool:
    return evaluation.cleanness is Cleanness.SOME


def _leaks(evaluation: Evaluation) -> Iterator[str]:
    images, clean = evaluation.images, evaluation.test_images_clean
    if evaluation.cleanness is Cleanness.UNKNOWN or clean is None:
        yield "Known leaks: which test images have a twin in training was not measured."
    elif evaluation.cleanness is Cleanness.ALL:
        yield (
            f"Known leaks: none; no twin of the {images:,} test images was found in training or "
            "validation. The search for twins looks at pictures, not at who they are of."
        )
    else:
        yield (
            f"Known leaks: {images - clean:,} of {images:,} test images have a twin in training or "
            "validation. Accuracy on all of them is too good for that."
        )


def _classes(evaluation: Evaluation, measured: Measured) -> Iterator[str]:
    lines = measured.classes[: len(evaluation.classes)]  # behind them stand the averages
    held = [line for line in lines if line.support]
    missing = [name for name in evaluation.classes if name not in {line.name for line in held}]
    if missing:
        yield f"No test image at all of {', '.join(missing)}: what it does with them is unknown."
    worst = min(held, key=lambda line: line.recall, default=None)
    if worst is not None and worst.recall < 1:
        yield (
            f"It finds “{worst.name}” least well: {percent(worst.recall)} % of {worst.support:,} "
            "test images."
        )


def _origin(run: Run) -> Iterator[str]:
    data = run.info.get("data")
    if run.synthetic or not isinstance(data, Mapping):
        return
    if data.get("groups") is None:
        yield (
            "Which images are of one patient was not told to the run: images of one may stand in "
            "training and test."
        )
    yield (
        "All images are from one collection. How the model does on images of other devices or "
        "another origin was not measured."
    )
