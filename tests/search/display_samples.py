"""Records, consoles and searches of any size for the tests of displays."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

from doubles import Clock, epoch
from rich.console import Console

from reports import Origin, Stage, Status, TrialRecord
from search.budgets.budget import Budget
from search.display.protocol import Display

MODELS = ("VGG16", "InceptionResNetV2", "MobileNetV3Large", None)
PRUNED_WHY = "0.712 after epoch 4 is not among the best 6 of 12"
FAILED_WHY = "ResourceExhaustedError: out of memory when allocating a tensor of 150 x 150 x 64"


def record(
    number: int, status: Status, accuracy: float | None, reason: str, **more: Any
) -> TrialRecord:
    plain = TrialRecord(
        trial_id=f"t{number:04d}",
        stage=Stage.SEARCH,
        origin=Origin.SAMPLER,
        family="plain_cnn",
        status=status,
        stop_reason=reason,
        hyperparameters={},
        seed=1,
        val_accuracy=accuracy,
        epochs=3,
        epochs_allowed=5,
        seconds=12.0,
        data_fingerprint="f",
        synthetic=True,
        image_size=32,
        started_at="2026-01-01T00:00:00+00:00",
        finished_at="2026-01-01T00:01:00+00:00",
    )
    return replace(plain, **more)


def console(width: int = 100, height: int = 24) -> Console:
    return Console(
        file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None
    )


def text_of(where: Console) -> str:
    assert isinstance(where.file, io.StringIO)
    return where.file.getvalue()


def play(display: Display, *, trials: int, workers: int, clock: Clock) -> None:
    """Tells a display of a search: the last `workers` of its trials still run."""
    display.stage("search", f"{workers} at once")
    for number in range(trials):
        backbone = MODELS[number % len(MODELS)]
        family = "mini_resnet" if backbone is None else "transfer"
        named = {} if backbone is None else {"transfer/backbone": backbone}
        display.started(f"t{number:04d}", {"family": family, **named}, "")
        clock.now += 7
        if number < trials - workers:
            display.ended(_ended(number, family, backbone))
        else:
            where = f"ip-172-31-0-{number % 7}/{4000 + number}"
            display.epoch(f"t{number:04d}", epoch(2, 0.4 + number / 1000), 30, where)


def _ended(number: int, family: str, backbone: str | None) -> TrialRecord:
    status, reason = (
        (Status.COMPLETED, "finished"),
        (Status.PRUNED, "scheduler"),
        (Status.FAILED, "ResourceExhaustedError"),
    )[number % 3]
    failed = status == Status.FAILED
    return record(
        number,
        status,
        None if failed else 0.5 + (number * 37 % 101) / 300,
        reason,
        family=family,
        backbone=backbone,
        error=FAILED_WHY if failed else None,
        stop_detail=PRUNED_WHY if status == Status.PRUNED else None,
    )


def budget_of(trials: int | None, clock: Clock, seconds: float | None = 7200.0) -> Budget:
    return Budget(trials=trials, seconds=seconds, clock=clock)
