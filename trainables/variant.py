"""One way to compute a training step; free of TensorFlow, so that any process can name it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Variant"]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A precision, with Keras' own batch norm or the fused one."""

    precision: str
    fused_batch_norm: bool

    @property
    def name(self) -> str:
        """As it stands in run.yaml."""
        return self.precision + ("+fused_batch_norm" if self.fused_batch_norm else "")
