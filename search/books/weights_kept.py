"""Which trained weights a run keeps: those of the best few, and of the best of each family.

Keeping all would fill disks; keeping too few would lose a finalist. Validation predictions are
small and kept for every completed trial.
"""

from __future__ import annotations

import bisect
import io
from collections.abc import Callable, Iterable, Sequence
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from neurosweep.errors import RunDirectoryError
from reports import TrialRecord
from reports.ranking import Ranking
from search.runs.run_directory import RunDirectory

__all__ = [
    "Finalists",
    "WeightsKept",
    "finalists_of",
    "has_weights",
    "load_weights",
    "save_array",
    "save_weights",
]

Weights = list[NDArray[np.generic]]


def finalists_of(records: Iterable[TrialRecord], count: int, ranking: Ranking) -> list[TrialRecord]:
    """The best `count` ranked records and the best of each family, best first."""
    ranked = ranking.ranked(records)
    chosen = {record.trial_id: record for record in ranked[:count]}
    families: set[str] = set()
    for record in ranked:
        if record.family not in families:
            families.add(record.family)
            chosen[record.trial_id] = record
    return sorted(chosen.values(), key=ranking.key)


def save_weights(run: RunDirectory, trial_id: str, weights: Sequence[NDArray[np.generic]]) -> None:
    """Writes weights as an .npz without pickle, in the model's own order."""
    run.trial(trial_id)
    content = io.BytesIO()
    np.savez(content, *weights)
    run.write(f"trials/{trial_id}/weights.npz", content.getvalue())


def has_weights(run: RunDirectory, trial_id: str) -> bool:
    """Whether the trial's weights are still in the run directory."""
    return (run.path / "trials" / trial_id / "weights.npz").exists()


def load_weights(run: RunDirectory, trial_id: str) -> Weights:
    """Reads weights that `save_weights` wrote.

    Raises:
        RunDirectoryError: if they are not there or are damaged.
    """
    path = run.path / "trials" / trial_id / "weights.npz"
    try:
        # Opened here: np.load leaves a damaged file open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return [archive[f"arr_{index}"] for index in range(len(archive.files))]
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
        raise RunDirectoryError(
            f"the weights of {trial_id} in {path} cannot be read ({error}); train it again with "
            f"`neurosweep rerun {run.path} --trial {trial_id}`"
        ) from error


class Finalists:
    """The records that `finalists_of` would name, kept up to date as records come."""

    def __init__(self, count: int, ranking: Ranking) -> None:
        """Begins with none; `count` are kept beside the best of each family."""
        self._count = count
        self._ranking = ranking
        self._best: list[TrialRecord] = []
        self._of_family: dict[str, TrialRecord] = {}

    @property
    def names(self) -> set[str]:
        """Their trials."""
        leaders = (record.trial_id for record in self._of_family.values())
        return {*(record.trial_id for record in self._best), *leaders}

    def would_hold(self, record: TrialRecord) -> bool:
        """Whether a further record would be one of them."""
        if not self._ranking.takes_part(record):
            return False
        leader = self._of_family.get(record.family)
        return (
            leader is None
            or self._ranking.key(record) < self._ranking.key(leader)
            or len(self._best) < self._count
            or (self._count > 0 and self._ranking.key(record) < self._ranking.key(self._best[-1]))
        )

    def add(self, record: TrialRecord) -> None:
        """Takes a further record in."""
        if not self.would_hold(record):
            return
        leader = self._of_family.get(record.family)
        if leader is None or self._ranking.key(record) < self._ranking.key(leader):
            self._of_family[record.family] = record
        bisect.insort(self._best, record, key=self._ranking.key)
        del self._best[self._count :]


class WeightsKept:
    """Decides after each completed trial whose weights stay in the run directory.

    What a trial costs does not grow with the number of trials before it.
    """

    def __init__(self, run: RunDirectory, count: int, ranking: Ranking) -> None:
        self._run = run
        self._finalists = Finalists(count, ranking)
        self._kept: set[str] = set()

    def resume(self, records: Iterable[TrialRecord]) -> None:
        """Finds the weights that an earlier driver kept."""
        trials = self._run.path / "trials"
        for record in records:
            self._finalists.add(record)
            if (trials / record.trial_id / "weights.npz").exists():
                self._kept.add(record.trial_id)

    def forget(self, trial_id: str) -> None:
        """Drops what a driver left of a trial that was killed before its record counted."""
        self._run.remove(f"trials/{trial_id}/weights.npz")

    def consider(self, record: TrialRecord, fetch: Callable[[], Weights]) -> None:
        """Saves a new record's weights if it will be a finalist."""
        if self._finalists.would_hold(record):
            save_weights(self._run, record.trial_id, fetch())
            self._kept.add(record.trial_id)

    def tidy(self, record: TrialRecord) -> None:
        """Takes a record that counts now, and drops weights of trials that are finalists no longer.

        Not before it counts: a kill could leave a finalist without its weights.
        """
        self._finalists.add(record)
        names = self._finalists.names
        for trial_id in self._kept - names:
            self._run.remove(f"trials/{trial_id}/weights.npz")
        self._kept &= names

    def save_predictions(self, trial_id: str, probabilities: NDArray[np.float32]) -> None:
        """Writes the validation probabilities, (images, classes) float32."""
        save_array(self._run, f"trials/{trial_id}/validation.npy", probabilities)


def save_array(run: RunDirectory, name: str, array: NDArray[np.generic]) -> None:
    """Writes one array as .npy without pickle."""
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    run.write(name, content.getvalue())
