"""How figures and models are named, the same in the terminal, in Markdown and in HTML."""

from collections.abc import Iterable
from datetime import UTC, datetime

from reports.ensembles import members_of
from reports.leaderboard import LeaderboardRow
from reports.records import Origin, Stage, TrialRecord

__all__ = [
    "NONE",
    "PAPER_NOTE",
    "RANDOM_NOTE",
    "SYNTHETIC_NOTE",
    "UNIT_NOTE",
    "count",
    "duration",
    "epochs",
    "has_random_weights",
    "interval",
    "is_papers_setting",
    "marks",
    "model",
    "moment",
    "notes",
    "percent",
    "picture_note",
    "printable",
    "setting",
    "spread",
    "trial_name",
]

NONE = "\N{EN DASH}"
"""Stands where nothing was measured."""

SYNTHETIC_NOTE = (
    "Synthetic data: the images are computed phantoms, not patients. "
    "These figures show that the program works, not how well it would do on real scans."
)
RANDOM_NOTE = (
    "Random weights: backbones marked “random weights” were not pretrained. "
    "They show that the way works, not what the backbone can do."
)
PAPER_NOTE = (
    "“paper”: a setting of the source papers, trained at this experiment's image size and "
    "epochs; what the papers leave open was filled in by us."
)
UNIT_NOTE = (
    "“unit”: the backbone was fed x / 255, from 0 to 1, not what it was pretrained with (native)."
)


def picture_note(pictures: int, *, left_out: bool, synthetic: bool) -> str:
    """Say which pictures a page holds, so that it can be passed on with open eyes."""
    if left_out:
        return "Pictures were left out of this report; names of files were not."
    if pictures == 0:
        return "Pictures of patients: none in this report."
    if synthetic:
        return (
            f"Pictures in this report: {pictures}, all of computed phantoms. Pictures of patients: "
            "none."
        )
    return (
        f"Pictures in this report: {pictures}, taken from the images themselves; if those show "
        "patients, so does this page. `neurosweep report RUN --no-images` makes one without them."
    )


def percent(share: float | None, digits: int = 1) -> str:
    """Write a share as per cent, without the sign."""
    return NONE if share is None else f"{100 * share:.{digits}f}"


def interval(low: float | None, high: float | None) -> str:
    """Write an interval of shares as per cent, without the sign."""
    return NONE if low is None else f"{percent(low)}\N{EN DASH}{percent(high)}"


def spread(mean: float | None, deviation: float | None) -> str:
    """Write a mean of shares with its standard deviation as per cent, without the sign."""
    reach = "" if deviation is None else f" ± {percent(deviation)}"
    return f"{percent(mean)}{reach}"


def count(number: int | None) -> str:
    """Write a large number short: 1,234 as 1.2k."""
    if number is None:
        return NONE
    for size, letter in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return str(number)


def amount(number: float | None) -> str:
    """Write hours or money: two decimals, or two digits of what is less than one."""
    if number is None:
        return NONE
    return f"{number:,.2f}" if number >= 1 or number == 0 else f"{number:.2g}"


def spent_in_all(records: Iterable[TrialRecord]) -> str:
    """Write what a list of trials held workers for; empty where none of them says so."""
    held = [record for record in records if record.held_seconds is not None]
    hours, gpus = sum(r.held_seconds or 0 for r in held) / 3600, sum(r.gpu_hours or 0 for r in held)
    costs = [record.cost for record in held if record.cost is not None]
    told = (
        (f"{amount(hours)} worker-hours", True),
        (f"{amount(gpus)} GPU-hours", gpus > 0),
        (f"cost {amount(sum(costs))}", bool(costs)),
    )
    return f"These rows: {', '.join(text for text, holds in told if holds)}" if held else ""


def setting(value: object) -> str:
    """Write a hyperparameter's value for reading: four digits of a number that was drawn."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def duration(seconds: float | None) -> str:
    """Write a time span: 9 s, 3 min 20 s, 2 h 5 min."""
    if seconds is None:
        return NONE
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.2g} s" if seconds < 9.5 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def moment(time: str) -> str:
    """Write an ISO time to the minute, in UTC; anything else stays as it is."""
    try:
        read = datetime.fromisoformat(time)
    except ValueError:
        return time
    read = read if read.tzinfo else read.replace(tzinfo=UTC)
    return f"{read.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def model(record: TrialRecord) -> str:
    """Name the network: a backbone says more than the family it belongs to."""
    return printable(record.backbone or record.family)


def trial_name(record: TrialRecord) -> str:
    """Name a trial beside its model: the rest of a screened backbone's id says the model again."""
    return "screen" if record.stage is Stage.SCREEN else record.trial_id


def has_random_weights(record: TrialRecord) -> bool:
    """Tell whether a backbone was trained from random weights."""
    return record.weights == "random"


def is_papers_setting(record: TrialRecord) -> bool:
    """Tell whether a trial is a setting of the papers; a probe on frozen features is none."""
    return record.origin is Origin.PAPER and record.stage is not Stage.SCREEN


def epochs(record: TrialRecord, between: str = "/") -> str:
    """Write how many of the allowed epochs ran; others are not trained in epochs."""
    if record.stage in (Stage.SCREEN, Stage.ENSEMBLE):
        return NONE
    return f"{record.epochs}{between}{record.epochs_allowed}"


def marks(row: LeaderboardRow) -> tuple[str, ...]:
    """What must be said beside a model's name wherever its row is shown."""
    marked = (
        ("linear probe", row.stage is Stage.SCREEN),
        ("unit", row.preprocessing == "unit"),
        ("paper", is_papers_setting(row)),
        ("fine-tuned", row.stage is Stage.FINE_TUNE),
        (f"of {len(members_of(row))} networks", row.stage is Stage.ENSEMBLE),
        ("repeat", row.origin is Origin.REPEAT),
        ("warm start", row.origin is Origin.WARM_START),
        ("Pareto front", row.pareto is True),
        ("breaks a constraint", row.feasible is False),
        (f"{_mean(row)} % over {row.repeats} seeds", (row.repeats or 0) > 1),
        ("random weights", has_random_weights(row)),
    )
    return tuple(mark for mark, holds in marked if holds)


def _mean(row: LeaderboardRow) -> str:
    return spread(row.val_accuracy_mean, row.val_accuracy_sd)


def notes(records: Iterable[TrialRecord]) -> tuple[str, ...]:
    """The warnings that belong to a list of trials, the gravest first."""
    records = tuple(records)
    told = (
        (SYNTHETIC_NOTE, any(record.synthetic for record in records)),
        (RANDOM_NOTE, any(map(has_random_weights, records))),
        (UNIT_NOTE, any(record.preprocessing == "unit" for record in records)),
        (PAPER_NOTE, any(map(is_papers_setting, records))),
    )
    return tuple(note for note, holds in told if holds)


def printable(text: str) -> str:
    """Replace what could move a terminal's cursor or break a line."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
