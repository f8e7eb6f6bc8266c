"""One size of `benchmarks.scale`: a simulated search whose parts are timed from outside.

Prints one line of JSON. Times are those of a part alone, without the parts it calls.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

from search.books.assignment import Plan
from search.books.rungs import Rungs
from search.books.trial_book import TrialBook
from search.budgets.budget import Budget
from search.display import QuietDisplay
from search.experiment_file import parse_experiment
from search.runs.run_directory import RunDirectory
from search.simulation import Curves, SimulatedClock, SimulatedWorkers
from search.studies.study import Study

EXPERIMENT = """
data: {image_size: 150}
families: {mini_resnet: {}, mini_vgg: {}, plain_cnn: {}}
training: {epochs: 30}
"""
CLASSES = ("glioma", "meningioma", "notumor", "pituitary")
VALIDATION_IMAGES = 1000
WEIGHTS = 250_000  # numbers of 4 bytes: a small network
WINDOWS = 40


class Stopwatch:
    """Seconds of each part by itself, call by call, and how far the search was at each call."""

    def __init__(self) -> None:
        self.seconds: dict[str, array[float]] = {}
        self.at: dict[str, array[int]] = {}
        self.ended = 0
        self._inner = [0.0]

    def watch(self, owner: Any, name: str, part: str) -> None:
        """Time a method of an object from now on; several methods may be one part."""
        method: Callable[..., Any] = getattr(owner, name)
        seconds = self.seconds.setdefault(part, array("d"))
        at = self.at.setdefault(part, array("l"))

        def timed(*arguments: Any, **named: Any) -> Any:
            self._inner.append(0.0)
            began = time.perf_counter()
            try:
                return method(*arguments, **named)
            finally:
                took = time.perf_counter() - began
                seconds.append(took - self._inner.pop())
                at.append(self.ended)
                self._inner[-1] += took

        setattr(owner, name, timed)


def watched(watch: Stopwatch, book: TrialBook, study: Study, rungs: Rungs) -> None:
    """Put the stopwatch on every part of the driver."""
    watch.watch(study, "ask", "suggestion")
    watch.watch(book, "next_assignment", "handing out")
    watch.watch(rungs, "decide", "scheduler")
    watch.watch(study, "report", "epoch: journal")
    watch.watch(book, "note_epoch", "epoch: its line")
    for name in ("complete", "prune", "fail"):
        watch.watch(study, name, "end: told to the study")
    for name in ("consider", "tidy", "save_predictions"):
        watch.watch(book._kept, name, "end: weights and predictions")
    watch.watch(book, "end", "end: record")


class Counting(QuietDisplay):
    """Shows nothing; counts the trials that ended."""

    def __init__(self, watch: Stopwatch) -> None:
        self._watch = watch

    def ended(self, record: Any) -> None:
        """Count one."""
        del record
        self._watch.ended += 1


def peak() -> float:
    """The most memory this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def run(trials: int, workers: int, folder: Path) -> dict[str, Any]:
    """Simulate a search and say what it cost."""
    watch, clock = Stopwatch(), SimulatedClock()
    plan = Plan(experiment=parse_experiment(EXPERIMENT, source="benchmark"), classes=CLASSES)
    with RunDirectory.create(folder, {"name": "scale"}) as directory:
        study = Study(directory.journal, plan.space(), sampler="tpe", seed=0)
        rungs = Rungs()
        book = TrialBook(
            run=directory,
            study=study,
            plan=plan,
            budget=Budget(trials=trials, seconds=None, clock=clock),
            display=Counting(watch),
            facts={"data_fingerprint": "f" * 16, "synthetic": True, "runtime": {}},
        )
        watched(watch, book, study, rungs)
        gc.collect()
        before, began, cpu = peak(), time.perf_counter(), time.process_time()
        SimulatedWorkers(
            book,
            rungs,
            curves=Curves(),
            workers=workers,
            clock=clock,
            images=VALIDATION_IMAGES,
            weights=WEIGHTS,
        ).run()
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    if len(book.records) != trials:
        sys.exit(f"{len(book.records)} trials ended; {trials} were asked for")
    return {
        "trials": trials,
        "workers": workers,
        "wall": wall,
        "cpu": cpu,
        "simulated": clock.now,
        "memory_before": before,
        "memory": peak(),
        "epochs": sum(record.epochs for record in book.records),
        "disk": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6,
        "parts": {part: summary(watch, part, trials) for part in watch.seconds},
    }


def summary(watch: Stopwatch, part: str, trials: int) -> dict[str, Any]:
    """A part's calls, its seconds, its cost in the last tenth, and its cost as trials end."""
    seconds, at = watch.seconds[part], watch.at[part]
    last = seconds[-max(1, len(seconds) // 10) :]
    windows = [[0, 0.0] for _ in range(WINDOWS)]
    for one, ended in zip(seconds, at, strict=True):
        window = windows[min(WINDOWS - 1, ended * WINDOWS // trials)]
        window[0] += 1
        window[1] += one
    return {
        "calls": len(seconds),
        "seconds": sum(seconds),
        "late": sum(last) / len(last),
        "windows": [total / calls if calls else None for calls, total in windows],
    }


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))))
