"""Stage 3: the joint search, Optuna's proposals under Tune's scheduler, within the budget."""

from __future__ import annotations

import spaces
from neurosweep.errors import NoTrialSucceededError
from reports import Status, TrialRecord
from search.past_epochs import recall
from search.schedule import Rungs
from search.stages.context import Run
from search.study import Study
from search.trial_book import TrialBook
from search.tuning import run_trials
from search.worker import WorkerSettings

__all__ = ["search"]


def search(run: Run) -> list[TrialRecord]:
    """Runs trials until the budget is used; takes up what an earlier sitting left.

    Returns:
        The records of all search trials, earlier sittings included.

    Raises:
        NoTrialSucceededError: if not one trial completed.
    """
    experiment = run.plan.experiment
    space = run.plan.space()
    study = Study(
        run.directory.journal,
        space,
        sampler=experiment.search.sampler,
        seed=experiment.search.seed,
    )
    book = TrialBook(
        run=run.directory,
        study=study,
        plan=run.plan,
        budget=run.budget,
        display=run.display,
        facts=run.facts(),
    )
    if experiment.search.papers:
        study.enqueue(
            spaces.paper_configurations(space, run.plan.task, experiment.space_families())
        )
    book.resume(run.records)
    rungs = Rungs() if experiment.search.scheduler == "asha" else None
    if rungs is not None:
        recall(rungs, run.directory, book.records, book.interrupted)
    if not book.exhausted:
        with run.display.searching():
            run_trials(
                book,
                WorkerSettings(
                    source=run.source,
                    runtime=run.runtime,
                    limits=run.limits,
                    resources=dict(run.resources),
                    workers=run.workers,
                ),
                workers=run.workers,
                resources=dict(run.resources),
                rungs=rungs,
            )
    if not any(record.status == Status.COMPLETED for record in book.records):
        raise NoTrialSucceededError(_explain(book.records))
    return book.records


def _explain(records: list[TrialRecord]) -> str:
    if not records:
        return (
            "the search ended before a single trial did; give it a longer --time-budget, or "
            "smaller models and images"
        )
    reasons = sorted({record.error for record in records if record.error})
    listed = "\n".join(f"  {reason}" for reason in reasons[:5])
    return (
        f"the search ended and none of its {len(records)} trials completed. What they said:\n"
        f"{listed or '  all were stopped early'}\n"
        "trials/*/log.txt in the run directory have the tracebacks"
    )
