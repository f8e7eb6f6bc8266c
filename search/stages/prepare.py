"""Stage 1: which images there are, whether they can be read, and how they are divided."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import scans
from neurosweep.errors import DataError, ExperimentError
from search.experiment import Data
from search.run_directory import RunDirectory

__all__ = ["embedded_data", "phantom_folder", "prepare", "read_source"]

_LISTED = 5  # unreadable files named in the terminal; all are in audit.json


def phantom_folder() -> Path:
    """Returns where the embedded phantom data are, or will be."""
    return scans.default_cache() / "phantom"


def embedded_data() -> Path:
    """Returns the phantom data that stand in where no `--data` is given, made when missing."""
    folder = phantom_folder()
    if not folder.exists():
        scans.write_phantom(folder)
    return folder


def prepare(run: RunDirectory, data: Data, *, seed: int) -> tuple[scans.Source, str]:
    """Reads the data, or checks that they are those of an earlier sitting.

    Returns:
        What workers open the data by, and a line on what was found.

    Raises:
        DataError: if the data cannot be used or have changed since the run began.
    """
    root = embedded_data() if data.path is None else data.path.absolute()
    manifest = scans.read_manifest(root)
    recorded = run.info.get("data")
    if recorded is not None and recorded["fingerprint"] != manifest.fingerprint:
        raise DataError(
            f"the images in {root} are not those this run began with (fingerprint "
            f"{manifest.fingerprint} instead of {recorded['fingerprint']}); restore them, or "
            "begin a new run with another --output"
        )
    split_file = run.path / "split.parquet"
    if recorded is not None and split_file.exists():
        split = pq.read_table(split_file)
    else:
        split = scans.split(manifest, validation=data.validation, seed=seed)
        _write_tables(run, manifest, split)
    run.update(data=_facts(manifest, split, data), synthetic=manifest.synthetic)
    source = scans.Source(
        root=root,
        split=split,
        classes=manifest.classes,
        fingerprint=manifest.fingerprint,
        synthetic=manifest.synthetic,
        cache=scans.default_cache(),
    )
    return source, _summary(manifest, split)


def read_source(run: Path, info: dict[str, Any], data: Path | None) -> scans.Source:
    """Opens the data of a finished run again, for a rerun.

    Raises:
        DataError: if the folder is gone.
    """
    recorded = info["data"]
    root = Path(recorded["root"]) if data is None else data.absolute()
    if not root.is_dir():
        raise DataError(
            f"the images of this run were in {root}, which is not there now; "
            "name their folder with --data DIR"
        )
    return scans.Source(
        root=root,
        split=pq.read_table(run / "split.parquet"),
        classes=tuple(recorded["classes"]),
        fingerprint=recorded["fingerprint"],
        synthetic=bool(info["synthetic"]),
        cache=scans.default_cache(),
    )


def _write_tables(run: RunDirectory, manifest: scans.Manifest, split: pa.Table) -> None:
    for name, table in (("manifest.parquet", manifest.table), ("split.parquet", split)):
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        run.write(name, sink.getvalue().to_pybytes())
    run.write_json("audit.json", scans.audit(manifest))


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


def _facts(manifest: scans.Manifest, split: pa.Table, data: Data) -> dict[str, Any]:
    return {
        "root": str(manifest.root),
        "fingerprint": manifest.fingerprint,
        "classes": list(manifest.classes),
        "negative_class": _negative_class(manifest.classes, data),
        "images": manifest.table.num_rows,
        "unreadable": len(manifest.unreadable),
        "parts": _parts(split),
    }


def _parts(split: pa.Table) -> dict[str, int]:
    counts = split.group_by("part").aggregate([("file", "count")]).to_pylist()
    return {row["part"]: int(row["file_count"]) for row in sorted(counts, key=lambda r: r["part"])}


def _summary(manifest: scans.Manifest, split: pa.Table) -> str:
    parts = ", ".join(f"{count} {part}" for part, count in _parts(split).items())
    line = f"{manifest.table.num_rows} images of {len(manifest.classes)} classes: {parts}"
    if manifest.synthetic:
        line += "; synthetic"
    if manifest.unreadable:
        named = ", ".join(one.file for one in manifest.unreadable[:_LISTED])
        more = len(manifest.unreadable) - _LISTED
        rest = f" and {more} more (audit.json lists them)" if more > 0 else ""
        line += f"; {len(manifest.unreadable)} unreadable files left out: {named}{rest}"
    return line
