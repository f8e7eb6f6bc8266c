"""Stage 8: an ensemble of the finalists, from what they said of the validation images.

It trains nothing, and opens no test image. What its row says of validation is out of fold: each
image was judged by members, of all trials, and weights that were chosen without it. The ensemble
itself is of the finalists, whose weights are kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosweep.errors import TrialError
from reports import Origin, Stage, Status, TrialRecord
from search.books.trial_records import first_line, judged
from search.books.weights_kept import load_weights, save_array
from search.ensembling.library import Library
from search.ensembling.out_of_fold import FEWEST_FOLDS, Chosen, Validation, choose, folds_of
from search.runs.run_directory import RunDirectory
from search.stages.context import Run, StageWorkers, true_labels
from search.stages.fine_tune import read_recipe, winner_of
from search.stages.saved_answers import SavedAnswers, truth_of
from trainables import Ensemble, Member, metrics
from trainables.results import Latency, Times

__all__ = [
    "ensemble",
    "ensemble_of",
    "fitted_accuracy",
    "published",
    "read_ensemble",
    "recorded_latency",
    "with_their_weights",
]

FAMILY = "ensemble"
_FEWEST_MEMBERS = 2


@dataclass(frozen=True)
class _NoneMade:
    """Why there is no ensemble, and whether that was a fault that another attempt may not meet."""

    why: str
    is_fault: bool = False


def ensemble(run: Run, worker: StageWorkers, finalists: Sequence[TrialRecord]) -> None:
    """Makes an ensemble of the finalists, or finds that an earlier sitting made it of the same.

    It becomes one of the run's records, in place of one that was made of others. Where none comes
    about it is said why; where it was no fault of the networks, a later sitting tries again. A
    trial whose predictions are damaged is left out, and that is said.

    Args:
        run: The run under way; its experiment asks for an ensemble.
        worker: Measures what one image takes.
        finalists: The networks to choose from, whose weights are kept.
    """
    answers = SavedAnswers(run.directory, truth_of(run.source, "validation"))
    said = _said(run, answers, finalists)
    pool = _with_predictions(run, (one for one in run.records if one.stage != Stage.ENSEMBLE))
    made_of = {"candidates": [record.trial_id for record, _ in said], "chosen_from": len(pool)}
    before = run.directory.info.get("ensemble") or {}
    if made_of == {name: before.get(name) for name in made_of}:
        _tell_problem(run, answers)
        return
    made = _make(run, worker, said, pool, answers)
    _tell_problem(run, answers)
    others = [record for record in run.records if record.stage != Stage.ENSEMBLE]
    if isinstance(made, TrialRecord):
        run.display.note(f"{made.trial_id}: {made.stop_detail}")
        run.records[:] = [*others, made]
        run.directory.update(ensemble={"trial_id": made.trial_id, **made_of})
        return
    run.display.note(f"no ensemble: {made.why}{'; --resume tries again' * made.is_fault}")
    run.records[:] = others
    settled = {"candidates": None} if made.is_fault else made_of
    run.directory.update(ensemble={"trial_id": None, **settled})


def _tell_problem(run: Run, answers: SavedAnswers) -> None:
    if answers.problem is not None:
        run.display.note(f"left out of the ensemble: {answers.problem}")


def ensemble_of(run: Run) -> TrialRecord | None:
    """The run's ensemble; None where none came about."""
    return next((record for record in run.records if record.stage == Stage.ENSEMBLE), None)


def published(run: Run) -> TrialRecord:
    """What winner/ holds: the first in rank, an ensemble only where the experiment allows it."""
    may_be_ensemble = run.plan.experiment.final.ensemble is True
    records = (one for one in run.records if may_be_ensemble or one.stage != Stage.ENSEMBLE)
    return winner_of(records, run.ranking)


def read_ensemble(run: RunDirectory, trial_id: str) -> Ensemble:
    """Reads the members in an ensemble's record.json."""
    return Ensemble.from_list(_read(run, trial_id)["ensemble"])


def fitted_accuracy(run: RunDirectory, trial_id: str) -> float:
    """What an ensemble's final weights reach on the validation images that chose them."""
    return float(_read(run, trial_id)["fitted_val_accuracy"])


def recorded_latency(run: RunDirectory, trial_id: str) -> Latency:
    """How long images took through an ensemble when it was made."""
    told = _read(run, trial_id)["latency"]
    one, batch = (Times(**told[name]) for name in ("one", "batch"))
    return Latency(one=one, batch=batch, device=str(told["device"]))


