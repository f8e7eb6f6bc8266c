"""The state of TensorFlow in one process: set once, before its first operation."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from neurosweep.errors import NeurosweepError
from trainables import idle
from trainables.devices import share_gpus
from trainables.variant import PRECISIONS, Variant

__all__ = [
    "PRECISIONS",
    "Runtime",
    "current_runtime",
    "numerics",
    "quiet_import",
    "recorded_runtime",
    "start",
]

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
        xla: Training steps are compiled by XLA, where they can be: not with random changes of
            images, whose operations it lacks, and not in parts of batches. Never under
            determinism, where Keras compiles nothing.
        families: Precision, batch norm and XLA of families that have their own; as
            `Variant.record` gives them.
    """

    threads: int
    precision: str = "float32"
    deterministic: bool = True
    fused_batch_norm: bool = False
    xla: bool = False
    families: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise NeurosweepError(
                f"A runtime has at least 1 thread; received {self.threads}. "
                "Give the number of CPUs of one trial."
            )
        asked = [self.precision, *(own["precision"] for own in self.families.values())]
        for precision in asked:
            if precision not in PRECISIONS:
                raise NeurosweepError(
                    f"The precision is one of {list(PRECISIONS)}; received {precision!r}. "
                    "Choose one of them."
                )

        if self.deterministic and any((self.xla, *(o.get("xla") for o in self.families.values()))):
            raise NeurosweepError(
                "Keras compiles nothing by XLA where operations are deterministic; received both. "
                "Leave one of them out."
            )

    @property
    def variant(self) -> Variant:
        """How steps are computed in families without a choice of their own."""
        return Variant(
            precision=self.precision, fused_batch_norm=self.fused_batch_norm, xla=self.xla
        )

    def of(self, family: str) -> Runtime:
        """The runtime of one family's trials: the one to start another process with for them."""
        return replace(self, families={}, **self.families.get(family, {}))

    def record(self) -> dict[str, Any]:
        """Plain values, from which `Runtime(**values)` is equal to this one."""
        own = {"threads": self.threads, "deterministic": self.deterministic}
        each = {name: dict(variant) for name, variant in self.families.items()}
        return own | self.variant.record() | ({"families": each} if each else {})


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


def recorded_runtime(record: Mapping[str, Any], family: str) -> dict[str, Any]:
    """What `Runtime.record` gave, for one family's trials alone."""
    shared = {name: value for name, value in record.items() if name != "families"}
    return shared | dict(record.get("families", {}).get(family, {}))


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
