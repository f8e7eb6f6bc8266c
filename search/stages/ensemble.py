"""Stage 7: an ensemble of the finalists, from what they said of the validation images.

It trains nothing, and opens no test image. What its row says of validation is out of fold: each
image was judged by weights that were chosen without it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

import scans
from neurosweep.errors import RunDirectoryError, TrialError
from reports import Origin, Stage, Status, TrialRecord
from search.books.trial_records import first_line, judged
from search.books.weights_kept import load_weights, save_array
from search.ensembling.out_of_fold import FEWEST_FOLDS, Chosen, Validation, choose, folds_of
from search.runs.run_directory import RunDirectory
from search.stages.context import Run, StageWorkers, true_labels
from search.stages.fine_tune import read_recipe, winner_of
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
    about it is said why; where it was no fault of the networks, a later sitting tries again.

    Args:
        run: The run under way; its experiment asks for an ensemble.
        worker: Measures what one image takes.
        finalists: The networks to choose from, whose weights are kept.
    """
    candidates = _candidates(run, finalists)
    names = [record.trial_id for record in candidates]
    if (run.directory.info.get("ensemble") or {}).get("candidates") == names:
        return
    made = _make(run, worker, candidates)
    others = [record for record in run.records if record.stage != Stage.ENSEMBLE]
    if isinstance(made, TrialRecord):
        run.display.note(f"{made.trial_id}: {made.stop_detail}")
        run.records[:] = [*others, made]
        run.directory.update(ensemble={"trial_id": made.trial_id, "candidates": names})
        return
    run.display.note(f"no ensemble: {made.why}{'; --resume tries again' * made.is_fault}")
    run.records[:] = others
    settled = None if made.is_fault else names
    run.directory.update(ensemble={"trial_id": None, "candidates": settled})


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


def _candidates(run: Run, finalists: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Those that are ranked, the best first: what breaks a constraint takes no part."""
    trials = run.directory.path / "trials"
    ranked = run.ranking.ranked(finalists)
    return [record for record in ranked if (trials / record.trial_id / "validation.npy").exists()]


def _make(
    run: Run, worker: StageWorkers, candidates: Sequence[TrialRecord]
) -> TrialRecord | _NoneMade:
    validation = _validation(run.source)
    if len(candidates) < _FEWEST_MEMBERS:
        return _NoneMade(f"it takes {_FEWEST_MEMBERS} networks, and there is {len(candidates)}")
    if folds_of(validation) < FEWEST_FOLDS:
        return _NoneMade(
            "a class has a single picture in validation, so that it could not be judged on images "
            "that had no say in it"
        )
    chosen = choose(
        np.stack([_predictions(run.directory, record.trial_id) for record in candidates]),
        validation,
        by_loss=run.plan.experiment.search.aim.epoch_figure == "val_loss",
        seed=run.plan.experiment.search.seed,
    )
    pairs = zip(candidates, chosen.weights.tolist(), strict=True)
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


def _validation(source: scans.Source) -> Validation:
    """The validation images; where their groups are not known, each is one of its own."""
    labels, split = true_labels(source, "validation"), source.split
    groups = np.arange(len(labels))
    if "group" in split.column_names:
        pairs = zip(split["part"].to_pylist(), split["group"].to_pylist(), strict=True)
        groups = np.array([group for part, group in pairs if part == "validation"], np.int64)
    return Validation(labels=labels, groups=groups)


def _predictions(run: RunDirectory, trial_id: str) -> NDArray[np.float32]:
    path = run.path / "trials" / trial_id / "validation.npy"
    try:
        predictions: NDArray[np.float32] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise RunDirectoryError(
            f"{path} must hold what the trial said of the validation images; it cannot be read "
            f"({error}). Delete it to leave the trial out of the ensemble."
        ) from None
    return predictions


def _next_name(run: RunDirectory) -> str:
    """A name that no ensemble of an earlier sitting has."""
    taken = {path.name for path in (run.path / "trials").glob("e[0-9]*")}
    number = 1
    while f"e{number:04d}" in taken:
        number += 1
    return f"e{number:04d}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
