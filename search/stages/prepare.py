"""Stage 1: which images there are, what is wrong with them, and how they are divided."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import scans
from neurosweep.errors import DataError, ExperimentError, RunDirectoryError
from search.experiment import Data, Experiment
from search.files.uris import is_uri
from search.runs.run_directory import RunDirectory
from search.stages.show_pairs import show_pairs
from search.staging.images import have_images, image_folder

__all__ = [
    "division",
    "embedded_data",
    "phantom_folder",
    "prepare",
    "read_source",
    "recorded_division",
]

_LISTED = 5  # unreadable files named in the terminal; all are in audit.json
_POINT = 0.01  # of a class's share of validation: more than that it should not be off


def phantom_folder() -> Path:
    """Returns where the embedded phantom data are, or will be."""
    return scans.default_cache() / "phantom"


def embedded_data() -> Path:
    """Returns the phantom data that stand in where no `--data` is given, made when missing."""
    folder = phantom_folder()
    if not folder.exists():
        scans.write_phantom(folder)
    return folder


def prepare(run: RunDirectory, data: Data, *, seed: int) -> tuple[scans.Source, list[str]]:
    """Reads and audits the data, or checks that they are those of an earlier sitting.

    Returns:
        What workers open the data by, and lines on what was found.

    Raises:
        DataError: if the data cannot be used or have changed since the run began.
    """
    root = embedded_data() if data.path is None else image_folder(data.path)
    told_root = str(root if data.path is None else data.path)  # a URI is recorded, not its copy
    manifest = scans.read_manifest(root, labels=data.labels, cache=scans.default_cache())
    recorded = run.info.get("data")
    if recorded is not None and "leaks" not in recorded:
        raise RunDirectoryError(
            f"{run.path} was begun by an earlier version, which looked for no near copies; go on "
            "with that version, or begin a new run with another --output"
        )
    if recorded is not None and recorded["fingerprint"] != manifest.fingerprint:
        raise DataError(
            f"the images in {told_root} are not those this run began with (fingerprint "
            f"{manifest.fingerprint} instead of {recorded['fingerprint']}); restore them, or "
            "begin a new run with another --output"
        )
    split_file = run.path / "split.parquet"
    if recorded is not None and split_file.exists():
        split = _read_split(split_file)
        run.update(data={**recorded, "root": told_root})
    else:
        split = _divide(run, manifest, data, seed)
    source = scans.Source(
        root=root,
        split=split,
        classes=manifest.classes,
        fingerprint=manifest.fingerprint,
        synthetic=manifest.synthetic,
        cache=scans.default_cache(),
    )
    return source, _summary(manifest, split, run.info["data"])


def division(data: Data, *, seed: int) -> scans.Division:
    """How an experiment divides its images."""
    return scans.Division(
        validation=data.validation, seed=seed, folds=data.folds, drop_leaks=data.leaks == "drop"
    )


def recorded_division(experiment: Experiment, split: pa.Table) -> dict[str, Any]:
    """What is written beside a model, so that its images can be divided again in the same way."""
    return {
        "validation": experiment.data.validation,
        "seed": experiment.search.seed,
        "leaks": experiment.data.leaks,
        "parts": scans.parts_hash(split),
    }


def _divide(run: RunDirectory, manifest: scans.Manifest, data: Data, seed: int) -> pa.Table:
    """Audits and divides the images, and writes what came of it into the run directory."""
    copies = scans.find_copies(manifest, cache=scans.default_cache())
    groups_file = scans.groups_file_of(manifest, data.groups)
    groups = scans.group_images(manifest, copies, groups_file)
    split = scans.split(manifest, groups, division(data, seed=seed))
    audit = scans.audit(manifest, copies, groups if groups_file is not None else None)
    shown = show_pairs(run, manifest, copies)
    told = None if groups_file is None else str(groups_file)
    run.write_json("audit.json", {**audit, "groups_file": told, "shown": shown})
    _write_tables(run, manifest, split)
    facts = _facts(manifest, split, data, audit, told)
    if isinstance(data.path, str):
        facts["root"] = data.path
    run.update(data=facts, synthetic=manifest.synthetic)
    return split


def read_source(run: Path, info: dict[str, Any], data: Path | str | None) -> scans.Source:
    """Opens the data of a finished run again, for a rerun; those on a store are brought here.

    Raises:
        DataError: if the folder is gone, or the place on the store cannot be used.
        StoreError: if the store does not answer.
    """
    recorded = info["data"]
    told = recorded["root"] if data is None else data
    root = have_images(told if is_uri(str(told)) else Path(told))
    if not root.is_dir():
        raise DataError(
            f"the images of this run were in {root}, which is not there now; "
            "name their folder with --data DIR"
        )
    return scans.Source(
        root=root,
        split=_read_split(run / "split.parquet"),
        classes=tuple(recorded["classes"]),
        fingerprint=recorded["fingerprint"],
        synthetic=bool(info["synthetic"]),
        cache=scans.default_cache(),
    )


def _read_split(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise RunDirectoryError(
            f"{path} must be the split that this run trained on, but it cannot be read ({error}); "
            "restore it, or begin a new run with another --output"
        ) from None


def _write_tables(run: RunDirectory, manifest: scans.Manifest, split: pa.Table) -> None:
    for name, table in (("manifest.parquet", manifest.table), ("split.parquet", split)):
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        run.write(name, sink.getvalue().to_pybytes())


def _negative_class(classes: tuple[str, ...], data: Data) -> str | None:
    """The class that means "nothing found", or None where these data have none."""
    wanted = data.negative_class
    if wanted is None or wanted in classes:
        return wanted
    if wanted == Data.model_fields["negative_class"].default:
        return None  # the reference task's own; other data need not have it
    raise ExperimentError(
        f"data.negative_class must be one of {', '.join(classes)}, or null; received {wanted!r}"
    )


def _facts(
    manifest: scans.Manifest,
    split: pa.Table,
    data: Data,
    audit: dict[str, Any],
    groups_file: str | None,
) -> dict[str, Any]:
    clean = scans.clean_test_rows(split)
    known = audit["known_set"]
    return {
        "root": str(manifest.root),
        "fingerprint": manifest.fingerprint,
        "known_set": None if known is None else known["note"],
        "classes": list(manifest.classes),
        "negative_class": _negative_class(manifest.classes, data),
        "images": manifest.images,
        "unreadable": len(manifest.unreadable),
        "labels": None if manifest.labels_file is None else str(manifest.labels_file),
        "groups": groups_file,
        "leaks": data.leaks,
        "folds": data.folds,
        "validation": None if _has_own_validation(manifest) else data.validation,
        "parts": _parts(split),
        "clean_test_images": None if clean is None else int(clean.sum()),
    }


def _has_own_validation(manifest: scans.Manifest) -> bool:
    return "validation" in manifest.columns["part"]


def _parts(split: pa.Table) -> dict[str, int]:
    return dict(sorted(Counter(split["part"].to_pylist()).items()))


def _summary(manifest: scans.Manifest, split: pa.Table, facts: dict[str, Any]) -> list[str]:
    """Lines on the images, what limits their figures, and what was left out."""
    parts = ", ".join(f"{count:,} {part}" for part, count in _parts(split).items())
    synthetic = "; synthetic" if manifest.synthetic else ""
    images = f"{manifest.images:,} images of {len(manifest.classes)} classes"
    lines = [
        f"{images}: {parts}{synthetic}",
        *_known(facts),
        *_leaks(facts),
        *_uneven(split, facts),
    ]
    if manifest.unreadable:
        named = ", ".join(one.file for one in manifest.unreadable[:_LISTED])
        more = len(manifest.unreadable) - _LISTED
        rest = f" and {more} more (audit.json lists them)" if more > 0 else ""
        lines.append(f"{len(manifest.unreadable)} unreadable files left out: {named}{rest}")
    return lines


def _known(facts: dict[str, Any]) -> list[str]:
    return [facts["known_set"]] if facts.get("known_set") else []


def _leaks(facts: dict[str, Any]) -> list[str]:
    """How many test images the figures can be trusted on."""
    tested, clean = facts["parts"].get("test", 0), facts.get("clean_test_images")
    dropped = facts["parts"].get("dropped", 0)
    if dropped:
        return [f"{dropped:,} copies of test images were taken out of training and validation"]
    if clean is None or clean == tested:
        return []
    return [
        f"{tested - clean:,} of {tested:,} test images have a copy in training or validation; "
        f"test figures are given with and without them (leaks: {facts['leaks']})"
    ]


def _uneven(split: pa.Table, facts: dict[str, Any]) -> list[str]:
    """Classes whose share of validation is off because their groups are too large to be even."""
    counts = Counter(zip(split["label"].to_pylist(), split["part"].to_pylist(), strict=True))
    asked = facts["validation"]
    off = []
    for label in facts["classes"]:
        held, rest = counts[label, "validation"], counts[label, "train"]
        share = held / (held + rest)
        if asked is not None and abs(share - asked) > max(_POINT, 1 / (held + rest)):
            off.append(f"{label} {share:.1%}")
    if not off:
        return []
    return [f"groups are too large to validate on {asked:.0%} of each class: {', '.join(off)}"]
