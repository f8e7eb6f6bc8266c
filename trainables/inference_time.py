"""How long a trained network takes for one image and for a batch, and on what."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.alive import beat
from trainables.devices import gpu_name
from trainables.machine import processor
from trainables.measure import Meter
from trainables.results import Latency, Times
from trainables.runtime import current_runtime

__all__ = ["BATCH", "measured_latency", "median_of_one"]

BATCH = 32
"""Images of the batch that is timed beside a single one."""

_WARM_UP_CALLS = 3
_CALLS_OF_ONE = 25  # where the median alone is asked for

_MOST_CALLS = 200
_LEAST_CALLS = 5
_SECONDS = 3.0  # after which no further call begins: finalists are several, and some are slow
_WARM_UP_SECONDS = 1.0  # after which no further call to warm up begins


Network = Callable[[NDArray[Any]], object]
"""Answers for images: a `Meter`, or what else takes them along the first axis."""


def measured_latency(network: Network, images: NDArray[Any]) -> Latency:
    """Times single images and batches, each after a warm-up.

    Args:
        network: As it is published.
        images: What it takes, such as (n, height, width, channel) uint8, n at least 1; fewer than
            32 are repeated.
    """
    batch = images[np.arange(BATCH) % len(images)]
    return Latency(
        one=_times_of(network, images[:1]), batch=_times_of(network, batch), device=device()
    )


def median_of_one(meter: Meter, image: NDArray[np.uint8]) -> float:
    """Median milliseconds of one image (1, height, width, channel), after a warm-up."""
    return float(np.median(_calls(meter, image, _CALLS_OF_ONE, np.inf)))


def device() -> str:
    """What this process computes on: a GPU's name, or the processor's with the threads in use."""
    if (gpu := gpu_name()) is not None:
        return gpu
    threads = current_runtime().threads
    return f"{processor()}, {threads} {'thread' if threads == 1 else 'threads'}"


def _times_of(network: Network, images: NDArray[Any]) -> Times:
    times = _calls(network, images, _MOST_CALLS, _SECONDS)
    return Times(median=float(np.median(times)), p95=float(np.percentile(times, 95)))


def _calls(network: Network, images: NDArray[Any], most: int, seconds: float) -> list[float]:
    """Milliseconds of each call: the most there may be, or what fits, but no fewer than needed."""
    began = time.perf_counter()
    for done in range(_WARM_UP_CALLS):
        if done == 0 or time.perf_counter() - began < _WARM_UP_SECONDS:
            network(images)
            beat()
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < _LEAST_CALLS or (
        len(times) < most and time.perf_counter() - began < seconds
    ):
        before = time.perf_counter()
        network(images)
        times.append((time.perf_counter() - before) * 1000)
        beat()
    return times
