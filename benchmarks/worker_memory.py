"""Memory of one warm worker process over 200 short trials in a row, of changing configurations.

The process is the one a search uses, told to train by `search.workers.warm_child`; after each trial
its resident memory is read. A least-squares line over the second half says how much a trial adds,
when pools and caches have reached their size.

    python -m benchmarks.worker_memory [--trials 200] [--csv FILE] [--svg docs/images/FILE.svg]
"""

from __future__ import annotations

import argparse
import csv
import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil

import scans
from benchmarks.training_step import NETWORKS, recipe_of
from scans.phantom import write_phantom
from search.runs.run_directory import RunDirectory
from search.stages.prepare import prepare
from search.workers.child import CONTINUE
from search.workers.warm_child import WarmChild
from spaces import Value
from trainables import Recipe, Runtime

_SIZE = 32
_MEBI = 2**20


def prepared(folder: Path) -> scans.Source:
    """A few phantom images, divided."""
    from search.experiment import Data

    write_phantom(folder / "images", images=80, size=_SIZE)
    data = Data(path=folder / "images", image_size=_SIZE, color="grey")
    source, _ = prepare(RunDirectory.create(folder / "run", {}), data, seed=0)
    return source


def recipes(trials: int, classes: Sequence[str]) -> Iterator[Recipe]:
    """Configurations that differ in network, batch size, optimiser, schedule and augmentation."""
    draw = random.Random(0)  # noqa: S311 - nothing secret
    for seed in range(trials):
        network = dict(NETWORKS[draw.choice(sorted(NETWORKS))])
        training: dict[str, Value] = {
            "training/optimizer": draw.choice(["adam", "adamw", "sgd", "rmsprop"]),
            "training/schedule": draw.choice(["constant", "cosine"]),
            "training/augmentation": draw.random() < 0.3,
            "training/augmentation_strength": 0.3,
        }
        plain = recipe_of(network, image_size=_SIZE, batch_size=draw.choice([8, 16, 32]))
        told = plain.to_dict()
        told["configuration"] |= training
        told["task"]["classes"] = list(classes)
        yield Recipe.from_dict({**told, "seed": seed, "epochs": 2})


def train(child: WarmChild, recipe: Recipe, source: scans.Source) -> None:
    child.begin("fit", {"recipe": recipe, "source": source, "keep_seconds": 1e9})
    while (message := child.next_message())[0] == "epoch":
        child.answer(CONTINUE)
    if message[0] != "done":
        raise SystemExit(f"a trial ended with {message}")


def curve(trials: int, *, threads: int = 1) -> list[float]:
    """Resident MiB of the worker's process after each trial.

    Raises:
        SystemExit: A trial failed, or the process was replaced.
    """
    runtime = Runtime(threads=threads, precision="mixed_bfloat16", fused_batch_norm=True)
    child, memory, processes = WarmChild(runtime), [], set()
    with tempfile.TemporaryDirectory(prefix="worker-memory-") as name:
        source = prepared(Path(name))
        try:
            for recipe in recipes(trials, source.classes):
                train(child, recipe, source)
                processes.add(child.pid)
                memory.append(psutil.Process(child.pid).memory_info().rss / _MEBI)
        finally:
            child.close()
    if len(processes) != 1:
        raise SystemExit(f"the worker's process was replaced: {processes}")
    return memory


def growth(memory: Sequence[float]) -> float:
    """MiB that a trial adds in the second half, by least squares."""
    later = np.asarray(memory[len(memory) // 2 :])
    return float(np.polyfit(np.arange(len(later)), later, 1)[0])


def picture(memory: Sequence[float]) -> str:
    """The curve as an SVG that stands alone."""
    from reports.figures.axis import Axis, count_axis
    from reports.figures.chart import Chart

    y = Axis(0.0, 1.1 * max(memory), "resident memory of the worker, MiB")
    chart = Chart(
        count_axis(len(memory), "trials trained in one process"), y, label="Memory of a worker"
    )
    chart.line(list(enumerate(memory, start=1)), style="memory", hint=f"{len(memory)} trials")
    style = (
        "<style>.chart{font:11px sans-serif;fill:#444}.axes line{stroke:#ddd}"
        ".memory{fill:none;stroke:#2166ac;stroke-width:1.5}</style>"
    )
    markup = chart.markup().replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return markup.replace(">", f">{style}", 1) + "\n"


def write_csv(memory: Sequence[float], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        rows: list[list[Any]] = [["trial", "resident_mib"]]
        rows += [[trial, f"{value:.1f}"] for trial, value in enumerate(memory, start=1)]
        csv.writer(file).writerows(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--svg", type=Path)
    options = parser.parse_args()
    memory = curve(options.trials)
    marks = sorted({0, *(len(memory) * share // 4 - 1 for share in (1, 2, 3, 4))})
    print("MiB after trial  " + "   ".join(f"{n + 1}: {memory[n]:.0f}" for n in marks if n >= 0))
    print(f"second half: {growth(memory):+.3f} MiB per trial")
    if options.csv:
        write_csv(memory, options.csv)
    if options.svg:
        options.svg.write_text(picture(memory), encoding="utf-8")


if __name__ == "__main__":
    main()
