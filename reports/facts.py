"""The figures at the top of the report, each with what it was measured on."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from reports.evaluation import Cleanness, Evaluation, Figures, Finalist
from reports.hours_section import HoursSection
from reports.latency import latency_in_words, measured_on
from reports.leaderboard import LeaderboardRow
from reports.records import Stage, Status, parse_time
from reports.run import Run
from reports.uncertainty import choice_in_words
from reports.verdicts import measure
from reports.wording import count, duration, interval, percent, spread

__all__ = ["Fact", "effort", "hours", "quality", "size"]

_ALL_ONLY = {
    Cleanness.UNKNOWN: "which of them are clean was not measured",
    Cleanness.NONE: "none of them clean",
    Cleanness.ALL: "all of them clean",
}


@dataclass(frozen=True)
class Fact:
    """One figure of the summary.

    Attributes:
        name: What it is.
        value: The figure with its unit.
        detail: How sure it is, or what it is a share of.
        grave: Whether it deserves a second look.
    """

    name: str
    value: str
    detail: str = ""
    grave: bool = False


def quality(run: Run, row: LeaderboardRow) -> tuple[Fact, ...]:
    """How good a row is on validation, on the test set, and over the folds."""
    tested = run.evaluation.of(row.trial_id) if run.evaluation else None
    images = run.validation_images
    bounds = interval(row.val_accuracy_low, row.val_accuracy_high)
    of_images = f"95 % interval {bounds}, {images:,} images" if images else "no split recorded"
    if row.stage is Stage.ENSEMBLE:
        of_images += "; out of fold, so not corrected for the choice"
    facts = [Fact("Validation accuracy", f"{percent(row.val_accuracy)} %", of_images)]
    facts += [*_corrected(run, row), *_over_seeds(run, row)]
    if run.evaluation is None:
        facts.append(Fact("Test accuracy", "not measured", "the test set has not been opened"))
    elif tested is None:
        facts.append(Fact("Test accuracy", "not measured", "it has no figures on the test set"))
    else:
        facts += _tested(run.evaluation, tested)
    return (*facts, *_cross_validated(run, row))


def _corrected(run: Run, row: LeaderboardRow) -> list[Fact]:
    choice = run.statistics.choice
    if choice is None or row.val_accuracy_corrected is None:
        return []
    bounds = interval(row.val_accuracy_corrected_low, row.val_accuracy_corrected_high)
    told = f"95 % interval {bounds}; {choice_in_words(choice, row)}"
    value = f"{percent(row.val_accuracy_corrected)} %"
    return [Fact("Validation accuracy, corrected for the choice", value, told)]


def _over_seeds(run: Run, row: LeaderboardRow) -> list[Fact]:
    """The mean over seeds where its configuration was trained with several."""
    if row.repeats is None or row.repeats < 2:
        return []
    finalist = run.repeated.of(row.trial_id) if run.repeated else None
    asked = run.repeated.repeats if run.repeated and finalist else 0
    # A run that went on may have asked for fewer than there are.
    of_all = f" of {asked}" if asked >= row.repeats else ""
    value = f"{spread(row.val_accuracy_mean, row.val_accuracy_sd)} %"
    told = f"mean and standard deviation over {row.repeats}{of_all} seeds"
    return [Fact("Validation accuracy over seeds", value, told)]


def hours(section: HoursSection | None) -> tuple[Fact, ...]:
    """What workers were held for in all, and what that cost."""
    if section is None:
        return ()
    total = section.total
    of_gpus = f"{total.gpu_hours} GPU-hours; " if section.has_gpus else ""
    lost = section.workers_lost
    told = f"{of_gpus}{lost:,} worker{'' if lost == 1 else 's'} lost on the way"
    facts = [Fact("Worker-hours", total.worker_hours, told)]
    if section.has_cost:
        cost = f"{total.cost} {section.currency}".rstrip()
        facts.append(Fact("Cost", cost, "of the time that workers were held"))
    return tuple(facts)


def _tested(evaluation: Evaluation, tested: Finalist) -> list[Fact]:
    clean = tested.on_clean
    if clean is None or evaluation.cleanness is Cleanness.ALL:
        told = _ALL_ONLY.get(evaluation.cleanness, _ALL_ONLY[Cleanness.UNKNOWN])
        where = f"all {evaluation.images:,} test images, {told}"
        return _test_facts(evaluation, tested.on_all, "", where)
    all_, clean_ = (
        _test_facts(evaluation, tested.on_all, ", all images", "all {:,} test images"),
        _test_facts(evaluation, clean, ", clean images", "the {:,} clean test images"),
    )
    # The two of a kind beside each other.
    return [fact for pair in zip(all_, clean_, strict=False) for fact in pair]


def _test_facts(evaluation: Evaluation, figures: Figures, which: str, where: str) -> list[Fact]:
    measured = measure(figures, evaluation)
    right, missed = measured.right, measured.missed
    bounds = f"95 % interval {interval(right.low, right.high)}, {where.format(right.images)}"
    facts = [Fact(f"Test accuracy{which}", f"{percent(right.value)} %", bounds)]
    if missed is not None:
        facts.append(
            Fact(
                f"Missed positives{which}",
                f"{figures.missed} of {missed.images:,}",
                f"called “{evaluation.negative_class}”; "
                f"95 % interval {interval(missed.low, missed.high)} %",
                grave=missed.value > 0,
            )
        )
    return facts


def _cross_validated(run: Run, row: LeaderboardRow) -> tuple[Fact, ...]:
    if run.cross_validation is None or row.cv_accuracy is None:
        return ()
    folds, asked = row.cv_folds, run.cross_validation.folds
    return (
        Fact(
            "Cross-validation",
            f"{spread(row.cv_accuracy, row.cv_accuracy_sd)} %",
            f"mean and standard deviation of {folds} of {asked} folds, "
            f"{run.cross_validation.images:,} images",
        ),
    )


def effort(run: Run, rows: Sequence[LeaderboardRow]) -> tuple[Fact, ...]:
    """How many trials, and how long they took."""
    trials = [row for row in rows if row.stage is not Stage.SCREEN]
    ended = Counter(row.status for row in trials)
    counts = ", ".join(f"{ended[status]} {status}" for status in Status if ended[status])
    facts = [Fact("Trials", f"{len(trials):,}", counts or "none has ended")]
    probes = len(rows) - len(trials)
    if probes:
        backbones = {row.backbone for row in rows if row.stage is Stage.SCREEN}
        told = f"screened by {probes:,} linear probes before the search"
        facts.append(Fact("Backbones", f"{len(backbones):,}", told))
    if run.records:
        begin = min(parse_time(record.started_at) for record in run.records)
        end = max(parse_time(record.finished_at) for record in run.records)
        trained = duration(sum(row.seconds for row in rows))
        told = f"{trained} of training{' and screening' if probes else ''} in all"
        facts.append(Fact("Time", duration((end - begin).total_seconds()), told))
    return tuple(facts)


def size(row: LeaderboardRow) -> tuple[Fact, ...]:
    """How large a row's network is, and how quick."""
    if row.parameters is None:
        return ()
    told = "weights"
    if row.latency_ms is not None:
        told = f"weights; {latency_in_words(row.latency_ms, measured_on(row))}"
    return (Fact("Network's size", count(row.parameters), told),)
