"""Trials of other runs, kept in a study of their own in the same journal.

So a resumed search needs the other runs no more, and they take no number among its own trials.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution

import spaces
from search.sampling import Ending
from search.studies.study_journal import Journal, JournalStudy
from spaces.bridge import CONFIGURATION_ATTRIBUTE

__all__ = ["LearnedTrials"]

_NAME = "learned"
_SOURCE = "source"


class LearnedTrials:
    """The study `learned`, which is begun with its first trial."""

    def __init__(self, journal: Journal, directions: Sequence[str]) -> None:
        """Opens what the journal holds.

        Args:
            journal: As `open_journal` returns it.
            directions: `maximize` or `minimize` per objective.
        """
        self._journal = journal
        self._directions = directions
        begun = _NAME in optuna.get_all_study_names(journal.storage)
        self._study = JournalStudy(journal, _NAME, directions) if begun else None
        trials = self._study.trials() if self._study else []
        self.sources = {str(trial.user_attrs[_SOURCE]) for trial in trials}

    def __iter__(self) -> Iterator[tuple[dict[str, spaces.Value], dict[str, Any], Ending]]:
        """Configuration, Optuna's parameters and ending of each."""
        if self._study is not None:
            for trial in self._study.trials():
                configuration = trial.user_attrs[CONFIGURATION_ATTRIBUTE]
                yield configuration, trial.params, self._study.ending_of(trial)

    def add(
        self,
        source: str,
        configuration: Mapping[str, spaces.Value],
        params: Mapping[str, Any],
        distributions: Mapping[str, BaseDistribution],
        ending: Ending,
    ) -> None:
        """Appends one to the journal."""
        if self._study is None:
            self._study = JournalStudy(self._journal, _NAME, self._directions)
        attributes = {CONFIGURATION_ATTRIBUTE: dict(configuration), _SOURCE: source}
        self._study.add_ended(ending, params, distributions, attributes)
        self.sources.add(source)
