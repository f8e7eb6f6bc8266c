"""Stage 6: each finalist trained with further seeds: how far its accuracy varies by chance alone.

It stands before the test set is opened (after it where a finished run is given further seeds),
looks at no test image, makes no rows and chooses nothing.
A finalist is trained as `rerun` trains its row, on the same images and measured on the same ones;
only the seed is another. A fine-tuned finalist is trained from the first weights on. Ensembles are
no finalists here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reports import TrialRecord
from search.stages.context import Run
from search.stages.evaluate import finalists
from search.stages.fine_tune import read_recipe
from search.stages.pool import Worker
from search.stages.retrainings import Hire, Retraining, Score, retrain_all, seconds_of_recipe
from search.stages.seed_scores import SeedScores
from search.studies.suggestion import trial_seed

__all__ = ["further_seeds", "repeat"]


def repeat(run: Run, worker: Worker, *, hire: Hire | None = None) -> None:
    """Trains what is not trained yet, and writes repeats.json after each training.

    As many run at once as trials did. Under a time budget a training that does not fit any more is
    not begun, and one that is under way at the end is dropped. One that fails is noted and leaves
    its place out.

    Args:
        run: The run under way.
        worker: One that is there already.
        hire: Makes each further worker; None asks Ray.

    Raises:
        RunDirectoryError: if an earlier sitting's repeats.json cannot be read.
    """
    repeats = run.plan.experiment.final.repeats
    if repeats == 1:
        return
    chosen = finalists(run)
    scores = SeedScores(run.directory, repeats)
    wanted = _wanted(run, chosen, repeats)
    missing = [one for one in wanted if not scores.has(one.trial_id, one.recipe.seed)]
    late = 0
    if missing:

        def keep(one: Retraining, score: Score) -> None:
            scores.add(one.trial_id, one.recipe.seed, score)

        late = retrain_all(
            run,
            missing,
            worker,
            stage="repeats",
            hire=hire,
            seconds_left=run.budget.repeat_seconds_left,
            keep=keep,
        )
    done = sum(scores.has(one.trial_id, one.recipe.seed) for one in wanted)
    told = f"{done} of {len(wanted)} trainings with further seeds measured"
    run.display.note(told + (f"; {late} did not fit the time budget" if late else ""))


def further_seeds(seed: int, count: int) -> list[int]:
    """Derives seeds from one, unlike it and unlike each other; more begin with the same ones.

    Args:
        seed: At least 0.
        count: How many, at least 0.

    Returns:
        Seeds in [0, 2**31).
    """
    seeds: list[int] = []
    number = 0
    while len(seeds) < count:
        number += 1
        if (one := trial_seed(seed, number)) not in (seed, *seeds):
            seeds.append(one)
    return seeds


def _wanted(run: Run, chosen: Sequence[TrialRecord], repeats: int) -> list[Retraining]:
    """All further trainings, finalist by finalist: a few whole rows say more than many halves."""
    recipes = {record.trial_id: read_recipe(run.directory, record.trial_id) for record in chosen}
    return [
        Retraining(
            trial_id=record.trial_id,
            name=f"{record.trial_id} with seed {seed}",
            recipe=replace(recipes[record.trial_id], seed=seed),
            expected=seconds_of_recipe(run, record),
            log=f"trials/{record.trial_id}/seed-{seed}.log",
        )
        for record in chosen
        for seed in further_seeds(recipes[record.trial_id].seed, repeats - 1)
    ]
