"""Which trials still have their trained weights in the run.

A run keeps the weights of its best few alone, and drops those of a trial that is one of them no
longer: its record cannot know, so it is looked up.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from reports.files import read_typed
from reports.records import Status, TrialRecord

__all__ = ["ABOUT", "kept_weights", "weights_name"]

ABOUT = "about.json"
"""Tells of a copy of a run on an object store what stands there beside what was copied."""


@dataclass(frozen=True)
class _About:
    weights: tuple[str, ...] = ()


def weights_name(trial_id: str) -> str:
    """The place of a trial's weights inside its run directory."""
    return f"trials/{trial_id}/weights.npz"


def kept_weights(run: Path, records: Iterable[TrialRecord]) -> dict[str, str]:
    """Find the trials whose weights are there now.

    Args:
        run: The run directory, or the copy of one on an object store.
        records: Its trials.

    Returns:
        By trial the place of its weights inside the run.

    Raises:
        RunDirectoryError: What tells of a copy is damaged.
    """
    names = {
        record.trial_id: weights_name(record.trial_id)
        for record in records
        if record.status is Status.COMPLETED
    }
    on_store = _on_store(run / ABOUT)
    if on_store is not None:
        return {trial_id: name for trial_id, name in names.items() if name in on_store}
    return {trial_id: name for trial_id, name in names.items() if (run / name).is_file()}


def _on_store(about: Path) -> frozenset[str] | None:
    """The weights that the store has; None for a run directory that is no copy."""
    told = read_typed(
        about,
        _About,
        holds="what of a run is on its store",
        advice="Delete its folder: what is needed is copied again.",
    )
    return None if told is None else frozenset(told.weights)
