"""Space of `mini_resnet`: a stem and stages of residual blocks (paper B's Mini-ResNet).

The paper gives one plain convolution, then two identity blocks of two convolutions each with a
skip connection, global average pooling and softmax. The stem as in ResNet-18 (64 filters 7 x 7,
stride 2, batch norm, ReLU, 3 x 3 pool of stride 2) and blocks of 64 filters 3 x 3 with batch norm
are ours: the paper leaves them open.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from spaces.family import FamilySpace
from spaces.ranges import Choices, Range, Whole, declare_range, flag
from spaces.scope import chosen_ranges, counts, halvings, when
from spaces.task import Task, Value
from spaces.training import paper_training

if TYPE_CHECKING:
    import keras_tuner

__all__ = ["MINI_RESNET", "MOST_STAGES"]

MOST_STAGES = 4
_STEM_HALVINGS = 2
_FILTERS = {
    1: (16, 32, 64),
    2: (32, 64, 128),
    3: (64, 128, 256),
    4: (64, 128, 256),
}


def _default_ranges(task: Task) -> dict[str, Range]:
    # The stem halves at most twice, each stage after the first at most once; images of 8 pixels,
    # the smallest a task allows, still have room for one stage.
    room = min(MOST_STAGES, halvings(task.image_size) - _STEM_HALVINGS + 1)
    ranges: dict[str, Range] = {
        "stem_filters": Choices(values=(16, 32, 64), default=64, limits=(1, 512)),
        "stem_kernel": Choices(values=(3, 5, 7), default=7, limits=(1, 11)),
        "stem_stride": Choices(values=(1, 2), default=2),
        "stem_pool": flag(default=True),
        "stages": Whole(low=1, high=room, default=1, limits=(1, room)),
    }
    for step in range(1, MOST_STAGES + 1):
        ranges |= {
            f"blocks_{step}": Choices(values=(1, 2, 3), default=2, limits=(1, 6)),
            f"filters_{step}": Choices(
                values=_FILTERS[step], default=_FILTERS[step][-1], limits=(1, 512)
            ),
            f"kernel_{step}": Choices(values=(3, 5), default=3, limits=(1, 11)),
        }
        if step > 1:  # the first stage works at the stem's size, as in every ResNet
            ranges[f"stride_{step}"] = Choices(values=(1, 2), default=2)
    return ranges


def declare(hp: keras_tuner.HyperParameters, task: Task, ranges: Mapping[str, Any]) -> None:
    """Declare the stem, the number of stages, and blocks, filters, kernel and stride of each.

    Raises:
        SpaceError: A narrowing cannot be.
    """
    chosen = chosen_ranges(_default_ranges(task), ranges, "mini_resnet")
    _declare_stem(hp, chosen)
    declare_range(hp, "stages", chosen["stages"])
    depths = counts(chosen["stages"])
    for step in range(1, max(depths) + 1):
        with when(hp, "stages", [depth for depth in depths if depth >= step], depths):
            for name in ("blocks", "filters", "kernel", "stride"):
                if f"{name}_{step}" in chosen:
                    declare_range(hp, f"{name}_{step}", chosen[f"{name}_{step}"])


def _declare_stem(hp: keras_tuner.HyperParameters, chosen: Mapping[str, Range]) -> None:
    """The stem halves once or twice: residual blocks at full size would take minutes a batch."""
    for name in ("stem_filters", "stem_kernel", "stem_stride"):
        declare_range(hp, name, chosen[name])
    strides = counts(chosen["stem_stride"])
    if 2 in strides:
        with when(hp, "stem_stride", [2], strides):
            declare_range(hp, "stem_pool", chosen["stem_pool"])
    if 1 in strides:
        with when(hp, "stem_stride", [1], strides):
            hp.Fixed("stem_pool", True)


def papers(task: Task) -> tuple[dict[str, Value], ...]:
    """Paper B's Mini-ResNet."""
    del task
    settings: dict[str, Value] = {
        "family": "mini_resnet",
        "mini_resnet/stem_filters": 64,
        "mini_resnet/stem_kernel": 7,
        "mini_resnet/stem_stride": 2,
        "mini_resnet/stem_pool": True,
        "mini_resnet/stages": 1,
        "mini_resnet/blocks_1": 2,
        "mini_resnet/filters_1": 64,
        "mini_resnet/kernel_1": 3,
    }
    return (settings | paper_training(),)


MINI_RESNET = FamilySpace(name="mini_resnet", declare=declare, papers=papers)
