"""What one trial costs the search's driver as the history grows: ours and plain TPE.

One trial is `ask`, a report per epoch and the end, on the space of an experiment file, with the
journal on disk. Plain: one Optuna study with a journal and grouped TPE over the whole history, as
Optuna's documentation has it. Both get the same made scores; every tenth trial is pruned.

The history is made at random and written before the clock starts: for plain TPE, and for ours,
which then resumes from it. The time of that resume is given too.

    python -m benchmarks.suggestion_cost [--trials 100 300 1000 3000 10000] [--epochs 10]
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import numpy as np
import optuna
import psutil
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

import spaces
from search.books.assignment import Plan
from search.experiment_file import load_experiment
from search.studies.study import Study

CLASSES = ("glioma", "meningioma", "notumor", "pituitary")
EXPERIMENT = Path(__file__).parents[1] / "experiments" / "brain_mri.yaml"


def space_of(experiment: Path) -> Any:
    return Plan(experiment=load_experiment(experiment), classes=CLASSES).space()


def scores_of(number: int, epochs: int) -> list[float]:
    """A rising curve, another for each trial."""
    rng = np.random.default_rng(number)
    ceiling, speed = rng.uniform(0.3, 0.95), rng.uniform(0.1, 1.0)
    return [float(ceiling * (1 - np.exp(-speed * (step + 1)))) for step in range(epochs)]


class Ours:
    name = "ours"

    def __init__(self, journal: Path, space: Any) -> None:
        self._study = Study(journal, space, sampler="tpe", seed=0)

    def trial(self, epochs: int) -> None:
        suggestion = self._study.ask()
        assert suggestion is not None
        scores = scores_of(suggestion.number, epochs)
        pruned = suggestion.number % 10 == 9
        for step, score in enumerate(scores[: epochs // 2 if pruned else epochs], start=1):
            self._study.report(suggestion.number, step, score)
        if pruned:
            self._study.prune(suggestion.number)
        else:
            self._study.complete(suggestion.number, [scores[-1]])


class Plain:
    name = "plain"

    def __init__(self, journal: Path, space: Any) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(multivariate=True, group=True, seed=0)
        self._space = space
        self._study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(journal))),
            study_name="search",
            direction="maximize",
            load_if_exists=True,
            sampler=sampler,
        )

    def trial(self, epochs: int) -> None:
        trial = self._study.ask()
        spaces.suggest(trial, self._space)
        scores = scores_of(trial.number, epochs)
        pruned = trial.number % 10 == 9
        for step, score in enumerate(scores[: epochs // 2 if pruned else epochs], start=1):
            trial.report(score, step)
        if pruned:
            self._study.tell(trial, state=TrialState.PRUNED)
        else:
            self._study.tell(trial, scores[-1])


def write_history(journal: Path, space: Any, trials: int, epochs: int) -> None:
    """A journal of so many trials as ours writes it, drawn at random."""
    study = Study(journal, space, sampler="random", seed=1)
    maker = Ours.__new__(Ours)
    maker._study = study
    with mock.patch("os.fsync"):  # nobody pulls the plug on a benchmark's preparations
        for _ in range(trials):
            maker.trial(epochs)


def timed(run: Callable[[], None], repeats: int) -> tuple[float, float]:
    """Median milliseconds by the clock and of the processor; the first two are not counted."""
    clock, processor = [], []
    for _ in range(repeats + 2):
        began = time.perf_counter(), time.process_time()
        run()
        clock.append(time.perf_counter() - began[0])
        processor.append(time.process_time() - began[1])
    return 1000 * median(clock[2:]), 1000 * median(processor[2:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, nargs="+", default=[100, 300, 1000, 3000, 10000])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--experiment", type=Path, default=EXPERIMENT)
    parser.add_argument("--only", choices=["ours", "plain"])
    options = parser.parse_args()
    space = space_of(options.experiment)
    kinds = [kind for kind in (Ours, Plain) if options.only in (None, kind.name)]
    print(f"{'trials':>7} {'sampler':>8} {'open s':>7} {'ms':>7} {'CPU ms':>7} {'MB':>6}")
    for trials in options.trials:
        with tempfile.TemporaryDirectory() as folder:
            journal = Path(folder) / "history.journal"
            write_history(journal, space, trials, options.epochs)
            for kind in kinds:
                own = Path(folder) / f"{kind.name}.journal"
                own.write_bytes(journal.read_bytes())
                began = time.perf_counter()
                driver = kind(own, space)
                opened = time.perf_counter() - began
                clock, processor = timed(
                    lambda driver=driver: driver.trial(options.epochs), options.repeats
                )
                memory = psutil.Process().memory_info().rss / 1e6
                print(
                    f"{trials:>7} {kind.name:>8} {opened:>7.2f} {clock:>7.1f} {processor:>7.1f} "
                    f"{memory:>6.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
