"""The state of TensorFlow in one process: set once, before its first operation."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from neurosweep.errors import NeurosweepError
from trainables import idle
from trainables.devices import share_gpus

__all__ = ["PRECISIONS", "Runtime", "current_runtime", "numerics", "quiet_import", "start"]

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")

_started: Runtime | None = None


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """How this process computes.

    Attributes:
        threads: Threads of one operation; at least 1.
        precision: One of `PRECISIONS`: the policy of training steps. What is measured and saved
            is float32 always.
        deterministic: The same seed gives the same numbers to the last digit.
        fused_batch_norm: Training steps use TensorFlow's fused batch norm (faster on CPUs).
    """

    threads: int
    precision: str = "float32"
    deterministic: bool = True
    fused_batch_norm: bool = False

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise NeurosweepError(
                f"A runtime has at least 1 thread; received {self.threads}. "
                "Give the number of CPUs of one trial."
            )
        if self.precision not in PRECISIONS:
            raise NeurosweepError(
                f"The precision is one of {list(PRECISIONS)}; received {self.precision!r}. "
                "Choose one of them."
            )


def start(runtime: Runtime, *, gpus: float | None = None) -> None:
    """Set TensorFlow up in this process; again with an equal runtime does nothing.

    Args:
        runtime: How it computes; it stands with each trial, and a replay takes it from there.
        gpus: What it may take of the GPUs it sees, as `devices.share_gpus` reads it. No part of
            the runtime: a trial comes to the same figures on half a card as on a whole one.

    Raises:
        NeurosweepError: The process was started with another runtime, or TensorFlow has run an
            operation already: both need a fresh process. Or the share of a GPU cannot be.
    """
    global _started  # noqa: PLW0603 - TensorFlow's own state is per process as well
    if _started == runtime:
        return
    if _started is not None:
        raise NeurosweepError(
            f"A process keeps the runtime it was started with ({_started}); received {runtime}. "
            "Start a fresh process for the other runtime."
        )
    _set_devices(runtime, gpus)
    # What the libraries hold lives as long as the process: collections between two trials
    # need not walk through it (0.2 s each).
    gc.collect()
    gc.freeze()
    idle.begin()
    _started = runtime


def current_runtime() -> Runtime:
    """The runtime `start` was given.

    Raises:
        NeurosweepError: `start` has not been called in this process.
    """
    if _started is None:
        raise NeurosweepError(
            "TensorFlow is set up before it is used; received a call without. "
            "Call trainables.start(Runtime(threads=...)) first in this process."
        )
    return _started


@contextmanager
def numerics(*, precision: str, fused_batch_norm: bool) -> Iterator[None]:
    """Build Keras models inside under this policy, with or without fused batch norm."""
    import keras

    from trainables.layers import fused_batch_norm as fused_layers

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        with fused_layers() if fused_batch_norm else nullcontext():
            yield
    finally:
        keras.config.set_dtype_policy(before)


@contextmanager
def quiet_import() -> Iterator[None]:
    """Keep TensorFlow's start-up notes off the terminal; what fails is raised all the same.

    While it is imported, TensorFlow 2.21 writes to the file descriptor itself and heeds no level.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    sys.stderr.flush()
    terminal = os.dup(2)
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)


def _set_devices(runtime: Runtime, gpus: float | None) -> None:
    """Threads, GPU memory and determinism: all of it before TensorFlow's first operation."""
    with quiet_import():
        import keras  # noqa: F401  # brings everything that a trial will need
        import tensorflow as tf

    tf.get_logger().setLevel("ERROR")
    try:
        tf.config.threading.set_intra_op_parallelism_threads(runtime.threads)
        # One operation after the other: a step is a chain, and a second pool only
        # competes for the same cores.
        tf.config.threading.set_inter_op_parallelism_threads(1)
        share_gpus(gpus)
    except RuntimeError as error:
        raise NeurosweepError(
            "TensorFlow's threads and memory are set before its first operation; received a "
            f"process that has run one already ({error}). Call trainables.start first thing."
        ) from error
    # Newer GPUs would multiply float32 with 10 bits of mantissa: what is measured is float32.
    tf.config.experimental.enable_tensor_float_32_execution(False)
    if runtime.deterministic:
        tf.config.experimental.enable_op_determinism()
