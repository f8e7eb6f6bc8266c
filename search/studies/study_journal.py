"""Optuna's journal file as the durable record of trials: one appended line per event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import JournalStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from reports import Status
from search.sampling import Ending
from search.studies.journal_file import JournalFile

__all__ = ["Journal", "JournalStudy", "open_journal"]

_CONSTRAINTS = "constraints"
"""System attribute in which optuna-dashboard looks for violations; Optuna reads it too."""

_SCORES = "scores"
"""User attribute for a trial's scores by epoch where there are several objectives: Optuna keeps
intermediate values for one alone."""

_FAILURE = "failure"
"""User attribute for the reason of a failure."""

_STATES = {
    Status.COMPLETED: TrialState.COMPLETE,
    Status.PRUNED: TrialState.PRUNED,
    Status.FAILED: TrialState.FAIL,
}
_STATUSES = {state: status for status, state in _STATES.items()}


@dataclass(frozen=True)
class Journal:
    """An open journal: the file, and Optuna's view of what it says."""

    file: JournalFile
    storage: JournalStorage


def open_journal(path: Path) -> Journal:
    """Opens a journal file, or begins it.

    The caller holds the run's lock and has cut a torn line.

    Raises:
        NeurosweepError: if it cannot be made.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    file = JournalFile(path)
    return Journal(file, JournalStorage(file))


class JournalStudy:
    """One study of a journal. What a method writes is on disk when it returns, `report` excepted.

    The cost of a method does not depend on how many trials there are, `trials` excepted.
    """

    def __init__(self, journal: Journal, name: str, directions: Sequence[str]) -> None:
        """Opens the study, or begins it.

        Args:
            journal: As `open_journal` returns it.
            name: The study's name.
            directions: `maximize` or `minimize` per objective; those of a study that exists stand.
        """
        self._file = journal.file
        self._storage = storage = journal.storage
        self._single = len(directions) == 1
        optuna.create_study(
            storage=storage,
            study_name=name,
            directions=[StudyDirection[direction.upper()] for direction in directions],
            load_if_exists=True,
        )
        self._study_id = storage.get_study_id_from_name(name)

    @property
    def size(self) -> int:
        """How many trials there are; the next one gets this number."""
        return int(self._storage.get_n_trials(self._study_id))

    def trials(self) -> list[FrozenTrial]:
        """All trials by number; not to be changed."""
        return self._storage.get_all_trials(self._study_id, deepcopy=False)

    def trial(self, number: int) -> FrozenTrial:
        """One trial; not to be changed.

        Raises:
            KeyError: if there is no trial of this number.
        """
        return self._storage.get_trial(self._id_of(number))

    def add(
        self,
        state: TrialState,
        params: Mapping[str, Any],
        distributions: Mapping[str, BaseDistribution],
        user_attrs: Mapping[str, Any],
        **rest: Any,
    ) -> int:
        """Appends a whole trial as one line and returns its number.

        Args:
            state: Running, or waiting to be started.
            params: Optuna's parameters.
            distributions: What each was drawn from.
            user_attrs: What is kept beside them.
            rest: What else `optuna.trial.create_trial` takes.
        """
        trial = create_trial(
            state=state,
            params=dict(params),
            distributions=dict(distributions),
            user_attrs=dict(user_attrs),
            **rest,
        )
        trial_id = self._storage.create_new_trial(self._study_id, trial)
        return self._storage.get_trial_number_from_id(trial_id)

    def add_ended(
        self,
        ending: Ending,
        params: Mapping[str, Any],
        distributions: Mapping[str, BaseDistribution],
        user_attrs: Mapping[str, Any],
    ) -> int:
        """Appends a trial that has ended, as one line, and returns its number."""
        pruned = ending.status == Status.PRUNED and ending.values
        scores = {ending.step: ending.values[0]} if pruned else {}
        reason = {_FAILURE: ending.reason} if ending.reason else {}
        kept = {} if self._single or not scores else {_SCORES: _by_text(scores)}
        return self.add(
            _STATES[ending.status],
            params,
            distributions,
            {**user_attrs, **reason, **kept},
            values=self._values(ending),
            intermediate_values=scores if self._single else {},
            system_attrs={_CONSTRAINTS: list(ending.violations)} if ending.violations else {},
        )

    def start(self, number: int) -> None:
        """Turns a waiting trial into a running one."""
        self._storage.set_trial_state_values(self._id_of(number), TrialState.RUNNING)

    def report(self, number: int, scores: Mapping[int, float], step: int) -> None:
        """Notes one of the scores of a running trial, all of which are given by epoch.

        It survives a kill; a power cut only from the trial's end on.
        """
        trial_id = self._id_of(number)
        with self._file.later():
            if self._single:
                self._storage.set_trial_intermediate_value(trial_id, step, scores[step])
            else:
                self._storage.set_trial_user_attr(trial_id, _SCORES, _by_text(scores))

    def end(self, number: int, ending: Ending) -> None:
        """Ends a running trial; what belongs to its end is written before its state."""
        trial_id = self._id_of(number)
        if ending.reason:
            self._storage.set_trial_user_attr(trial_id, _FAILURE, ending.reason)
        if ending.violations:
            violations = list(ending.violations)
            self._storage.set_trial_system_attr(trial_id, _CONSTRAINTS, violations)
        state = _STATES[ending.status]
        self._storage.set_trial_state_values(trial_id, state, self._values(ending))

    def scores_of(self, trial: FrozenTrial) -> dict[int, float]:
        """The reported scores of a trial, by epoch."""
        if self._single:
            return dict(trial.intermediate_values)
        return {int(step): score for step, score in trial.user_attrs.get(_SCORES, {}).items()}

    def ending_of(self, trial: FrozenTrial) -> Ending:
        """How a finished trial ended."""
        ending = Ending(
            status=_STATUSES[trial.state],
            values=tuple(trial.values or ()),
            violations=tuple(trial.constraints.values()),
            reason=str(trial.user_attrs.get(_FAILURE, "")),
        )
        if ending.status == Status.PRUNED:
            return ending.stopped_at(self.scores_of(trial))
        return ending

    def _values(self, ending: Ending) -> list[float] | None:
        """What Optuna takes as a trial's values: a pruned one's are its last score, if one."""
        scored = ending.status == Status.COMPLETED or (
            ending.status == Status.PRUNED and self._single and bool(ending.values)
        )
        return list(ending.values) if scored else None

    def _id_of(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)


def _by_text(scores: Mapping[int, float]) -> dict[str, float]:
    return {str(step): score for step, score in scores.items()}