def _read(run: RunDirectory, trial_id: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(
        (run.path / "trials" / trial_id / "record.json").read_text("utf-8")
    )
    return content


def with_their_weights(run: RunDirectory, members: Ensemble) -> dict[str, Any]:
    """An ensemble as tasks take it: the members, and the trained weights of each."""
    names = (member.trial_id for member in members.members)
    return {"ensemble": members, "weights": [load_weights(run, name) for name in names]}


def _with_predictions(run: Run, records: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Those that are ranked, the best first: what breaks a constraint takes no part."""
    trials = run.directory.path / "trials"
    ranked = run.ranking.ranked(records)
    return [record for record in ranked if (trials / record.trial_id / "validation.npy").exists()]


def _said(
    run: Run, answers: SavedAnswers, finalists: Sequence[TrialRecord]
) -> list[tuple[TrialRecord, NDArray[np.float32]]]:
    """The candidates, the best first, each with what it said of the validation images."""
    read = (
        (record, answers.read(record.trial_id, record.val_accuracy or 0.0))
        for record in _with_predictions(run, finalists)
    )
    return [(record, said) for record, said in read if said is not None]


def _make(
    run: Run,
    worker: StageWorkers,
    candidates: Sequence[tuple[TrialRecord, NDArray[np.float32]]],
    pool: Sequence[TrialRecord],
    answers: SavedAnswers,
) -> TrialRecord | _NoneMade:
    if len(candidates) < _FEWEST_MEMBERS:
        return _NoneMade(f"it takes {_FEWEST_MEMBERS} networks, and there is {len(candidates)}")
    validation = Validation(labels=answers.truth.labels, groups=answers.truth.groups)
    if folds_of(validation) < FEWEST_FOLDS:
        return _NoneMade(
            "a class has a single picture in validation, so that it could not be judged on images "
            "that had no say in it"
        )
    recorded = {record.trial_id: record.val_accuracy or 0.0 for record in pool}
    chosen = choose(
        np.stack([said for _, said in candidates]),
        validation,
        Library(
            names=sorted(recorded),
            read=lambda name: answers.read(name, recorded[name]),
            count=len(candidates),
        ),
        by_loss=run.plan.experiment.search.aim.epoch_figure == "val_loss",
        seed=run.plan.experiment.search.seed,
    )
    pairs = zip((record for record, _ in candidates), chosen.weights.tolist(), strict=True)
    taken = {record.trial_id: (record, weight) for record, weight in pairs if weight > 0}
    if len(taken) < _FEWEST_MEMBERS:
        return _NoneMade(f"{next(iter(taken))} alone does as well as any mean of the finalists")
    return _build(run, worker, chosen, sorted(taken.values(), key=lambda pair: -pair[1]))


def _build(
    run: Run, worker: StageWorkers, chosen: Chosen, taken: Sequence[tuple[TrialRecord, float]]
) -> TrialRecord | _NoneMade:
    """Measures and records it; the heaviest member comes first, of equals the better one."""
    members = Ensemble(
        tuple(
            Member(
                trial_id=record.trial_id,
                weight=weight,
                recipe=read_recipe(run.directory, record.trial_id),
            )
            for record, weight in taken
        )
    )
    started = _now()
    payload = {**with_their_weights(run.directory, members), "source": run.source}
    try:
        latency: Latency = worker.run("ensemble_latency", payload)
    except TrialError as error:
        return _NoneMade(f"it could not be built: {first_line(str(error))}", is_fault=True)
    record = _record(run, [one for one, _ in taken], members, chosen, latency, started)
    _keep(run, record, members, chosen, latency)
    return record


def _keep(
    run: Run, record: TrialRecord, members: Ensemble, chosen: Chosen, latency: Latency
) -> None:
    """Writes what belongs to the ensemble; its predictions are those that no image had a say in."""
    labels = true_labels(run.source, "validation")
    run.directory.trial(record.trial_id)
    save_array(run.directory, f"trials/{record.trial_id}/validation.npy", chosen.out_of_fold)
    run.directory.count(
        record,
        ensemble=members.to_list(),
        # What a rerun compares with: it has the final weights, and not those of each fold.
        fitted_val_accuracy=metrics.accuracy(chosen.fitted, labels),
        latency=asdict(latency),
    )


def _record(
    run: Run,
    taken: Sequence[TrialRecord],
    members: Ensemble,
    chosen: Chosen,
    latency: Latency,
    started: str,
) -> TrialRecord:
    labels = true_labels(run.source, "validation")
    parts = [f"{member.weight:.2g} {member.trial_id}" for member in members.members]
    record = TrialRecord(
        trial_id=_next_name(run.directory),
        stage=Stage.ENSEMBLE,
        origin=Origin.SAMPLER,
        family=FAMILY,
        weights=_pretrained(taken),
        preprocessing="unit" if any(one.preprocessing == "unit" for one in taken) else None,
        status=Status.COMPLETED,
        stop_reason="finished",
        stop_detail=f"{' + '.join(parts)}; validation figures over {chosen.folds} folds",
        hyperparameters=_hyperparameters(members),
        seed=run.plan.experiment.search.seed,
        val_accuracy=metrics.accuracy(chosen.out_of_fold, labels),
        val_loss=metrics.cross_entropy(chosen.out_of_fold, labels),
        epochs=0,
        epochs_allowed=0,
        seconds=0.0,
        image_size=max(one.image_size for one in taken),
        parameters=_sum([one.parameters for one in taken]),
        multiply_adds=_sum([one.multiply_adds for one in taken]),
        latency_ms=latency.one.median,
        started_at=started,
        finished_at=_now(),
        **run.validation_scores().of(chosen.out_of_fold),
        **run.facts(),
    )
    return judged(record, run.plan.experiment.search.aim)


def _hyperparameters(members: Ensemble) -> dict[str, Any]:
    named: dict[str, Any] = {"family": FAMILY, "ensemble/members": len(members.members)}
    for number, member in enumerate(members.members, start=1):
        named[f"ensemble/member_{number}"] = member.trial_id
        named[f"ensemble/weight_{number}"] = member.weight
    return named


def _pretrained(taken: Sequence[TrialRecord]) -> str:
    """Where backbones' weights came from; random ones are named whatever stands beside them."""
    named = [record.weights for record in taken if record.weights != "none"]
    return "random" if "random" in named else next(iter(named), "none")


def _sum(figures: Sequence[int | None]) -> int | None:
    """Their sum; None where one is not known."""
    known = [figure for figure in figures if figure is not None]
    return sum(known) if len(known) == len(figures) else None


def _next_name(run: RunDirectory) -> str:
    """A name that no ensemble of an earlier sitting has."""
    taken = {path.name for path in (run.path / "trials").glob("e[0-9]*")}
    number = 1
    while f"e{number:04d}" in taken:
        number += 1
    return f"e{number:04d}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
