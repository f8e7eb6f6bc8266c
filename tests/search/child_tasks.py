"""Tasks of a child that need no TensorFlow: they sleep, swell, hang or die as they are told.

`source` is a folder here. A task writes its process's number there, so that a test can kill it.
"""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import numpy as np

from trainables.alive import beat
from trainables.results import EpochRecord, FitResult

_held: list[bytearray] = []
_taken: dict[str, float] = {}


def start(runtime, gpus: float) -> None:
    """Nothing is set up; a runtime of 99 threads cannot be."""
    _taken["gpus"] = gpus
    if runtime.threads == 99:
        raise RuntimeError("99 threads cannot be")


def fit(*, recipe, source: Path, report, epochs: int = 3, **_: object) -> FitResult:
    """Waits at its second epoch for a file named as its seed, unless `free` is there."""
    note(source, str(recipe.seed))
    (source / f"{recipe.seed}.gpus").write_text(json.dumps(_seen(source)))
    if (source / "crash").exists():
        raise ValueError(f"layer {recipe.seed} does not fit")
    if (source / f"full-{recipe.accumulation}").exists():
        raise MemoryError(f"no room for {recipe.seed}")
    for number in range(1, epochs + 1):
        if number == 2:
            wait_for(source, f"go-{recipe.seed}")
        accuracy = 0.5 + recipe.seed % 1000 / 4000
        if not report(epoch(number, accuracy)):
            break
    return result(number, accuracy)


def run(*, action: str, source: Path | None = None, report=None, **settings) -> object:
    """One of the small deeds below, by its name."""
    return _DEEDS[action](source, **settings)


def fine_tune(*, source: Path, report) -> int:
    """What a stage asks for: notes that it began, waits, returns how often it has begun."""
    begun = note(source, "stage")
    if (source / "crash").exists():
        raise ValueError(f"layer {begun} does not fit")
    wait_for(source, f"go-{begun}")
    return begun


def note(folder: Path, name: str) -> int:
    """Adds a line `child worker` of process numbers to a file; returns the number of lines."""
    with (folder / f"{name}.pids").open("a") as file:
        file.write(f"{os.getpid()} {os.getppid()}\n")
    return len((folder / f"{name}.pids").read_text().splitlines())


def wait_for(folder: Path, name: str) -> None:
    while not (folder / name).exists() and not (folder / "free").exists():
        beat()
        time.sleep(0.02)
        if (folder / "swell").exists():
            _hold(folder, mib=10)


def epoch(number: int, accuracy: float) -> EpochRecord:
    return EpochRecord(
        epoch=number,
        loss=1.0,
        accuracy=accuracy,
        val_loss=1.0,
        val_accuracy=accuracy,
        seconds=0.1,
        learning_rate=1e-3,
    )


def result(epochs: int, accuracy: float) -> FitResult:
    return FitResult(
        epochs=epochs,
        kept_epoch=epochs,
        val_accuracy=accuracy,
        val_loss=1.0,
        stop_reason="finished",
        seconds=0.1 * epochs,
        history=[epoch(number + 1, accuracy) for number in range(epochs)],
        validation_probabilities=np.full((4, 4), 0.25, np.float32),
        weights=[np.ones(3, np.float32)],
        parameters=3,
        setup_seconds=0.0,
        tracing_seconds=0.0,
    )


def _pid(source) -> int:
    return os.getpid()


def _seen(source) -> tuple[str | None, float]:
    """The GPUs that are named to this process, and what it was told to take of them."""
    return os.environ.get("CUDA_VISIBLE_DEVICES"), _taken["gpus"]


def _hold(source, *, mib: int) -> int:
    """Holds memory for as long as the process lives."""
    for _ in range(mib):
        _held.append(bytearray(os.urandom(1024)) * 1024)
        time.sleep(0.001)
    return os.getpid()


def _hold_and_wait(source, *, mib: int) -> None:
    _hold(source, mib=mib)
    _silent(source, seconds=60)


def _map(source) -> int:
    """Reads a large file through a map, which makes it part of the resident memory."""
    pixels = np.memmap(source / "cache", np.uint8, mode="r")
    total = int(pixels[::4096].sum())
    _silent(source, seconds=1.5)
    return total


def _silent(source, *, seconds: float) -> None:
    time.sleep(seconds)


def _beating(source, *, seconds: float) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        beat()
        time.sleep(0.01)
    return "done beating"


def _die(source, *, number: int) -> None:
    os.kill(os.getpid(), number)
    signal.pause()


def _leave(source) -> None:
    os._exit(7)


def _no_memory(source) -> None:
    raise MemoryError


_DEEDS = {
    "pid": _pid,
    "seen": _seen,
    "hold": _hold,
    "hold and wait": _hold_and_wait,
    "map": _map,
    "silent": _silent,
    "beating": _beating,
    "die": _die,
    "leave": _leave,
    "no memory": _no_memory,
}
