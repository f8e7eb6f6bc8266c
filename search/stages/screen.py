"""Stage 3: backbones compared on frozen features, so that the search explores the best few.

Each image goes once through each backbone. A linear probe on a growing share of the training images
says which backbones go on; the row of each says how far it came. Chosen is on validation.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import numpy as np
from numpy.typing import NDArray

import spaces
from neurosweep.errors import NeurosweepError, TrialError, WorkerLostError
from reports import TrialRecord
from search.books.trial_records import first_line
from search.runs.stopping import StopRequest
from search.screening.candidate import Candidate, candidates_of
from search.screening.feature_pass import FeaturePass
from search.screening.halving import Round, rounds_of
from search.screening.images import Images
from search.screening.rows import Standing, row_of
from search.stages.context import Run
from search.stages.pool import Worker, WorkerPool
from search.workers.patience import Patience
from trainables import Probed
from trainables.features.frozen import Frozen
from trainables.features.key import views_of
from trainables.probing import MOST_IMAGES, training_share

__all__ = ["Hire", "screen"]

_SHARE = 0.4
"""Of the time that the search has: what is not screened by then is left to the search (ours)."""

_LOOK_EVERY = 1.0  # seconds between two looks for a request to stop

Hire = Callable[[Run, int], AbstractContextManager[Worker]]


@contextmanager
def _hired(run: Run, number: int) -> Iterator[Worker]:
    with run.hired(f"screening {number}", "screen") as worker:
        yield worker


def screen(run: Run, hire: Hire = _hired) -> list[TrialRecord]:
    """Screens the backbones, records a row for each, and computes the features of their trials.

    Which backbones the search explores stands in run.yaml as `explored`; a later sitting keeps to
    it.

    Args:
        run: The run; its images are prepared.
        hire: Makes a worker and holds it; it is told its number, from 1.

    Returns:
        The rows that this sitting added.

    Raises:
        NeurosweepError: a full disk, say; what was computed stays in the cache.
    """
    transfer, info = run.plan.experiment.transfer, run.directory.info
    if transfer is None or info.get("screened"):
        return []
    numbers, patience = itertools.count(1), Patience(run.display.note)
    with WorkerPool(lambda: hire(run, next(numbers)), run.workers, patience=patience) as pool:
        # Behind the hiring: hours of workers end sooner the more of them there are.
        left = run.budget.search_seconds_left()
        end = None if left is None else run.budget.elapsed + _SHARE * left
        screening = _Screening(run, pool, _Clock(run, end))
        added = [] if "explored" in info else screening.choose(transfer.keep)
        screening.finish()
    return added


class _Clock:
    """Whether screening has to end: its time is over, or somebody asked the search to stop."""

    def __init__(self, run: Run, end: float | None) -> None:
        self._budget = run.budget
        self._request = StopRequest(run.directory.path)
        self._end = end
        self._looked = -math.inf
        self._asked = False

    def __call__(self) -> bool:
        """Whether nothing more is computed."""
        return self.is_stopped() or (self._end is not None and self._budget.elapsed > self._end)

    def is_stopped(self) -> bool:
        """Whether somebody asked; the request stays, for the search that comes next says who."""
        now = self._budget.elapsed
        if now - self._looked > _LOOK_EVERY:
            self._looked, self._asked = now, self._asked or self._request.exists()
        return self._asked or self._budget.stopped


class _Screening:
    """One screening of all backbones."""

    def __init__(self, run: Run, pool: WorkerPool, is_over: _Clock) -> None:
        self._run = run
        self._pool = pool
        self._is_over = is_over
        self._images = Images.of(run.source)
        self._features = FeaturePass(self._images, pool)
        self._seed = run.plan.experiment.search.seed

    def choose(self, keep: int) -> list[TrialRecord]:
        """Screens, records, and writes down which backbones the search explores."""
        standings: list[Standing] = []
        for candidates in candidates_of(self._run.plan):
            standings += self._halve(candidates, keep)
        main = [one for one in _ranked(standings) if one.candidate.is_main]
        usable = [one for one in main if one.candidate.frozen not in self._features.failed]
        self._check(usable, standings)  # before rows are written, for a later sitting may succeed
        added = self._record(standings)
        kept = [one for one in usable if one.probed is not None][:keep] or usable
        self._run.directory.update(
            explored=[one.candidate.frozen.backbone for one in kept],
            ranked=[one.candidate.frozen.backbone for one in usable],
        )
        return added

    def finish(self) -> None:
        """Computes what trials will look at; what a kill leaves undone, a later sitting does."""
        info = self._run.directory.info
        self._finish_features(self._of_names(info["ranked"]), info["explored"])
        self._run.directory.update(screened=True, features=self._features.passes.summary())

    def _of_names(self, names: Sequence[str]) -> list[Frozen]:
        """Backbones as trials have them, in the order of their names."""
        main = candidates_of(self._run.plan)[0]
        frozen = {one.frozen.backbone: one.frozen for one in main}
        return [frozen[name] for name in names]

    def _check(self, usable: Sequence[Standing], standings: Sequence[Standing]) -> None:
        """Ends a run that has nothing to search; else says what is out, or was not compared."""
        failed = {one.candidate.trial_id: one.error for one in standings if one.error}
        told = "\n".join(f"  {name}: {first_line(error)}" for name, error in failed.items())
        if not usable and len(self._run.plan.experiment.families) == 1:
            raise NeurosweepError(f"the features of no backbone could be computed:\n{told}")
        if failed:
            self._run.display.note(f"not screened, because it failed:\n{told}")
        if usable and not any(one.probed for one in usable):
            self._run.display.note(
                "no backbone was compared before the time for it was over: the search explores all"
            )

    def _halve(self, candidates: Sequence[Candidate], keep: int) -> list[Standing]:
        """Round after round; returns how each candidate stands in the end."""
        standings = [Standing(candidate=one) for one in candidates]
        left = list(standings)
        for turn in rounds_of(len(candidates), keep):
            left = self._play(left, turn)
        for one in left:
            one.ended = "finished"
        return standings

    def _play(self, left: list[Standing], turn: Round) -> list[Standing]:
        """One round; returns those that go on, best first."""
        features = self._features
        train = training_share(self._images.rows, turn.share, seed=self._seed)
        wanted = np.concatenate([self._images.rows.validation, train])
        of = {one.candidate.frozen: one for one in left}
        complete = features.complete(dict.fromkeys(of, wanted), is_over=self._is_over)
        for frozen, one in of.items():
            one.seconds += features.seconds.pop(frozen, 0.0)
            if frozen not in complete:
                one.error = features.failed.get(frozen)
                one.ended = "failed" if one.error else "budget"
        jobs = [of[frozen] for frozen in complete]
        probing = self._probing(train[:MOST_IMAGES])
        # What was computed is compared, though the time be over: probes take seconds.
        for one, probed in self._pool.work(jobs, probing, is_over=self._is_over.is_stopped):
            self._note_probe(one, probed, turn)
        for one in jobs:
            if one.round is not turn and not one.ended:
                one.ended = "budget"
        ranked = _ranked([one for one in left if not one.ended])
        self._tell(ranked, turn, len(train))
        for one in ranked[turn.survivors :]:
            one.ended = "halving"
        return ranked[: turn.survivors]

    def _probing(self, train: NDArray[np.int64]) -> Callable[[Worker, Standing], Probed | str]:
        rows = self._images.rows

        def probe(worker: Worker, one: Standing) -> Probed | str:
            store = self._images.store(one.candidate.frozen)
            payload = {
                "train": (store.packed(train), rows.labels[train]),
                "validation": (store.packed(rows.validation), rows.labels[rows.validation]),
                "groups": rows.groups[train],
            }
            try:
                probed: Probed = worker.run("probe", payload)
            except WorkerLostError:
                raise
            except TrialError as error:
                return str(error)
            return probed

        return probe

    def _note_probe(self, one: Standing, probed: Probed | str, turn: Round) -> None:
        if isinstance(probed, str):
            one.error, one.ended = probed, "failed"
            return
        one.probed, one.round = probed, turn
        one.seconds += probed.seconds

    def _tell(self, ranked: Sequence[Standing], turn: Round, images: int) -> None:
        if not ranked:
            return
        best = ", ".join(
            f"{one.candidate.frozen.backbone} {-100 * one.merit[0]:.1f} %" for one in ranked[:3]
        )
        self._run.display.note(
            f"{ranked[0].candidate.frozen.preprocessing} preprocessing, round {turn.number} of "
            f"{turn.of}, {len(ranked)} of the backbones on {images} training images: {best}"
        )

    def _record(self, standings: Sequence[Standing]) -> list[TrialRecord]:
        """Writes the rows; those of an earlier sitting that was killed amid them stand.

        What the earlier sitting said of them is what this one says, but for its times.
        """
        known = {record.trial_id for record in self._run.records}
        facts = {**self._run.facts(), "runtime": self._run.runtime.of("transfer").record()}
        score = self._run.validation_scores().of
        added = [
            row_of(one, seed=self._seed, facts=facts, score=score)
            for one in _ranked(standings)
            if one.candidate.trial_id not in known
        ]
        for record in added:
            self._run.directory.trial(record.trial_id)
            self._run.directory.count(record)
        return added

    def _finish_features(self, ranked: Sequence[Frozen], kept: Sequence[str]) -> None:
        """Computes what trials will look at, the best backbone first; not after the time is over.

        What is not computed here, a trial computes by itself when it comes to it.
        """
        rows = self._images.rows
        both = np.concatenate([rows.validation, rows.train])
        planned = [*kept, *self._with_papers_trial(ranked)]
        wanted: dict[Frozen, NDArray[np.int64]] = {}
        for frozen in ranked:
            if frozen.backbone in planned:
                wanted[frozen] = both
        for frozen in ranked:
            if frozen.backbone in kept:
                for view in views_of(self._copies())[1:]:
                    wanted[frozen.seen_as(view)] = rows.train
        complete = self._features.complete(wanted, is_over=self._is_over)
        if len(complete) < len(wanted):
            self._run.display.note(
                f"features of {len(wanted) - len(complete)} of {len(wanted)} passes are left to "
                "the trials that need them: the time for screening is over"
            )

    def _copies(self) -> int:
        transfer = self._run.plan.experiment.transfer
        return 0 if transfer is None else transfer.copies

    def _with_papers_trial(self, ranked: Sequence[Frozen]) -> list[str]:
        """The backbones whose trial with paper A's head fits into the number of trials."""
        experiment = self._run.plan.experiment
        if not experiment.search.papers:
            return []
        papers = spaces.paper_configurations(
            self._run.plan.space(), self._run.plan.task, experiment.space_families()
        )
        others = sum(1 for _, one in papers if one["family"] != "transfer")
        trials = experiment.search.trials
        fitting = len(ranked) if trials is None else max(0, trials - others)
        return [one.backbone for one in ranked[:fitting]]


def _ranked(standings: Sequence[Standing]) -> list[Standing]:
    """Best first: who came further, then by validation; a name settles what is left open."""
    return sorted(
        standings,
        key=lambda one: (
            -(one.round.number if one.round else 0),
            *one.merit,
            one.candidate.frozen.backbone,
        ),
    )
