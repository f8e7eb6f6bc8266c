"""Space of `mini_vgg`: blocks of several 3 x 3 convolutions and a pool (paper B's Mini-VGGNet).

The paper gives three blocks of two convolutions with 64, 128 and 256 filters, 3 x 3 kernels,
stride 1, max pooling at each block's end and two hidden layers of 512. Same padding, ReLU, pools
of 2, no batch norm and no dropout are ours: the paper leaves them open.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from neurosweep.errors import SpaceError
from spaces.family import FamilySpace
from spaces.ranges import Choices, Range, Real, Whole, declare_range, flag
from spaces.scope import chosen_ranges, counts, halvings, when
from spaces.task import Task, Value
from spaces.training import paper_training

if TYPE_CHECKING:
    import keras_tuner

__all__ = ["MINI_VGG", "MOST_BLOCKS"]

MOST_BLOCKS = 5
_FEWEST_BLOCKS = 2
_LARGEST_FLATTENED = 40  # px: a larger last map makes the first hidden layer huge
_FILTERS = {
    1: (16, 32, 64),
    2: (32, 64, 128),
    3: (64, 128, 256),
    4: (64, 128, 256),
    5: (64, 128, 256),
}
_PAPER_FILTERS = {1: 64, 2: 128, 3: 256}


def _default_ranges(task: Task) -> dict[str, Range]:
    room = min(MOST_BLOCKS, halvings(task.image_size))
    fewest = _FEWEST_BLOCKS
    if room < fewest:
        raise SpaceError(
            f"mini_vgg halves the image at least {fewest} times and keeps 2 pixels, so images "
            f"need {2 << fewest} pixels, received image_size = {task.image_size}. Use larger "
            "images, or leave mini_vgg out of families."
        )
    while fewest < room and task.image_size >> fewest > _LARGEST_FLATTENED:
        fewest += 1
    width = Choices(values=(64, 128, 256, 512), default=512, limits=(1, 4096))
    ranges: dict[str, Range] = {
        "blocks": Whole(
            low=fewest,
            high=room,
            default=max(fewest, min(3, room)),
            limits=(_FEWEST_BLOCKS, room),
        ),
        "convs": Whole(low=1, high=3, default=2, limits=(1, 4)),
    }
    for step in range(1, MOST_BLOCKS + 1):
        ranges[f"filters_{step}"] = Choices(
            values=_FILTERS[step], default=_PAPER_FILTERS.get(step, 256), limits=(1, 1024)
        )
    return ranges | {
        "hidden_width_1": width,
        "hidden_width_2": width,
        "dropout": Real(low=0.0, high=0.6, default=0.0, limits=(0.0, 0.95)),
        "batch_norm": flag(default=False),
    }


def declare(hp: keras_tuner.HyperParameters, task: Task, ranges: Mapping[str, Any]) -> None:
    """Declare blocks, convolutions per block, filters, hidden widths, dropout and batch norm.

    Strides are 1 and every block pools once, so at most `halvings(image_size)` blocks fit.

    Raises:
        SpaceError: The image is too small, or a narrowing cannot be.
    """
    chosen = chosen_ranges(_default_ranges(task), ranges, "mini_vgg")
    declare_range(hp, "blocks", chosen["blocks"])
    declare_range(hp, "convs", chosen["convs"])
    depths = counts(chosen["blocks"])
    for step in range(1, max(depths) + 1):
        with when(hp, "blocks", [depth for depth in depths if depth >= step], depths):
            declare_range(hp, f"filters_{step}", chosen[f"filters_{step}"])
    for name in ("hidden_width_1", "hidden_width_2", "dropout", "batch_norm"):
        declare_range(hp, name, chosen[name])


def papers(task: Task) -> tuple[dict[str, Value], ...]:
    """Paper B's Mini-VGGNet."""
    del task
    settings: dict[str, Value] = {
        "family": "mini_vgg",
        "mini_vgg/blocks": 3,
        "mini_vgg/convs": 2,
        "mini_vgg/hidden_width_1": 512,
        "mini_vgg/hidden_width_2": 512,
        "mini_vgg/dropout": 0.0,
        "mini_vgg/batch_norm": False,
    }
    settings |= {f"mini_vgg/filters_{step}": count for step, count in _PAPER_FILTERS.items()}
    return (settings | paper_training(),)


MINI_VGG = FamilySpace(name="mini_vgg", declare=declare, papers=papers)
