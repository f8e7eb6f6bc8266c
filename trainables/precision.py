"""A short measurement: which precision and which batch norm train faster on this machine."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainables.layers import batch_normalization
from trainables.runtime import Runtime, numerics, start
from trainables.variant import Variant

__all__ = ["choose", "measure_precision"]

# Half precision must pay for its rounding: a smaller gain is not taken.
_LEAST_GAIN_OF_MIXED = 1.15
# The fused kernel computes the same: any gain beyond the noise of so short a measurement will do.
_LEAST_GAIN_OF_FUSED = 1.05
_FILTERS = (32, 64, 64)
_PIXELS_PER_BATCH = 300_000
_WARM_UP_STEPS = 2
_SECONDS_PER_VARIANT = 0.6
_FEWEST_STEPS = 3


def measure_precision(*, image_size: int, channels: int, threads: int) -> dict[str, Any]:
    """Time training steps of a small network in each variant and choose one.

    Sets this process up with `threads` in float32, so use a process of its own. Takes 5 to 8
    seconds on two cores.

    Args:
        image_size: Height and width in pixels.
        channels: 1 or 3.
        threads: As a trial will have.

    Returns:
        "device" (cpu or gpu), "images_per_second" by variant, the chosen "precision" and
        "fused_batch_norm", the chosen variant's "gain" over plain float32, "batch_size" and the
        "seconds" it took.
    """
    started = time.perf_counter()
    start(Runtime(threads=threads))
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    batch_size = max(4, min(32, _PIXELS_PER_BATCH // image_size**2))
    shape = (batch_size, image_size, image_size, channels)
    rates = {each: _images_per_second(each, shape) for each in _variants(on_gpu=on_gpu)}
    chosen = choose(rates)
    plain = rates[Variant(precision="float32", fused_batch_norm=False)]
    return {
        "device": "gpu" if on_gpu else "cpu",
        "threads": threads,
        "batch_size": batch_size,
        "images_per_second": {each.name: round(rate, 1) for each, rate in rates.items()},
        "precision": chosen.precision,
        "fused_batch_norm": chosen.fused_batch_norm,
        "gain": round(rates[chosen] / plain, 3),
        "seconds": round(time.perf_counter() - started, 2),
    }


def choose(rates: Mapping[Variant, float]) -> Variant:
    """The fastest variant whose gain is worth what it changes.

    Args:
        rates: Images per second; of each precision at least the variant without fused batch norm.
    """
    full = _of_precision(rates, full=True)
    half = _of_precision(rates, full=False)
    return half if rates[half] >= _LEAST_GAIN_OF_MIXED * rates[full] else full


def _of_precision(rates: Mapping[Variant, float], *, full: bool) -> Variant:
    """The better of Keras' own batch norm and the fused one, at one precision."""
    found = {each.fused_batch_norm: each for each in rates if (each.precision == "float32") == full}
    own, fused = found[False], found.get(True, found[False])
    return fused if rates[fused] >= _LEAST_GAIN_OF_FUSED * rates[own] else own


def _variants(*, on_gpu: bool) -> list[Variant]:
    """What is tried: on a GPU Keras' own batch norm only, whose cost there is small."""
    half = "mixed_float16" if on_gpu else "mixed_bfloat16"
    fused = (False,) if on_gpu else (False, True)
    return [
        Variant(precision=precision, fused_batch_norm=each)
        for precision in ("float32", half)
        for each in fused
    ]


def _images_per_second(variant: Variant, shape: tuple[int, int, int, int]) -> float:
    """Batch size over the fastest of several training steps.

    The fastest, not the mean: what else runs on the machine only ever adds.
    """
    generator = np.random.default_rng(0)
    images = tf.constant(generator.standard_normal(shape, dtype=np.float32))
    targets = tf.one_hot(generator.integers(0, 4, shape[0]), 4)
    with numerics(precision=variant.precision, fused_batch_norm=variant.fused_batch_norm):
        model = _network(shape[1:])
    model.compile(optimizer="adam", loss="categorical_crossentropy")
    for _ in range(_WARM_UP_STEPS):
        model.train_on_batch(images, targets)
    times: list[float] = []
    while len(times) < _FEWEST_STEPS or sum(times) < _SECONDS_PER_VARIANT:
        before = time.perf_counter()
        model.train_on_batch(images, targets)
        times.append(time.perf_counter() - before)
    keras.utils.clear_session()
    return shape[0] / min(times)


def _network(shape: tuple[int, int, int]) -> keras.Model:
    """Convolution, batch norm, ReLU and pooling, as all custom families have them."""
    images = keras.Input(shape)
    features = images
    for block, filters in enumerate(_FILTERS, start=1):
        features = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(features)
        features = batch_normalization(name=f"block{block}_norm")(features)
        features = keras.layers.ReLU()(features)
        features = keras.layers.MaxPooling2D()(features)
    pooled = keras.layers.GlobalAveragePooling2D()(features)
    outputs = keras.layers.Dense(4, activation="softmax", dtype="float32")(pooled)
    return keras.Model(images, outputs)
