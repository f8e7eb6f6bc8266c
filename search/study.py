"""The core of the search: asks Optuna for configurations and tells it how they did.

No Ray, no clock, no TensorFlow model: an adapter drives it. Every suggestion and every result is
in the journal before the method that made it returns.

What Optuna learns: a trial that ran to its own end is COMPLETE with the score of its kept epoch;
one that the scheduler stopped is PRUNED with all its intermediate values, the stopping step
included; one that crashed or diverged is FAIL with its reason. Nothing stays RUNNING, except
where this process is killed; those are taken up again by `interrupted`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import Trial, TrialState

import spaces
from spaces.bridge import CONFIGURATION_ATTRIBUTE

__all__ = ["Study", "Suggestion", "trial_id_of", "trial_seed"]

_STUDY_NAME = "search"


def trial_id_of(number: int) -> str:
    """Returns a trial's name in files and tables, such as t0007 for number 7."""
    return f"t{number:04d}"


def trial_seed(seed: int, number: int) -> int:
    """Returns the training seed of trial `number`, in [0, 2**31), fixed by the search's seed."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0] >> 1)


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """A configuration to train, with the number it has in the study.

    Attributes:
        number: The trial's number, from 0.
        configuration: The flat mapping of active hyperparameters.
        origin: `paper` or `sampler`.
        note: What the configuration is, where it has a name of its own, else "".
    """

    number: int
    configuration: dict[str, spaces.Value]
    origin: str
    note: str

    @property
    def trial_id(self) -> str:
        """The trial's name in files and tables."""
        return trial_id_of(self.number)


class Study:
    """An Optuna study in a journal file, over one declared space."""

    def __init__(self, journal: Path, space: Any, *, sampler: str, seed: int) -> None:
        """Opens the journal, or begins it.

        Args:
            journal: The journal file; the caller holds the run's lock and has cut a torn line.
            space: A space as `spaces.declare_space` returns it.
            sampler: `tpe` or `random`.
            seed: Seed of the sampler, at least 0.
        """
        self._space = space
        # The run's own lock is held, so a lock file of the journal can only be a dead process's.
        Path(f"{journal}.lock").unlink(missing_ok=True)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(journal))),
            study_name=_STUDY_NAME,
            direction="maximize",
            load_if_exists=True,
            pruner=optuna.pruners.NopPruner(),  # Tune's scheduler stops trials
        )
        known = len(self._study.get_trials(deepcopy=False))
        self._study.sampler = _sampler(sampler, seed + known)
        self._running: dict[int, Trial] = {}

    def enqueue(self, configurations: Iterable[tuple[str, Mapping[str, spaces.Value]]]) -> None:
        """Puts named configurations before everything the sampler proposes, once per study.

        Those that are in the study already, by name, are not put again: a driver may have been
        killed between two of them.
        """
        known = {trial.user_attrs.get("note") for trial in self._study.get_trials(deepcopy=False)}
        for note, configuration in configurations:
            if note in known:
                continue
            self._study.enqueue_trial(
                spaces.optuna_params(configuration, self._space),
                user_attrs={"origin": "paper", "note": note},
            )

    def ask(self) -> Suggestion:
        """Returns the next configuration: an enqueued one first, else the sampler's."""
        trial = self._study.ask()
        configuration = spaces.suggest(trial, self._space)
        attributes = trial.user_attrs
        origin = str(attributes.get("origin", "sampler"))
        self._running[trial.number] = trial
        return Suggestion(
            number=trial.number,
            configuration=configuration,
            origin=origin,
            note=str(attributes.get("note", "")),
        )

    def interrupted(self) -> list[Suggestion]:
        """Takes up the trials that were running when a driver was killed.

        One killed while it was being asked for is asked for again: what it had been given, and
        what was enqueued for it, stands.
        """
        taken_up = []
        for frozen in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if frozen.number in self._running:
                continue
            trial = Trial(self._study, frozen._trial_id)
            self._running[frozen.number] = trial
            written = frozen.user_attrs.get(CONFIGURATION_ATTRIBUTE)
            configuration = spaces.suggest(trial, self._space) if written is None else written
            taken_up.append(
                Suggestion(
                    number=frozen.number,
                    configuration=dict(configuration),
                    origin=str(frozen.user_attrs.get("origin", "sampler")),
                    note=str(frozen.user_attrs.get("note", "")),
                )
            )
        return taken_up

    def report(self, number: int, step: int, score: float) -> None:
        """Notes a running trial's score after `step` epochs; a step noted before is left as it is.

        A trial that starts again after an interruption passes its early steps a second time.
        """
        trial = self._running[number]
        known = self._study.get_trials(deepcopy=False)[number].intermediate_values
        if step not in known:
            trial.report(score, step)

    def complete(self, number: int, score: float) -> None:
        """Ends a trial that ran to its own end."""
        self._end(number, TrialState.COMPLETE, score)

    def prune(self, number: int) -> None:
        """Ends a trial that the scheduler stopped; its reported scores stand."""
        self._end(number, TrialState.PRUNED)

    def fail(self, number: int, reason: str) -> None:
        """Ends a trial that crashed or diverged."""
        self._running[number].set_user_attr("failure", reason)
        self._end(number, TrialState.FAIL)

    def close_recorded(self, outcomes: Mapping[int, tuple[str, float | None]]) -> None:
        """Tells what a killed driver had recorded on disk but not yet told.

        Args:
            outcomes: Per number, the recorded status (completed, pruned, failed) and score.
        """
        states = {
            "completed": TrialState.COMPLETE,
            "pruned": TrialState.PRUNED,
            "failed": TrialState.FAIL,
        }
        for frozen in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if frozen.number in outcomes:
                status, score = outcomes[frozen.number]
                completed = status == "completed"
                self._study.tell(frozen.number, score if completed else None, states[status])

    def _end(self, number: int, state: TrialState, score: float | None = None) -> None:
        self._study.tell(self._running.pop(number), score, state)


def _sampler(name: str, seed: int) -> optuna.samplers.BaseSampler:
    if name == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    with warnings.catch_warnings():
        # `group` is experimental in name; without it the joint model of a conditional space
        # shrinks to the parameters that all families share.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(multivariate=True, group=True, seed=seed)
