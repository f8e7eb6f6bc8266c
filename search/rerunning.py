"""Trains a row of a leaderboard again: the same recipe through the same functions, without Ray."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import reports
import scans
import trainables
from neurosweep.errors import DataError, ExperimentError, RunDirectoryError, UserError
from search import provenance
from search.experiment import Experiment
from search.retraining import Retrained, train_again, with_weights_here
from search.stages.prepare import division, read_source, recorded_division
from search.staging.images import have_images

__all__ = ["rerun"]


@dataclass(frozen=True, kw_only=True)
class _Row:
    """What is to be trained again, and what came out the first time.

    Of an ensemble, `val_accuracy` is what its final weights reached on the images that chose them:
    the row's own figure is of the weights of each fold, which are not kept.
    """

    name: str
    model: trainables.Recipe | trainables.Ensemble
    runtime: trainables.Runtime
    val_accuracy: float | None
    source: scans.Source
    division: Mapping[str, Any]
    machine: Mapping[str, Any]


def rerun(
    target: Path,
    *,
    rank: int | None = None,
    trial: str | None = None,
    data: Path | str | None = None,
    output: Path | None = None,
    allow_other_data: bool = False,
) -> Iterator[str]:
    """Trains a row again, yielding lines on what happens as it happens.

    Args:
        target: A run directory, or a winner's config.yaml.
        rank: Rank of the row; None with `trial` None means 1.
        trial: Name of the trial, for rows without a rank.
        data: Folder of the images, or its URI on a store, where it is not the recorded one.
        output: Empty or missing folder for the trained model; None writes nothing.
        allow_other_data: Train on images other than those recorded.

    Raises:
        UserError: if there is no such row, or the images or the pretrained weights are others.
        StoreError: if the store that has the weights or the images does not answer.
    """
    _check_output(output)
    is_config = target.is_file()
    if is_config and (rank is not None or trial is not None):
        raise ExperimentError(f"{target} holds one recipe; leave out --rank and --trial")
    make = _from_config if is_config else _from_run
    row = make(target, rank, trial, data, allow_other_data)
    model = with_weights_here(row.model)
    trainables.start(row.runtime)
    trained = yield from train_again(row.name, model, row.model, row.source)
    yield _compare(row, trained)
    if output is not None:
        trained.write(output, _scores(row, trained))
        yield f"{output / 'model.keras'}"


def _from_run(
    path: Path, rank: int | None, trial: str | None, data: Path | str | None, allow_other_data: bool
) -> _Row:
    run = reports.read_run(path)
    record = _chosen(run, rank, trial)
    source = read_source(run.path, run.info, data)
    source = _checked(source, run.info["experiment"], allow_other_data)
    file = run.path / "trials" / record.trial_id / "record.json"
    try:
        told = json.loads(file.read_text("utf-8"))
        model, recorded = _recorded(told, record)
    except (OSError, ValueError, KeyError) as error:
        raise RunDirectoryError(f"{file} cannot be read ({error}); was it edited?") from None
    return _Row(
        name=record.trial_id,
        model=model,
        runtime=trainables.Runtime(**record.runtime),
        val_accuracy=recorded,
        source=source,
        division=recorded_division(Experiment.model_validate(run.info["experiment"]), source.split),
        machine={"versions": run.info.get("versions"), "hardware": run.info.get("hardware")},
    )


def _recorded(
    told: Mapping[str, Any], record: reports.TrialRecord
) -> tuple[trainables.Recipe | trainables.Ensemble, float | None]:
    """What a record.json says is to be trained, and the accuracy to compare with."""
    if record.stage is reports.Stage.ENSEMBLE:
        return trainables.Ensemble.from_list(told["ensemble"]), float(told["fitted_val_accuracy"])
    return trainables.Recipe.from_dict(told["recipe"]), record.val_accuracy


def _chosen(run: reports.Run, rank: int | None, trial: str | None) -> reports.TrialRecord:
    rows = reports.build_leaderboard(run, compare=False)
    ranked = [row for row in rows if row.rank is not None]
    if trial is not None:
        found = next((row for row in rows if row.trial_id == trial), None)
        if found is None:
            raise UserError(
                f"{run.path} has no trial {trial!r}; `neurosweep leaderboard` lists them"
            )
        return found
    wanted = 1 if rank is None else rank
    found = next((row for row in ranked if row.rank == wanted), None)
    if found is None:
        raise UserError(
            f"the leaderboard of {run.path} has ranks 1 to {len(ranked)}; received --rank {wanted}"
            if ranked
            else f"the leaderboard of {run.path} has no ranked row; choose one with --trial ID"
        )
    return found


def _checked(
    source: scans.Source, experiment: Mapping[str, Any], allow_other_data: bool
) -> scans.Source:
    """The source, after its images were compared with those recorded."""
    settings = Experiment.model_validate(experiment)
    manifest = scans.read_manifest(source.root, labels=settings.data.labels, cache=source.cache)
    if manifest.fingerprint == source.fingerprint:
        return source
    if not allow_other_data:
        raise DataError(
            f"the images in {source.root} are not those recorded (fingerprint "
            f"{manifest.fingerprint}, recorded {source.fingerprint}); name the right folder with "
            "--data DIR, or say --allow-other-data"
        )
    if manifest.classes != source.classes:
        raise DataError(
            f"a model of the classes {', '.join(source.classes)} cannot learn from a folder of "
            f"{', '.join(manifest.classes)}; name a folder with the same classes"
        )
    # The CSV of groups names files of the recorded images: these others have their own, or none.
    return _divided(manifest, division(settings.data, seed=settings.search.seed))


def _divided(manifest: scans.Manifest, how: scans.Division) -> scans.Source:
    """The images of a manifest, divided anew."""
    cache = scans.default_cache()
    return scans.Source(
        root=manifest.root,
        split=scans.divide(manifest, how, cache=cache),
        classes=manifest.classes,
        fingerprint=manifest.fingerprint,
        synthetic=manifest.synthetic,
        cache=cache,
    )


def _from_config(
    path: Path, rank: int | None, trial: str | None, data: Path | str | None, allow_other_data: bool
) -> _Row:
    del rank, trial
    model, scores = trainables.read_config(path)
    if data is None:
        raise DataError(
            f"{path} says how to train and not where the images are; name their folder with "
            "--data DIR"
        )
    missing = {"division", "runtime"} - scores.keys()
    if missing:
        raise RunDirectoryError(
            f"{path} lacks {', '.join(sorted(missing))} among its scores; give a config.yaml as "
            "`neurosweep search` wrote it into winner/"
        )
    manifest = scans.read_manifest(have_images(data), cache=scans.default_cache())
    if manifest.fingerprint != scores.get("data_fingerprint") and not allow_other_data:
        raise DataError(
            f"the images in {data} are not those that {path} was trained on; name the right "
            "folder with --data DIR (with a labels.csv in it, if a CSV gave the labels), or say "
            "--allow-other-data"
        )
    how = scores["division"]
    source = _divided(
        manifest,
        scans.Division(
            validation=float(how["validation"]),
            seed=int(how["seed"]),
            drop_leaks=how["leaks"] == "drop",
        ),
    )
    if scans.parts_hash(source.split) != how["parts"] and not allow_other_data:
        raise DataError(
            f"the images in {data} are those that {path} was trained on, but they divide in "
            "another way: a CSV of groups was used, or is there now; put the same groups.csv "
            "into that folder, rerun the run directory instead, or say --allow-other-data"
        )
    return _Row(
        name=str(scores.get("trial_id", path.name)),
        model=model,
        runtime=trainables.Runtime(**scores["runtime"]),
        val_accuracy=scores.get(
            "val_accuracy" if isinstance(model, trainables.Recipe) else "fitted_val_accuracy"
        ),
        source=source,
        division=how,
        machine=scores.get("machine", {}),
    )


def _compare(row: _Row, trained: Retrained) -> str:
    ours, theirs, images = trained.val_accuracy, row.val_accuracy, trained.images
    if theirs is None:
        return f"validation accuracy {ours:.4f}; none was recorded for this row"
    line = f"validation accuracy {ours:.4f}, recorded {theirs:.4f}"
    if ours == theirs:
        return f"{line}: equal"
    low, high = reports.wilson_interval(theirs, images)
    inside = "inside" if low <= ours <= high else "OUTSIDE"
    why = _why_different(row)
    return (
        f"{line}: {inside} its 95 % interval [{low:.4f}, {high:.4f}], the tolerance for "
        f"{images} validation images; equal to the digit is promised only for the same machine, "
        f"versions and threads on CPUs, and {why}"
    )


def _why_different(row: _Row) -> str:
    now = provenance.machine()
    if not row.machine.get("hardware"):
        return "the machine of the recorded figure is not known"
    other = [name for name in now if row.machine.get(name) not in (None, now[name])]
    if other:
        return f"the {' and the '.join(other)} differ from those recorded"
    if not row.runtime.deterministic:
        return "the row was trained without determinism"
    return "nothing recorded differs: please report this"


def _check_output(output: Path | None) -> None:
    if output is not None and output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise RunDirectoryError(
            f"{output} exists and is not an empty folder; name another --output"
        )


def _scores(row: _Row, trained: Retrained) -> dict[str, Any]:
    return {
        "trial_id": row.name,
        **trained.figures,
        "data_fingerprint": row.source.fingerprint,
        "synthetic": row.source.synthetic,
        "division": {**row.division, "parts": scans.parts_hash(row.source.split)},
        "machine": provenance.machine(),
        "runtime": row.runtime.record(),
    }
