"""What earlier runs over the same space can teach a new one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import reports
import spaces
from neurosweep.errors import ExperimentError, SpaceError
from reports import Stage, Status, TrialRecord
from reports.ranking import Ranking
from search.books.assignment import Plan
from search.books.trial_records import figures_of
from search.objective import Aim
from search.studies.known_trial import KnownTrial

__all__ = ["WarmStart", "check_warm_start", "read_warm_start"]

_SAME = ("data.image_size", "data.color", "training.epochs")
"""What has to be equal for scores to be comparable and configurations to mean the same."""

_DIVISION = ("data.validation", "data.folds", "data.leaks", "search.seed")
"""What decides which images validate: where it differs, scores are near each other, not equal."""


@dataclass(frozen=True, kw_only=True)
class WarmStart:
    """The trials of earlier runs, ready to be learned.

    Attributes:
        known: One per finished trial that lies in the space and has what is aimed at.
        best: The configuration that ranks first among them, with its source; None without one.
        told: One line per run for a person to read.
    """

    known: tuple[KnownTrial, ...]
    best: tuple[str, Mapping[str, spaces.Value]] | None
    told: tuple[str, ...]


def read_warm_start(runs: Iterable[Path], plan: Plan, space: Any, *, fingerprint: str) -> WarmStart:
    """Reads the finished search trials of earlier runs.

    Args:
        runs: Their run directories.
        plan: The new run's.
        space: Its space.
        fingerprint: Of its data; a run on other data is used, and told.

    Raises:
        RunDirectoryError: if one is no run directory.
        ExperimentError: if one has another image size, colour or number of epochs, or not one
            trial in this space.
    """
    aim = plan.experiment.search.aim
    usable: list[tuple[str, TrialRecord]] = []
    told = []
    for path in runs:
        run = reports.read_run(path)
        _check_same(run, plan)
        searched = [record for record in run.records if record.stage == Stage.SEARCH]
        fitting = [r for r in searched if _fits(r, space) and _ending(r, aim) is not None]
        if not fitting:
            raise ExperimentError(
                f"a warm start needs trials of the same space with {', '.join(sorted(aim.needs))}; "
                f"none of the {len(searched)} in {path} is one. Leave it out of --warm-start, or "
                "search the families and ranges that it searched."
            )
        usable += [(f"{run.name}/{record.trial_id}", record) for record in fitting]
        told.append(_told(run, plan, len(searched), fitting, fingerprint))
    return WarmStart(
        known=tuple(_known(source, record, aim) for source, record in usable),
        best=_best(usable, aim),
        told=tuple(told),
    )


def check_warm_start(plan: Plan) -> None:
    """Checks the runs that a search is to learn from, before anything is trained.

    Raises:
        RunDirectoryError: if one is no run directory.
        ExperimentError: if one cannot be learned from, as `read_warm_start` says.
    """
    if plan.experiment.search.warm_start:
        read_warm_start(plan.experiment.search.warm_start, plan, plan.space(), fingerprint="")


def _check_same(run: reports.Run, plan: Plan) -> None:
    earlier, ours = run.info.get("experiment", {}), plan.experiment.model_dump(mode="json")
    for key in _SAME:
        theirs, own = _at(earlier, key), _at(ours, key)
        if theirs != own:
            raise ExperimentError(
                f"a warm start takes runs with the same {', '.join(_SAME)}; {run.path} has {key} "
                f"{theirs}, this experiment {own}. Set it to the same, or leave the run out."
            )


def _at(experiment: Mapping[str, Any], key: str) -> object:
    section, name = key.split(".")
    return experiment.get(section, {}).get(name)


def _fits(record: TrialRecord, space: Any) -> bool:
    try:
        spaces.validate(record.hyperparameters, space)
    except SpaceError:
        return False
    return True


def _told(
    run: reports.Run, plan: Plan, searched: int, fitting: list[TrialRecord], fingerprint: str
) -> str:
    others = searched - len(fitting)
    left_out = f", {others} are of another space or lack a figure" if others else ""
    earlier, ours = run.info.get("experiment", {}), plan.experiment.model_dump(mode="json")
    data = ""
    if fitting[0].data_fingerprint != fingerprint:
        data = "; it searched OTHER DATA"
    elif any(_at(earlier, key) != _at(ours, key) for key in _DIVISION):
        data = "; other images validated there"
    return f"learned from {len(fitting)} trials of {run.name}{left_out}{data}"


def _ending(record: TrialRecord, aim: Aim) -> tuple[float, ...] | None:
    """A record's values as Optuna is told them; None where one is missing that it should have."""
    if record.status == Status.COMPLETED:
        values = aim.values(figures_of(record))
        return None if values is None else tuple(values)
    scored = record.status == Status.PRUNED and aim.is_known_per_epoch
    score = figures_of(record)[aim.epoch_figure] if scored else None
    return () if score is None else (score,)


def _known(source: str, record: TrialRecord, aim: Aim) -> KnownTrial:
    return KnownTrial(
        configuration=record.hyperparameters,
        status=record.status,
        source=source,
        values=_ending(record, aim) or (),
        violations=tuple(aim.violations(figures_of(record))),
        step=record.epochs if record.status == Status.PRUNED else 0,
    )


def _best(
    usable: list[tuple[str, TrialRecord]], aim: Aim
) -> tuple[str, Mapping[str, spaces.Value]] | None:
    ranking = Ranking(aim.objectives)
    ranked = [
        (source, record)
        for source, record in usable
        if ranking.takes_part(record) and not aim.broken(figures_of(record))
    ]
    if not ranked:
        return None
    source, record = min(ranked, key=lambda pair: (ranking.key(pair[1]), pair[0]))
    return source, record.hyperparameters
