"""The states of running trials in the run directory: written, found again, dropped.

A state only saves time: what is lost or damaged costs the epochs it stood for, never a figure.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neurosweep.errors import StateError, WorkerLostError
from search.runs.run_directory import RunDirectory
from trainables import EpochRecord, Recipe
from trainables.checkpoint import LARGEST_STATE, made_for, read_history
from trainables.runtime import recorded_runtime

__all__ = ["StateFound", "StatesKept"]

_FILE = "state.npz"

_SHARE = 0.05
"""Of the driver's time, what writing states may take: beyond it they are left where they are. With
many workers and large networks the driver would otherwise do nothing else."""


@dataclass(frozen=True, kw_only=True)
class StateFound:
    """Where a trial goes on; without a state, at its beginning.

    Attributes:
        content: What `trainables.fit` takes as its state, or None.
        epochs: The epochs before it.
        damage: Why a state that was there cannot be used, or None.
    """

    content: bytes | None = None
    epochs: list[EpochRecord] = field(default_factory=list)
    damage: str | None = None


def _read(path: Path) -> bytes:
    if (size := path.stat().st_size) > LARGEST_STATE:
        raise StateError(
            f"a kept state has at most {LARGEST_STATE} bytes; {path} has {size} and was dropped"
        )
    return path.read_bytes()


class StatesKept:
    """The files `trials/ID/state.npz` of one run."""

    def __init__(
        self,
        run: RunDirectory,
        facts: Mapping[str, Any],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Opens them.

        Args:
            run: The run directory, held by this process.
            facts: What all records have in common: data_fingerprint and runtime are read.
            clock: Returns seconds; only differences are used.
        """
        self._run = run
        self._facts = facts
        self._clock = clock
        self._due = clock()

    def offer(self, trial_id: str, fetch: Callable[[], bytes]) -> None:
        """Writes a running trial's state in place of its last, if there is time for it.

        Args:
            trial_id: The trial.
            fetch: Brings the state from the worker.
        """
        began = self._clock()
        if began < self._due:
            return
        try:
            content = fetch()
        except WorkerLostError:
            return  # told where the trial's own end is told; the last state stands
        self._run.write(f"trials/{trial_id}/{_FILE}", content)
        ended = self._clock()
        self._due = ended + (ended - began) * (1 - _SHARE) / _SHARE

    def find(self, trial_id: str, recipe: Recipe) -> StateFound:
        """Where a trial goes on that is handed out; a state that cannot be used is dropped."""
        path = self._run.path / "trials" / trial_id / _FILE
        try:
            content = _read(path)
            wanted = made_for(
                recipe,
                data_fingerprint=self._facts["data_fingerprint"],
                runtime=recorded_runtime(self._facts["runtime"], recipe.family),
            )
            return StateFound(content=content, epochs=read_history(content, wanted))
        except FileNotFoundError:
            return StateFound()
        except (StateError, OSError) as error:
            self.drop(trial_id)
            return StateFound(damage=str(error))

    def drop(self, trial_id: str) -> None:
        """Removes a trial's state: it has ended, or its state is of no use."""
        (self._run.path / "trials" / trial_id / _FILE).unlink(missing_ok=True)

    def drop_of(self, trial_ids: Iterable[str]) -> None:
        """Removes what a killed driver left of trials that had ended."""
        left = {path.parent.name for path in self._run.path.glob(f"trials/*/{_FILE}")}
        for trial_id in left & set(trial_ids):
            self.drop(trial_id)
