"""What a run's workers came to: hours of workers and GPUs, their cost, and what was lost.

run.yaml says it by what workers were held for, as the driver left it; while a sitting goes on, and
after one that was killed, the trials' own records may know of more.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from neurosweep.errors import RunDirectoryError
from reports.records import Stage, TrialRecord
from reports.run import Run
from reports.wording import printable

__all__ = [
    "STAGES",
    "Losses",
    "StageSpending",
    "currency",
    "gpus_each",
    "losses",
    "spending",
    "stage_spending",
]

STAGES = {
    "measure": "caches and measurement",
    "screen": "screening",
    "search": "trials of the search",
    "final": "final stages",
}
"""What workers are held for, by the names in run.yaml, in the order of a run."""

_OF_RECORDS = {Stage.SCREEN: "screen", Stage.SEARCH: "search"}
_FIGURES = ("seconds", "cost", "unpriced_seconds", "lost_workers", "gpu_seconds")


@dataclass(frozen=True, kw_only=True)
class StageSpending:
    """What workers came to that were held for one stage, or for all of them.

    Attributes:
        seconds: For how long they were held, all of them together.
        cost: Of those seconds that have a price.
        unpriced_seconds: Those of the seconds that have none.
        lost_workers: Those that a stage around the search lost and replaced; trials count theirs.
        gpu_seconds: The seconds of each times the GPUs that it had.
        priced: Whether the experiment says what any node costs.
    """

    seconds: float = 0.0
    cost: float = 0.0
    unpriced_seconds: float = 0.0
    lost_workers: float = 0
    gpu_seconds: float = 0.0
    priced: bool = False

    def __add__(self, other: "StageSpending") -> "StageSpending":
        """Both together."""
        return StageSpending(
            seconds=self.seconds + other.seconds,
            cost=self.cost + other.cost,
            unpriced_seconds=self.unpriced_seconds + other.unpriced_seconds,
            lost_workers=self.lost_workers + other.lost_workers,
            gpu_seconds=self.gpu_seconds + other.gpu_seconds,
            priced=self.priced or other.priced,
        )

    @property
    def worker_hours(self) -> float:
        """Hours that workers were held."""
        return self.seconds / 3600

    @property
    def gpu_hours(self) -> float:
        """Hours that their GPUs were held."""
        return self.gpu_seconds / 3600

    @property
    def known_cost(self) -> float | None:
        """The cost of what has a price; None where nothing has one."""
        all_unpriced = self.cost == 0 and self.unpriced_seconds >= self.seconds > 0
        return self.cost if self.priced and not all_unpriced else None


@dataclass(frozen=True, kw_only=True)
class Losses:
    """What was lost with workers: trials that lost one, how often, and the time.

    Attributes:
        trials: Trials that lost a worker.
        workers: How often they did.
        ended: Those of the trials that failed for it in the end.
        seconds: For how long the workers of lost attempts were held.
    """

    trials: int
    workers: int
    ended: int
    seconds: float


def spending(run: Run) -> dict[str, StageSpending]:
    """Add up what workers were held for, by stage in the order of a run; those with none left out.

    Raises:
        RunDirectoryError: run.yaml says it with something else than numbers of at least 0.
    """
    said = stage_spending(run.info, run.records)
    priced = _is_priced(run.info)
    return {
        stage: StageSpending(**said[stage], priced=priced)
        for stage in STAGES
        if said.get(stage, {}).get("seconds", 0.0) > 0
    }


def stage_spending(
    info: Mapping[str, Any], records: Iterable[TrialRecord]
) -> dict[str, dict[str, float]]:
    """Tell of each stage its seconds, their cost and those without a price, as far as is known.

    Args:
        info: What run.yaml says; the larger of this and of what the records tell counts.
        records: The finished trials.

    Raises:
        RunDirectoryError: run.yaml says it with something else than numbers of at least 0.
    """
    gpus = gpus_each(info)
    known = _of_records(records, gpus)
    for stage, said in _said(info, known, gpus).items():
        if said["seconds"] >= known.get(stage, said)["seconds"]:
            known[stage] = said
        known[stage]["lost_workers"] = said["lost_workers"]
    return known


def losses(records: Sequence[TrialRecord]) -> Losses:
    """Count the workers that trials lost."""
    lost = [record for record in records if record.lost_workers]
    return Losses(
        trials=len(lost),
        workers=sum(record.lost_workers or 0 for record in lost),
        ended=sum(record.stop_reason == "WorkerLostError" for record in lost),
        seconds=sum(record.lost_seconds or 0.0 for record in lost),
    )


def currency(info: Mapping[str, Any]) -> str:
    """What costs are in, as the experiment says; empty where it does not."""
    told = _asked(info, "currency")
    return printable(str(told)) if told is not None else ""


def _of_records(records: Iterable[TrialRecord], gpus: float) -> dict[str, dict[str, float]]:
    known: dict[str, dict[str, float]] = {}
    for record in records:
        stage = known.setdefault(
            _OF_RECORDS.get(record.stage, "final"), dict.fromkeys(_FIGURES, 0.0)
        )
        seconds = record.held_seconds or record.seconds
        stage["seconds"] += seconds
        stage["cost"] += record.cost or 0.0
        stage["unpriced_seconds"] += seconds if record.cost is None else 0.0
        hours = record.gpu_hours
        stage["gpu_seconds"] += seconds * gpus if hours is None else 3600 * hours
    return known


def _said(
    info: Mapping[str, Any], known: Mapping[str, Mapping[str, float]], gpus: float
) -> dict[str, dict[str, float]]:
    """What run.yaml says.

    One of an earlier version says the seconds of all stages only, or nothing of GPUs: then each
    worker had those of a trial.
    """
    told = info.get("held")
    if told is None:
        others = sum(one["seconds"] for stage, one in known.items() if stage != "search")
        left = _number(info.get("held_seconds", 0.0)) - others
        none = dict.fromkeys(_FIGURES, 0.0)
        search = {"seconds": left, "unpriced_seconds": left, "gpu_seconds": left * gpus}
        return {"search": none | search} if left > 0 else {}
    if not isinstance(told, dict) or not all(isinstance(one, dict) for one in told.values()):
        raise RunDirectoryError(_rule(told))
    return {str(stage): _figures(one, gpus) for stage, one in told.items()}


def _figures(told: Mapping[str, Any], gpus: float) -> dict[str, float]:
    figures = {figure: _number(told.get(figure, 0.0)) for figure in _FIGURES}
    return (
        figures if "gpu_seconds" in told else figures | {"gpu_seconds": figures["seconds"] * gpus}
    )


def _number(told: object) -> float:
    if isinstance(told, bool) or not isinstance(told, int | float) or not 0 <= told < inf:
        raise RunDirectoryError(_rule(told))
    return float(told)


def _rule(told: object) -> str:
    return (
        "run.yaml says under `held` for how many seconds workers were held, by stage, and what it "
        f"cost, in numbers of at least 0; received {str(told)[:80]!r}. Was it edited? Without "
        "`held` and `held_seconds` the trials' own records are counted."
    )


def gpus_each(info: Mapping[str, Any]) -> float:
    """Say how many GPUs a trial has, by what run.yaml says.

    Raises:
        RunDirectoryError: it says it with something else than a number of at least 0.
    """
    told = info.get("resources", {})
    return _number(told.get("GPU", 0.0)) if isinstance(told, dict) else 0.0


def _is_priced(info: Mapping[str, Any]) -> bool:
    return _asked(info, "price_per_hour") is not None


def _asked(info: Mapping[str, Any], name: str) -> object:
    """What the experiment says of resources."""
    told: Any = info
    for key in ("experiment", "resources", name):
        told = told.get(key) if isinstance(told, dict) else None
    return told
