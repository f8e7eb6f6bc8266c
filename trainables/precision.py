"""A short measurement: which precision, batch norm and compiler train a family faster here."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from spaces import Task
from trainables.devices import has_gpu
from trainables.families import Transfer
from trainables.measured_networks import measured_network
from trainables.runtime import current_runtime, numerics
from trainables.variant import Variant

__all__ = ["choose", "measure_precision"]

# Half precision must pay for its rounding: a smaller gain is not taken.
_LEAST_GAIN_OF_MIXED = 1.15
# The fused kernel computes the same: any gain beyond the noise of so short a measurement will do.
_LEAST_GAIN_OF_FUSED = 1.05
# XLA compiles each trial's network anew, for half a minute and more: it must win that back.
_LEAST_GAIN_OF_XLA = 1.2
_PIXELS_PER_BATCH = 300_000
_CLASSES = ("a", "b", "c", "d")
_WARM_UP_STEPS = 1
_SECONDS_PER_VARIANT = 0.3
_FEWEST_STEPS = 3

PLAIN = Variant(precision="float32", fused_batch_norm=False)


def measure_precision(
    *, family: str, image_size: int, channels: int, with_xla: bool
) -> dict[str, Any]:
    """Time training steps of a family's small network in each variant and choose one.

    `trainables.start` comes first: what is measured holds for its threads and determinism. Takes
    about 5 seconds on two cores, without XLA.

    Args:
        family: A key of `FAMILIES`; `transfer` stands for its fine-tuning.
        image_size: Height and width in pixels.
        channels: 1 or 3.
        with_xla: Whether XLA is measured as well: seconds on a GPU, minutes on a CPU.

    Returns:
        "device" (cpu or gpu), "images_per_second" by variant, the chosen variant as
        `Variant.record` gives it, its "gain" over plain float32, "batch_size" and the "seconds"
        it took.
    """
    started = time.perf_counter()
    on_gpu = has_gpu()
    task = Task(image_size=image_size, channels=channels, classes=_CLASSES)
    batch_size = max(4, min(32, _PIXELS_PER_BATCH // image_size**2))
    rates: dict[Variant, float] = {}
    for variant in _variants(family, on_gpu=on_gpu):
        rates[variant] = _images_per_second(family, task, variant, batch_size)
    if with_xla:
        best = choose(rates)
        compiled = Variant(**{**vars(best), "xla": True})
        rates[compiled] = _images_per_second(family, task, compiled, batch_size)
    chosen = choose(rates)
    return {
        "device": "gpu" if on_gpu else "cpu",
        "threads": current_runtime().threads,
        "batch_size": batch_size,
        "images_per_second": {each.name: round(rate, 1) for each, rate in rates.items()},
        **chosen.record(),
        "gain": round(rates[chosen] / rates[PLAIN], 3),
        "seconds": round(time.perf_counter() - started, 2),
    }


def choose(rates: Mapping[Variant, float]) -> Variant:
    """The fastest variant whose gain is worth what it changes.

    Args:
        rates: Images per second; of each precision at least the variant without fused batch norm
            and XLA. XLA counts beside the variant that is the best without it.
    """
    without = {each: rate for each, rate in rates.items() if not each.xla}
    full = _of_precision(without, full=True)
    half = _of_precision(without, full=False)
    best = half if rates[half] >= _LEAST_GAIN_OF_MIXED * rates[full] else full
    compiled = Variant(**{**vars(best), "xla": True})
    pays = rates.get(compiled, 0.0) >= _LEAST_GAIN_OF_XLA * rates[best]
    return compiled if pays else best


def _of_precision(rates: Mapping[Variant, float], *, full: bool) -> Variant:
    """The better of Keras' own batch norm and the fused one, at one precision."""
    found = {each.fused_batch_norm: each for each in rates if (each.precision == "float32") == full}
    own, fused = found[False], found.get(True, found[False])
    return fused if rates[fused] >= _LEAST_GAIN_OF_FUSED * rates[own] else own


def _variants(family: str, *, on_gpu: bool) -> Iterator[Variant]:
    """What is tried: the fused batch norm where it is trained, on a CPU.

    On a GPU the cost of Keras' own is small, and fine-tuning trains none.
    """
    half = "mixed_float16" if on_gpu else "mixed_bfloat16"
    fused = (False,) if on_gpu or family == Transfer.name else (False, True)
    for precision in ("float32", half):
        for each in fused:
            yield Variant(precision=precision, fused_batch_norm=each)


def _images_per_second(family: str, task: Task, variant: Variant, batch_size: int) -> float:
    """Batch size over the fastest of several training steps.

    The fastest, not the mean: what else runs on the machine only ever adds.
    """
    generator = np.random.default_rng(0)
    images = tf.constant(generator.standard_normal((batch_size, *task.shape), dtype=np.float32))
    targets = tf.one_hot(generator.integers(0, len(_CLASSES), batch_size), len(_CLASSES))
    with numerics(precision=variant.precision, fused_batch_norm=variant.fused_batch_norm):
        model = measured_network(family, task)
    model.compile(optimizer="adam", loss="categorical_crossentropy", jit_compile=variant.xla)
    # TensorFlow traces a step twice if variables come to life in it.
    model.optimizer.build(model.trainable_variables)
    for _ in range(_WARM_UP_STEPS):
        model.train_on_batch(images, targets)
    times: list[float] = []
    while len(times) < _FEWEST_STEPS or sum(times) < _SECONDS_PER_VARIANT:
        before = time.perf_counter()
        model.train_on_batch(images, targets)
        times.append(time.perf_counter() - before)
    keras.utils.clear_session()
    return batch_size / min(times)
