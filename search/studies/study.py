"""The core of the search: proposes configurations and learns how they did.

No Ray, no clock, no TensorFlow model: an adapter drives it. Every suggestion and every result is
in the journal before the method that made it returns; what to propose is thought out in memory,
by `search.sampling`, at a cost that does not grow with the history.

What Optuna learns: a trial that ran to its own end is COMPLETE with the score of its kept epoch;
one that the scheduler stopped is PRUNED with all its intermediate values, the stopping step
included; one that crashed or diverged is FAIL with its reason, and the sampler stays away from
its like. Nothing stays RUNNING, except where this process is killed; those are taken up again by
`interrupted`.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial, TrialState

import spaces
from reports import Status
from search.sampling import Ending, Proposer, Sampler, Seen, key_of
from search.studies.explored import Explored, canonical
from search.studies.known_trial import KnownTrial
from search.studies.learned_trials import LearnedTrials
from search.studies.recorded_trials import RecordedTrial
from search.studies.study_journal import JournalStudy, open_journal
from search.studies.suggestion import Suggestion, suggestion_of, trial_id_of, trial_seed
from spaces.bridge import CONFIGURATION_ATTRIBUTE

__all__ = ["Ending", "KnownTrial", "Study", "Suggestion", "trial_id_of", "trial_seed"]

_STUDY_NAME = "search"


@dataclass
class _Running:
    """What is known of a trial between its suggestion and its end."""

    key: str
    params: Mapping[str, Any] | None  # as the sampler knows them; None if it does not
    scores: dict[int, float] = field(default_factory=dict)
    problem: str = ""  # a score that is no number


class Study:
    """A search over one declared space, recorded in an Optuna journal.

    A configuration that was handed out, enqueued or learned is not handed out again, except by
    `repeat`. Configurations are equal if all their active hyperparameters are.
    """

    def __init__(
        self,
        journal: Path,
        space: Any,
        *,
        sampler: str,
        seed: int,
        directions: Sequence[str] = ("maximize",),
        explored: Any | None = None,
    ) -> None:
        """Opens the journal, or begins it.

        Args:
            journal: The journal file; the caller holds the run's lock and has cut a torn line.
            space: A space as `spaces.declare_space` returns it.
            sampler: `tpe` or `random`.
            seed: Seed of the sampler, at least 0. With the number of trials in the journal it
                fixes what is proposed for the same sequence of calls.
            directions: `maximize` or `minimize`, one per objective.
            explored: A narrower space, declared as `space` is, that the sampler proposes from;
                None for all of it.

        Raises:
            RunDirectoryError: if the journal holds a trial that is not of the space.
        """
        self._space = space
        self._explored = Explored(space, explored)
        self._objectives = len(directions)
        opened = open_journal(journal)
        self._journal = JournalStudy(opened, _STUDY_NAME, directions)
        self._learned = LearnedTrials(opened, directions)
        trials = self._journal.trials()
        seed += len(trials)
        self._sampler = Sampler(
            spaces.distribution_groups(self._explored.space),
            modelled=sampler == "tpe",
            seed=seed,
            signs=[1 if direction == "maximize" else -1 for direction in directions],
        )
        self._seen = Seen(self._explored.space, seed=seed)
        self._proposer = Proposer(self._explored.space, self._sampler, self._seen)
        self._notes: set[str] = set()
        self._waiting: deque[int] = deque()
        self._repeats: deque[int] = deque()
        self._repeated: Counter[int] = Counter()
        self._running: dict[int, _Running] = {}
        self._left: dict[int, _Running] = {}  # running when an earlier driver was killed
        for configuration, params, ending in self._learned:
            self._explored.check(configuration, params)
            self._take_in(configuration, params, ending)
        for frozen in trials:
            self._resume(frozen)

    def enqueue(
        self,
        configurations: Iterable[tuple[str, Mapping[str, spaces.Value]]],
        origin: str = "paper",
    ) -> None:
        """Puts named configurations before everything the sampler proposes, once per study.

        Those that are in the study already, by name, are not put again: a driver may have been
        killed between two of them. Nor is a configuration that is known, under whatever name.

        Raises:
            SpaceError: One is not a configuration of the space.
        """
        for note, given in configurations:
            params, configuration = self._canonical(given)
            key = key_of(configuration)
            if (note and note in self._notes) or key in self._seen:
                continue
            number = self._add(TrialState.WAITING, params, configuration, origin, note=note)
            self._waiting.append(number)
            self._notes.add(note)
            self._seen.add(key)

    def learn(self, known: Iterable[KnownTrial]) -> None:
        """Takes in trials of other runs: the sampler knows them, and does not propose them again.

        They are kept in a study of their own in the same journal, so a resumed search needs the
        other runs no more, and they have no number here. A source is learned from once. What is
        enqueued already is still handed out: learn first.

        Raises:
            SpaceError: One is not a configuration of the space.
        """
        for trial in known:
            if trial.source in self._learned.sources:
                continue
            params, configuration = self._canonical(trial.configuration)
            ending = trial.ending.checked(self._objectives)
            distributions = self._explored.distributions(params)
            self._learned.add(trial.source, configuration, params, distributions, ending)
            self._take_in(configuration, params, ending)

    def ask(self) -> Suggestion | None:
        """Returns the next configuration: a repeat, else an enqueued one, else the sampler's.

        None if every configuration of a finite space has been handed out, enqueued or learned.
        """
        if self._repeats:
            return self._again(self._repeats.popleft())
        if self._waiting:
            number = self._waiting.popleft()
            self._journal.start(number)
            return self._begin(number)
        proposed = self._propose(TrialState.RUNNING)
        return None if proposed is None else self._begin(proposed)

    def repeat(self, number: int) -> None:
        """Has the next `ask` hand out trial `number`'s configuration again, under a new number.

        The wish itself is in memory alone: a driver that is killed before the next `ask` has to
        make it again.

        Raises:
            KeyError: if there is no such trial.
        """
        self._journal.trial(number)
        self._repeats.append(number)
        self._repeated[number] += 1

    def repeats_of(self, number: int) -> int:
        """How often trial `number` was repeated, running repeats and wishes included."""
        return self._repeated[number]

    def interrupted(self) -> list[Suggestion]:
        """Takes up the trials that were running when a driver was killed."""
        left, self._left = self._left, {}
        self._running.update(left)
        return [suggestion_of(self._journal.trial(number)) for number in left]

    def report(self, number: int, step: int, score: float) -> None:
        """Notes a running trial's score after `step` epochs; a step noted before is left as it is.

        A trial that starts again after an interruption passes its early steps a second time. With
        a score that is NaN or infinite the trial will end as failed, however it is ended.
        """
        running = self._running[number]
        if not math.isfinite(score):
            running.problem = running.problem or f"the score after epoch {step} is {score}"
        elif step not in running.scores:
            running.scores[step] = score
            self._journal.report(number, running.scores, step)

    def complete(
        self, number: int, values: Sequence[float], *, violations: Sequence[float] = ()
    ) -> None:
        """Ends a trial that ran to its own end.

        Args:
            number: The trial.
            values: One per objective. A trial with a value or violation that is NaN or infinite
                ends as failed.
            violations: One per constraint: above 0 it is violated, else it holds.
        """
        self._end(
            number,
            Ending(status=Status.COMPLETED, values=tuple(values), violations=tuple(violations)),
        )

    def prune(self, number: int, *, violations: Sequence[float] = ()) -> None:
        """Ends a trial that the scheduler stopped; its reported scores stand."""
        self._end(number, Ending(status=Status.PRUNED, violations=tuple(violations)))

    def fail(self, number: int, reason: str) -> None:
        """Ends a trial that crashed or diverged."""
        self._end(number, Ending(status=Status.FAILED, reason=reason))

    def restore(self, recorded: Iterable[RecordedTrial]) -> None:
        """Makes up what the journal lacks of trials that ended; `close_recorded` then ends them.

        The copy of a journal on an object store is some seconds old, or missing; records are not.
        A number that the journal lacks and no record has belonged to a trial that was running: it
        goes to another configuration.

        Raises:
            SpaceError: One is not a configuration of the space.
        """
        for trial in sorted(recorded, key=lambda one: one.number):
            while self._journal.size < trial.number and self._make_up():
                pass
            if self._journal.size <= trial.number:
                self._bring_back(trial)
            elif trial.number in self._waiting:
                self._waiting.remove(trial.number)
                self._journal.start(trial.number)
                self._left[trial.number] = self._as_running(self._journal.trial(trial.number))
            if trial.number in self._left:
                self._complete_scores(trial)

    def close_recorded(self, outcomes: Mapping[int, Ending]) -> None:
        """Tells what a killed driver had recorded on disk but not yet told.

        Args:
            outcomes: Per number, how the trial ended; of a pruned one the reported scores count.
        """
        for number in sorted(self._left.keys() & outcomes.keys()):
            self._running[number] = self._left.pop(number)
            self._end(number, outcomes[number])

    def _make_up(self) -> bool:
        """Gives a lost number to what the sampler proposes; False if there is nothing left."""
        number = self._propose(TrialState.WAITING)
        if number is not None:
            self._waiting.append(number)
        return number is not None

    def _propose(self, state: TrialState) -> int | None:
        """Puts what the sampler proposes into the journal; None if there is nothing left."""
        fresh = self._proposer.fresh()
        if fresh is None:
            return None
        params, configuration = self._explored.proposed(*fresh)
        self._seen.add(key_of(configuration))
        return self._add(state, params, configuration, "sampler")

    def _bring_back(self, trial: RecordedTrial) -> None:
        params, configuration = self._canonical(trial.configuration)
        repeated = {} if trial.repeat_of is None else {"repeat_of": trial.repeat_of}
        self._repeated.update(repeated.values())
        number = self._add(TrialState.RUNNING, params, configuration, trial.origin, **repeated)
        self._seen.add(key_of(configuration))
        self._left[number] = self._as_running(self._journal.trial(number))

    def _complete_scores(self, trial: RecordedTrial) -> None:
        running = self._left[trial.number]
        for step, score in trial.read_scores().items():
            if step not in running.scores and math.isfinite(score):
                running.scores[step] = score
                self._journal.report(trial.number, running.scores, step)

    def _end(self, number: int, ending: Ending) -> None:
        running = self._running[number]
        if ending.status == Status.PRUNED:
            ending = ending.stopped_at(running.scores)
        if running.problem and ending.status != Status.FAILED:
            ending = Ending(status=Status.FAILED, reason=running.problem)
        ending = ending.checked(self._objectives)
        self._journal.end(number, ending)
        del self._running[number]
        if running.params is not None:
            self._sampler.finish(running.key, running.params, ending)

    def _resume(self, frozen: FrozenTrial) -> None:
        """Takes in a trial of the journal."""
        if CONFIGURATION_ATTRIBUTE not in frozen.user_attrs:
            self._refuse(frozen)
            return
        configuration = frozen.user_attrs[CONFIGURATION_ATTRIBUTE]
        self._explored.check(configuration, frozen.params)
        if "repeat_of" in frozen.user_attrs:
            self._repeated[frozen.user_attrs["repeat_of"]] += 1
        self._notes.add(frozen.user_attrs.get("note", ""))
        if frozen.state.is_finished():
            self._take_in(configuration, frozen.params, self._journal.ending_of(frozen))
            return
        self._seen.add(key_of(configuration))
        if frozen.state is TrialState.WAITING:
            self._waiting.append(frozen.number)
        else:
            self._left[frozen.number] = self._as_running(frozen)

    def _refuse(self, frozen: FrozenTrial) -> None:
        """Ends what another program put into the journal: we cannot train it."""
        if frozen.state is TrialState.WAITING:
            self._journal.start(frozen.number)
        if not frozen.state.is_finished():
            reason = "it was not put into the study by this program and has no configuration"
            self._journal.end(frozen.number, Ending(status=Status.FAILED, reason=reason))

    def _take_in(
        self,
        configuration: Mapping[str, spaces.Value],
        params: Mapping[str, Any],
        ending: Ending,
    ) -> None:
        key = key_of(configuration)
        self._seen.add(key)
        seen = self._explored.seen_by_sampler(configuration, params)
        if seen is not None:
            self._sampler.finish(key, seen, ending)

    def _again(self, number: int) -> Suggestion:
        repeated = self._journal.trial(number)
        return self._begin(
            self._add(
                TrialState.RUNNING,
                repeated.params,
                repeated.user_attrs[CONFIGURATION_ATTRIBUTE],
                "repeat",
                note=repeated.user_attrs.get("note", ""),
                repeat_of=repeated.user_attrs.get("repeat_of", number),
            )
        )

    def _add(
        self,
        state: TrialState,
        params: Mapping[str, Any],
        configuration: Mapping[str, spaces.Value],
        origin: str,
        **attributes: Any,
    ) -> int:
        """Writes a trial that has not ended to the journal."""
        known = {CONFIGURATION_ATTRIBUTE: dict(configuration), "origin": origin}
        distributions = self._explored.distributions(params)
        return self._journal.add(state, params, distributions, {**known, **attributes})

    def _begin(self, number: int) -> Suggestion:
        frozen = self._journal.trial(number)
        self._running[number] = self._as_running(frozen)
        return suggestion_of(frozen)

    def _as_running(self, frozen: FrozenTrial) -> _Running:
        configuration = frozen.user_attrs[CONFIGURATION_ATTRIBUTE]
        key, seen = (
            key_of(configuration),
            self._explored.seen_by_sampler(configuration, frozen.params),
        )
        if seen is not None:
            self._sampler.begin(key, seen)
        return _Running(key, seen, self._journal.scores_of(frozen))

    def _canonical(
        self, configuration: Mapping[str, spaces.Value]
    ) -> tuple[dict[str, Any], dict[str, spaces.Value]]:
        return canonical(configuration, self._space)
