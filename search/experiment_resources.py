"""The section `resources` of an experiment file: what a trial gets, and what that may cost."""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import ByteSize, Field, field_validator, model_validator

from search.budgets.prices import Prices
from search.experiment_section import Section, seconds_of

__all__ = ["EPOCH_LIMIT", "Resources"]

EPOCH_LIMIT = 3600.0
"""Seconds that one epoch may take where an experiment does not say otherwise."""

_LEAST_MEMORY = 2**28  # bytes; TensorFlow alone needs more


class Resources(Section):
    """What one trial gets, and how many run at once.

    `gpus_per_trial` may be a fraction, or a whole number; `auto` is one GPU where the cluster has
    any, else none. Above 1 only fine-tuning takes more than one.
    `precision`, `fused_batch_norm` and `xla` on `auto` are settled by a measurement per family; on
    CPUs, where XLA compiles for minutes, `xla` is off, as it is under determinism, where Keras
    compiles nothing. `deterministic` is settled by
    the device: on CPUs it costs nothing and is on; on GPUs it has to be asked for, and what it
    costs there has not been measured. Two runs that are to be equal to the digit must not leave
    them to a measurement.
    `memory_per_trial` is what one trial's process may hold (text such as 6GiB, or bytes); null is
    the node's memory divided by the trials at once on it. `epoch_limit` is in seconds: an epoch
    that takes longer ends its trial as failed; null is one hour.
    `price_per_hour` is what a node costs: a number for each node type, by its name under
    `available_node_types` of the cluster file, or one number for every node. `currency` is the
    label of those numbers.
    """

    workers: Literal["auto"] | int = "auto"
    cpus_per_trial: int = Field(default=1, ge=1)
    gpus_per_trial: Literal["auto"] | float = "auto"
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = "auto"
    fused_batch_norm: Literal["auto"] | bool = "auto"
    xla: Literal["auto"] | bool = "auto"
    deterministic: Literal["auto"] | bool = "auto"
    memory_per_trial: ByteSize | None = None
    epoch_limit: float = EPOCH_LIMIT
    price_per_hour: dict[str, float] | float | None = None
    currency: str | None = Field(default=None, pattern=r"^[^\W\d_]{1,8}$|^[$€£¥]$")

    @field_validator("price_per_hour", mode="before")
    @classmethod
    def _a_price_each(cls, value: Any) -> Any:
        told = list(value.values()) if isinstance(value, dict) else [value]
        if value is not None and not (told and all(map(_is_price, told))):
            raise ValueError(
                "`resources.price_per_hour` is a number of at least 0 for each node type, such as "
                f"{{gpu_worker: 1.21}}, or one number for every node; received {value!r}"
            )
        return value

    @property
    def prices(self) -> Prices | None:
        """What nodes cost; None where that was not said."""
        if self.price_per_hour is None:
            return None
        return Prices(per_hour=self.price_per_hour, currency=self.currency or "")

    @field_validator("epoch_limit", mode="before")
    @classmethod
    def _duration(cls, value: Any) -> Any:
        return EPOCH_LIMIT if value is None else seconds_of(value)

    @field_validator("memory_per_trial")
    @classmethod
    def _enough(cls, value: ByteSize | None) -> ByteSize | None:
        if value is not None and value < _LEAST_MEMORY:
            raise ValueError(
                "`resources.memory_per_trial` is at least 256MiB, which TensorFlow alone needs; "
                f"received {value.human_readable()}"
            )
        return value

    @model_validator(mode="after")
    def _positive(self) -> Resources:
        if self.workers != "auto" and self.workers < 1:
            raise ValueError(f"`resources.workers` is at least 1; received {self.workers}")
        if self.gpus_per_trial != "auto" and self.gpus_per_trial < 0:
            raise ValueError(
                f"`resources.gpus_per_trial` is at least 0; received {self.gpus_per_trial}"
            )
        if self.xla is True and self.deterministic is True:
            raise ValueError(
                "`resources.xla` and `resources.deterministic` cannot both be true: Keras compiles "
                "nothing where operations are deterministic; received both; leave one of them out"
            )
        if self.gpus_per_trial != "auto" and self.gpus_per_trial > 1 and self.gpus_per_trial % 1:
            raise ValueError(
                "`resources.gpus_per_trial` is a share of one GPU, up to 1, or a whole number of "
                f"them; received {self.gpus_per_trial}; say {int(self.gpus_per_trial)} or "
                f"{int(self.gpus_per_trial) + 1}"
            )
        return self


def _is_price(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
