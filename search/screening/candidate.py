"""What is screened: each backbone under the preprocessing asked for, or under both."""

from __future__ import annotations

from dataclasses import dataclass

import spaces
from search.books.assignment import Plan
from trainables.features.frozen import Frozen

__all__ = ["Candidate", "candidates_of"]

_OTHER = {"native": "unit", "unit": "native"}


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One backbone in one screening.

    Attributes:
        frozen: The backbone with its weights, as images go through it.
        is_main: Whether it has the preprocessing that trials have; the others are for show.
    """

    frozen: Frozen
    is_main: bool

    @property
    def trial_id(self) -> str:
        """The name of its row."""
        suffix = "" if self.is_main else f"-{self.frozen.preprocessing}"
        return f"screen-{self.frozen.backbone}{suffix}"

    @property
    def cost(self) -> float:
        """What one image costs, in multiply-adds."""
        record = spaces.BACKBONES[self.frozen.backbone]
        return record.multiply_adds * (self.frozen.task.image_size / record.native_size) ** 2


def candidates_of(plan: Plan) -> list[list[Candidate]]:
    """The candidates of each screening, cheap ones first: what trials have, then the other.

    Raises:
        WeightsError: if the weights of one are not on this machine.
    """
    transfer = plan.experiment.transfer
    if transfer is None:
        return []
    kinds: list[str] = [transfer.preprocessing]
    if transfer.screen_both:
        kinds.append(_OTHER[transfer.preprocessing])
    return [
        sorted(
            (
                Candidate(
                    frozen=Frozen(
                        backbone=name,
                        weights=transfer.weights,
                        weights_hash=plan.weights_hash(name),
                        preprocessing=kind,
                        task=plan.task_for(name),
                    ),
                    is_main=kind == transfer.preprocessing,
                )
                for name in plan.backbones()
            ),
            key=lambda one: one.cost,
        )
        for kind in kinds
    ]
