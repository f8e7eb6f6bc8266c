"""Exports the winner of a run into a folder of its own, whole or not at all, without Ray."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import reports
import trainables
from neurosweep.errors import UserError
from reports.wording import printable
from search.staging.writing import writing
from trainables.exporting.formats import ABOUT, EXPORT_VERSION, FORMATS, Format

__all__ = ["export_winner_of", "require_room"]

_MOST_NAMED = 3


def export_winner_of(
    run: Path, winner: Path, wanted: Format, folder: Path, *, tolerance: float | None = None
) -> dict[str, Any]:
    """Writes the export, checks it, puts it in place, and returns what is to be told of it.

    Args:
        run: The run directory.
        winner: Its folder `winner/`.
        wanted: The format.
        folder: Where the export goes; what `require_room` let pass is replaced.
        tolerance: The largest difference of a probability that passes; None for the format's own.

    Raises:
        RunDirectoryError: The winner is incomplete or damaged.
        NeurosweepError: It cannot be expressed in this format, gives other probabilities, or the
            disk is full.
        UserError: The folder cannot be written.
    """
    about = _about(run, winner)
    # On CPUs, and each operation the same way every time: what is compared is the export alone.
    trainables.start(trainables.Runtime(threads=os.cpu_count() or 1), gpus=0)
    from trainables.exporting.export import export_as

    with writing(folder, what="exports", error=UserError), _whole(folder) as aside:
        made = export_as(wanted, winner, aside, tolerance=tolerance, about=about)
    return {
        "format": wanted.name,
        "path": str(folder / made.file),
        "bytes": made.bytes,
        **asdict(made.checked),
        **about,
    }


def require_room(folder: Path, *, force: bool) -> None:
    """Makes sure that an export may go to `folder`.

    Raises:
        UserError: Something is there: no empty folder, and no earlier export to be replaced, or
            one with files beside it that are not ours.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    earlier = _earlier_export(folder)
    others = [] if earlier is None else _beside(earlier, folder)
    if earlier is not None and force and not others:
        return
    do = "name" if earlier is None or others else "--force replaces the export in it, or name"
    if others:
        do = f"besides an export it holds {_listed(others)}, which --force does not delete; {do}"
    raise UserError(
        f"an export goes into a new or empty folder; {folder} is not: {do} another with --output"
    )


def _earlier_export(folder: Path) -> Format | None:
    """The format of the export that a folder holds; None where it holds none of ours."""
    try:
        told = json.loads((folder / ABOUT).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or told.get("version") != EXPORT_VERSION:
        return None
    return next((one for one in FORMATS.values() if one.name == told.get("format")), None)


def _beside(earlier: Format, folder: Path) -> list[str]:
    """Names of files in the folder of an export that are none of its own."""
    files = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    names = (path.relative_to(folder).as_posix() for path in files)
    return sorted(name for name in names if not earlier.writes(name))


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(map(printable, names[:_MOST_NAMED])) + more


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """A folder beside the one wanted, which takes its place unless an error is raised."""
    place = folder.resolve()
    aside = place.with_name(f".{place.name}-{os.getpid()}-new")
    old = place.with_name(f".{place.name}-{os.getpid()}-old")
    aside.mkdir(parents=True)
    try:
        yield aside
        if place.exists():
            place.rename(old)
        aside.rename(place)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        if old.exists() and not place.exists():
            old.rename(place)
        shutil.rmtree(old, ignore_errors=True)


def _about(run: Path, winner: Path) -> Mapping[str, Any]:
    """Which trial it is, and what must be said wherever it goes."""
    _, scores = trainables.read_config(winner / "config.yaml")
    trial = scores.get("trial_id")
    record = next((one for one in reports.read_run(run).records if one.trial_id == trial), None)
    return {
        "trial_id": trial,
        "synthetic": bool(scores.get("synthetic")),
        "weights": None if record is None else str(record.weights),
    }
