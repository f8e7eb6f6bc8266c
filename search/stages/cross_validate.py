"""Stage 7: each finalist trained anew without each fold: how much of its score was luck.

It stands before the test set is opened, looks at no test image, and chooses nothing: the search's
validation part has chosen already. A round keeps its best epoch by the fold that it is measured on,
as a trial of the search does, so its figures are slightly optimistic.
"""

from __future__ import annotations

from collections.abc import Sequence

from reports import TrialRecord
from search.stages.context import Run
from search.stages.evaluate import finalists
from search.stages.fine_tune import read_recipe
from search.stages.fold_scores import FoldScores
from search.stages.pool import Worker
from search.stages.retrainings import Hire, Retraining, Score, retrain_all, seconds_of_recipe

__all__ = ["cross_validate"]


def cross_validate(run: Run, worker: Worker, *, hire: Hire | None = None) -> None:
    """Trains what is not trained yet, and writes cross_validation.json after each round.

    As many rounds run at once as trials did. Under a time budget a round that does not fit any
    more is not begun, and one that is under way at the end is dropped. A round that fails is noted
    and leaves its place out.

    Args:
        run: The run under way; its experiment asks for folds.
        worker: One that is there already.
        hire: Makes each further worker; None asks Ray.

    Raises:
        RunDirectoryError: if an earlier sitting's cross_validation.json cannot be read.
    """
    folds = run.plan.experiment.data.folds
    if folds is None:
        return
    chosen = finalists(run)
    scores = FoldScores(run.directory, run.source.split, folds, [r.trial_id for r in chosen])
    rounds = _rounds(run, chosen, scores)
    late = 0
    if rounds:
        scores.write()

        def keep(one: Retraining, score: Score) -> None:
            if one.fold is not None:
                scores.add(one.trial_id, one.fold, score)

        late = retrain_all(
            run,
            rounds,
            worker,
            stage="cross-validation",
            hire=hire,
            seconds_left=run.budget.cross_validate_seconds_left,
            keep=keep,
        )
    measured = f"{scores.count} of {folds * len(chosen)} rounds measured"
    run.display.note(measured + (f"; {late} did not fit the time budget" if late else ""))


def _rounds(run: Run, chosen: Sequence[TrialRecord], scores: FoldScores) -> list[Retraining]:
    """What is still to train, finalist by finalist: a few whole rows say more than many halves."""
    return [
        Retraining(
            trial_id=record.trial_id,
            name=f"{record.trial_id} without fold {fold}",
            recipe=read_recipe(run.directory, record.trial_id),
            fold=fold,
            expected=scores.growth * seconds_of_recipe(run, record),
            log=f"trials/{record.trial_id}/fold-{fold}.log",
        )
        for record in chosen
        for fold in scores.missing(record.trial_id)
    ]
