"""One way to compute a training step; free of TensorFlow, so that any process can name it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["PRECISIONS", "Variant"]

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A precision, with Keras' own batch norm or the fused one, compiled by XLA or not."""

    precision: str
    fused_batch_norm: bool
    xla: bool = False

    @property
    def name(self) -> str:
        """As it stands in run.yaml."""
        fused = "+fused_batch_norm" if self.fused_batch_norm else ""
        return self.precision + fused + ("+xla" if self.xla else "")

    def record(self) -> dict[str, Any]:
        """As it stands in records; without XLA they read as they did before there was a choice."""
        own = {"precision": self.precision, "fused_batch_norm": self.fused_batch_norm}
        return own | ({"xla": True} if self.xla else {})
