"""Stage 4: the joint search, Optuna's proposals under Tune's scheduler, within the budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import spaces
from neurosweep.errors import NoTrialSucceededError
from reports import TrialRecord
from search.books.past_epochs import recall
from search.books.rungs import Rungs
from search.books.trial_book import TrialBook
from search.books.warm_start import read_warm_start
from search.runs.stopping import StopRequest
from search.scheduling.tuning import run_trials
from search.stages.context import Run
from search.studies.study import Study
from search.workers.control import countdown
from search.workers.patience import Patience
from search.workers.worker import WorkerSettings

__all__ = ["search"]

_ENQUEUED_WARM = "the best of the runs learned from"


def search(run: Run) -> list[TrialRecord]:
    """Runs trials until the budget is used; takes up what an earlier sitting left.

    Returns:
        The records of all search trials, earlier sittings included.

    Raises:
        NoTrialSucceededError: if not one trial completed and kept to the constraints.
        ExperimentError: if an objective cannot be measured on these data.
    """
    settings = run.plan.experiment.search
    space = run.plan.space()
    study = Study(
        run.directory.journal,
        space,
        sampler=settings.sampler,
        seed=settings.seed,
        directions=settings.aim.directions,
        explored=_explored(run),
    )
    book = TrialBook(
        run=run.directory,
        study=study,
        plan=run.plan,
        budget=run.budget,
        display=run.display,
        facts=run.facts(),
        score=run.validation_scores().of,
    )
    book.resume(run.records)
    _enqueue(run, study, space)
    if not book.exhausted:
        _run(run, book)
    book.close_waiting()
    if not run.ranking.ranked(book.records):
        raise NoTrialSucceededError(_explain(book.records, stopped=run.budget.stopped))
    return book.records


def _explored(run: Run) -> Any:
    """The space that the sampler proposes from, where a screening left backbones out."""
    kept = run.directory.info.get("explored")
    if kept is None or set(kept) == set(run.plan.backbones()):
        return None
    return run.plan.space(backbones=kept)


def _enqueue(run: Run, study: Study, space: Any) -> None:
    """What is tried before the sampler proposes anything, and what it knows from other runs."""
    experiment = run.plan.experiment
    if experiment.search.papers:
        families = experiment.space_families()
        papers = spaces.paper_configurations(space, run.plan.task, families)
        study.enqueue(_in_order(papers, run.directory.info.get("ranked")))
    if experiment.search.warm_start and "learned" not in run.directory.info:
        fingerprint = run.source.fingerprint
        learned = read_warm_start(
            experiment.search.warm_start, run.plan, space, fingerprint=fingerprint
        )
        if learned.best is not None:
            study.enqueue([(_ENQUEUED_WARM, learned.best[1])], origin="warm_start")
        study.learn(learned.known)
        # A later sitting finds them in the journal, and needs the other runs no more.
        run.directory.update(learned=list(learned.told))
        for line in learned.told:
            run.display.note(line)


def _in_order(
    papers: Sequence[tuple[str, dict[str, Any]]], ranked: Sequence[str] | None
) -> list[tuple[str, dict[str, Any]]]:
    """The papers' rows: custom networks first, then backbones as they were screened.

    Args:
        papers: Named configurations.
        ranked: Backbones, best first, without those whose features failed, as their trials would;
            None where none were screened.
    """
    custom = [one for one in papers if one[1]["family"] != "transfer"]
    transfer = {one[1]["transfer/backbone"]: one for one in papers if one not in custom}
    names = transfer if ranked is None else ranked
    return [*custom, *(transfer[name] for name in names if name in transfer)]


def _run(run: Run, book: TrialBook) -> None:
    aim = run.plan.experiment.search.aim
    rungs = _rungs(run, book)
    with run.display.searching(), countdown() as left:
        book.follow(left)
        settings = WorkerSettings(
            source=run.source,
            runtime=run.runtime,
            limits=run.limits,
            resources=dict(run.resources),
            workers=run.workers,
            countdown=left,
            most_parameters=aim.most_parameters,
            with_latency="latency_ms" in aim.needs,
            depot=run.depot,
        )
        try:
            run_trials(
                book,
                settings,
                workers=run.workers,
                resources=dict(run.resources),
                rungs=rungs,
                request=StopRequest(run.directory.path),
                look=_onlooker(run),
            )
        finally:
            book.follow(None)


def _onlooker(run: Run) -> Callable[[int], None]:
    """Says when workers are waited for long, and asks nodes that come what they run."""
    patience = Patience(run.display.note)

    def look(waiting: int) -> None:
        patience.look(waiting)
        if run.roll_call is not None:
            run.roll_call.look()

    return look


def _rungs(run: Run, book: TrialBook) -> Rungs | None:
    """What stops trials early, with the epochs of earlier sittings; None where nothing does."""
    settings = run.plan.experiment.search
    if settings.scheduler == "none":
        return None
    if not settings.aim.is_known_per_epoch:
        # What is behind in one figure can still be the best in another, or in one not yet known.
        run.display.note("no trial is stopped early: the objective is not one score per epoch")
        return None
    rungs = Rungs()
    recall(rungs, run.directory, book.records, book.interrupted, settings.aim)
    return rungs


def _explain(records: list[TrialRecord], *, stopped: bool) -> str:
    if not records and stopped:
        return "the search was stopped before a single trial ended; --resume goes on with it"
    if not records:
        return (
            "the search ended before a single trial did; give it a longer --time-budget, or "
            "smaller models and images"
        )
    broken = any(record.feasible is False for record in records)
    completed = "completed" + (" and kept to the constraints" if broken else "")
    reasons = sorted({told for r in records if (told := r.error or r.stop_detail) is not None})
    listed = "\n".join(f"  {reason}" for reason in reasons[:5])
    return (
        f"the search ended and none of its {len(records)} trials {completed}. What they said:\n"
        f"{listed or '  all were stopped early'}\n"
        "trials/*/log.txt in the run directory have the tracebacks"
    )
