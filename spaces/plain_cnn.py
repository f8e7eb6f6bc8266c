"""Space of `plain_cnn`: conv blocks in a row, then fully connected layers (paper B's 5-Conv).

The paper gives five blocks of convolution, batch norm, ReLU and max pooling with 64, 128, 256,
512 and 512 filters, two hidden layers, Adam. Kernels of 3 x 3, same padding, pools of 2, hidden
widths of 512 and no dropout are ours: the paper leaves them open.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from neurosweep.errors import SpaceError
from spaces.family import FamilySpace
from spaces.ranges import Choices, Range, Real, Whole, declare_range
from spaces.scope import chosen_ranges, counts, halvings, when
from spaces.task import Task, Value
from spaces.training import paper_training

if TYPE_CHECKING:
    import keras_tuner

__all__ = ["MOST_BLOCKS", "MOST_HIDDEN", "PLAIN_CNN"]

MOST_BLOCKS = 6
MOST_HIDDEN = 3
_FEWEST_BLOCKS = 3
_LARGEST_FLATTENED = 32  # px: a larger last map makes the first hidden layer huge
_FILTERS = {
    1: (16, 32, 64, 128),
    2: (16, 32, 64, 128, 256),
    3: (32, 64, 128, 256),
    4: (32, 64, 128, 256, 512),
    5: (32, 64, 128, 256, 512),
    6: (32, 64, 128, 256, 512),
}
_PAPER_FILTERS = {1: 64, 2: 128, 3: 256, 4: 512, 5: 512}


def _default_ranges(task: Task) -> dict[str, Range]:
    room = min(MOST_BLOCKS, halvings(task.image_size))
    if room < _FEWEST_BLOCKS:
        raise SpaceError(
            f"plain_cnn halves the image at least {_FEWEST_BLOCKS} times and keeps 2 pixels, so "
            f"images need 16 pixels, received image_size = {task.image_size}. Use larger images, "
            "or leave plain_cnn out of families."
        )
    fewest = _FEWEST_BLOCKS
    while fewest < room and task.image_size >> fewest > _LARGEST_FLATTENED:
        fewest += 1
    ranges: dict[str, Range] = {
        "blocks": Whole(low=fewest, high=room, default=min(5, room), limits=(_FEWEST_BLOCKS, room))
    }
    for step in range(1, MOST_BLOCKS + 1):
        ranges |= _block_ranges(step)
    ranges["fc_layers"] = Whole(low=1, high=MOST_HIDDEN, default=2, limits=(1, MOST_HIDDEN))
    for step in range(1, MOST_HIDDEN + 1):
        ranges[f"fc_width_{step}"] = Choices(
            values=(64, 128, 256, 512), default=512, limits=(1, 4096)
        )
    ranges["dropout"] = Real(low=0.0, high=0.6, default=0.0, limits=(0.0, 0.95))
    return ranges


def _block_ranges(step: int) -> dict[str, Range]:
    return {
        f"filters_{step}": Choices(
            values=_FILTERS[step], default=_PAPER_FILTERS.get(step, 512), limits=(1, 1024)
        ),
        f"kernel_{step}": Choices(values=(3, 5, 7), default=3, limits=(1, 11)),
        f"stride_{step}": Choices(values=(1, 2), default=1),
        f"pool_{step}": Choices(values=("max", "average"), default="max"),
    }


def declare(hp: keras_tuner.HyperParameters, task: Task, ranges: Mapping[str, Any]) -> None:
    """Declare blocks, the hyperparameters of each block, hidden layers and dropout.

    Raises:
        SpaceError: The image is too small, or a narrowing cannot be.
    """
    chosen = chosen_ranges(_default_ranges(task), ranges, "plain_cnn")
    declare_range(hp, "blocks", chosen["blocks"])
    depths = counts(chosen["blocks"])
    for step in range(1, max(depths) + 1):
        _declare_block(hp, step, chosen, depths, room=halvings(task.image_size))
    declare_range(hp, "fc_layers", chosen["fc_layers"])
    hidden = counts(chosen["fc_layers"])
    for step in range(1, max(hidden) + 1):
        with when(hp, "fc_layers", [count for count in hidden if count >= step], hidden):
            declare_range(hp, f"fc_width_{step}", chosen[f"fc_width_{step}"])
    declare_range(hp, "dropout", chosen["dropout"])


def _declare_block(
    hp: keras_tuner.HyperParameters,
    step: int,
    chosen: Mapping[str, Range],
    depths: tuple[int, ...],
    *,
    room: int,
) -> None:
    """One block. Each of `blocks` pools halves once; what is left of `room` may be strides.

    With b blocks the first `room - b` may stride by 2, so at most `room` halvings can be drawn.
    """
    deep = [depth for depth in depths if depth >= step]
    with when(hp, "blocks", deep, depths):
        for name in ("filters", "kernel", "pool"):
            declare_range(hp, f"{name}_{step}", chosen[f"{name}_{step}"])
    free = [depth for depth in deep if step <= room - depth]
    tight = [depth for depth in deep if step > room - depth]
    if free:
        with when(hp, "blocks", free, depths):
            declare_range(hp, f"stride_{step}", chosen[f"stride_{step}"])
    if tight:
        _refuse_without_stride_one(chosen[f"stride_{step}"], step, tight)
        with when(hp, "blocks", tight, depths):
            hp.Fixed(f"stride_{step}", 1)


def _refuse_without_stride_one(allowed: Range, step: int, depths: list[int]) -> None:
    if 1 not in counts(allowed):
        raise SpaceError(
            f"With {depths[0]} blocks, block {step} of plain_cnn must have stride 1, or the image "
            f"shrinks to nothing; received stride_{step} in {list(counts(allowed))}. Allow stride "
            "1 there, fewer blocks, or larger images."
        )


def papers(task: Task) -> tuple[dict[str, Value], ...]:
    """Paper B's 5-Conv CNN; the space itself says whether the image is large enough for it."""
    del task
    settings: dict[str, Value] = {"family": "plain_cnn", "plain_cnn/blocks": 5}
    for step, filters in _PAPER_FILTERS.items():
        settings |= {
            f"plain_cnn/filters_{step}": filters,
            f"plain_cnn/kernel_{step}": 3,
            f"plain_cnn/pool_{step}": "max",
            f"plain_cnn/stride_{step}": 1,
        }
    settings |= {
        "plain_cnn/fc_layers": 2,
        "plain_cnn/fc_width_1": 512,
        "plain_cnn/fc_width_2": 512,
        "plain_cnn/dropout": 0.0,
    }
    return (settings | paper_training(),)


PLAIN_CNN = FamilySpace(name="plain_cnn", declare=declare, papers=papers)
