"""Our stopping rule against Ray's ASHA on made curves: what the winner loses, what epochs cost.

Both see the same curves in the same order of events. `lost` is the mean difference between the best
accuracy of all trials, had each trained to its end, and the best of those that did; its spread is
the standard error of the difference to Ray's. `epochs` is the share of all allowed epochs trained.

    python -m benchmarks.early_stopping [--repeats 400]
"""

from __future__ import annotations

import argparse
import heapq
import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from ray.tune.schedulers.async_hyperband import AsyncHyperBandScheduler

from search.books.rungs import Rungs

SETTINGS = ((20, 2, 10), (60, 2, 5), (60, 2, 30), (60, 8, 30), (200, 8, 30), (1000, 100, 30))
"""Trials, workers, epochs allowed."""


class Rule(Protocol):
    def goes_on(self, trial: int, epoch: int, allowed: int, score: float) -> bool: ...


class Ours:
    """A rung at every epoch."""

    def __init__(self) -> None:
        self._rungs = Rungs()

    def goes_on(self, trial: int, epoch: int, allowed: int, score: float) -> bool:
        return self._rungs.decide(str(trial), epoch, allowed, score).goes_on


class RaysAsha:
    """Ray's, with rungs at 20, 40 and 80 % of the epochs, as a search used it before."""

    def __init__(self) -> None:
        self._asha = AsyncHyperBandScheduler(
            time_attr="progress",
            metric="score",
            mode="max",
            grace_period=20,
            reduction_factor=2,
            max_t=100,
            stop_last_trials=False,
        )
        self._best: dict[int, float] = {}

    def goes_on(self, trial: int, epoch: int, allowed: int, score: float) -> bool:
        ray_trial = SimpleNamespace(trial_id=str(trial))
        if trial not in self._best:
            self._asha.on_trial_add(None, ray_trial)
        self._best[trial] = max(score, self._best.get(trial, -math.inf))
        if epoch == allowed:
            return True
        result = {"progress": 100 * epoch // allowed, "score": self._best[trial]}
        return str(self._asha.on_trial_result(None, ray_trial, result)) == "CONTINUE"


def made_curves(rng: np.random.Generator, trials: int, epochs: int) -> NDArray[np.float64]:
    """Accuracies that rise from chance to asymptotes, slow and fast, clean and noisy."""
    ends = np.minimum(0.99, 0.5 + 0.45 * rng.beta(3, 1.5, (trials, 1)))
    paces = np.exp(rng.normal(math.log(7 / epochs), 0.6, (trials, 1)))
    noise = rng.choice([0.005, 0.02, 0.04], (trials, 1)) * rng.normal(size=(trials, epochs))
    rise = 1 - np.exp(-paces * np.arange(1, epochs + 1))
    return np.clip(0.25 + (ends - 0.25) * rise + noise, 0.0, 1.0)


def search(
    rule: Rule, curves: NDArray[np.float64], seconds: NDArray[np.float64], workers: int
) -> tuple[float, float]:
    """The best accuracy of a trial that ended in order, and the share of epochs trained."""
    trials, allowed = curves.shape
    events = [(seconds[trial], trial, 1) for trial in range(min(workers, trials))]
    heapq.heapify(events)
    begun, trained, best = len(events), 0, 0.0
    while events:
        now, trial, epoch = heapq.heappop(events)
        trained += 1
        goes_on = rule.goes_on(trial, epoch, allowed, float(curves[trial, epoch - 1]))
        if goes_on and epoch < allowed:
            heapq.heappush(events, (now + seconds[trial], trial, epoch + 1))
            continue
        if epoch == allowed:
            best = max(best, float(curves[trial].max()))
        if begun < trials:
            heapq.heappush(events, (now + seconds[begun], begun, 1))
            begun += 1
    return best, trained / curves.size


def compare(trials: int, workers: int, epochs: int, repeats: int) -> str:
    """One row of the table."""
    rules: tuple[Callable[[], Rule], ...] = (RaysAsha, Ours)
    lost, share = np.zeros((repeats, 2)), np.zeros((repeats, 2))
    for repeat in range(repeats):
        rng = np.random.default_rng([repeat, trials, workers, epochs])
        curves = made_curves(rng, trials, epochs)
        seconds = np.exp(rng.normal(0, 0.5, trials))
        for number, rule in enumerate(rules):
            best, share[repeat, number] = search(rule(), curves, seconds, workers)
            lost[repeat, number] = curves.max() - best
    error = (lost[:, 1] - lost[:, 0]).std() / math.sqrt(repeats)
    theirs, ours = 100 * lost.mean(0)
    spent = 100 * share.mean(0)
    return (
        f"| {trials:,} | {workers} | {epochs} | {theirs:.2f} | {ours:.2f} ± {100 * error:.2f} "
        f"| {spent[0]:.1f} | {spent[1]:.1f} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=400)
    repeats = parser.parse_args().repeats
    print(
        "| trials | workers | epochs | lost, points: Ray | lost: ours | epochs, %: Ray | ours |\n"
        "|---:|---:|---:|---:|---:|---:|---:|"
    )
    for trials, workers, epochs in SETTINGS:
        few = max(20, repeats * 60 // max(60, trials))
        print(compare(trials, workers, epochs, few), flush=True)


if __name__ == "__main__":
    main()
