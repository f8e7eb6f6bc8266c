"""Space of `transfer`: a pretrained backbone and a head on its pooled features (paper A).

The paper gives the head: global average pooling, dropout, one fully connected layer, softmax.
Its dropout rate, width and activation are ours (0.3, 256, ReLU): the paper leaves them open. So are
the other poolings, a second layer and class weights, which it does not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from neurosweep.errors import SpaceError
from spaces.backbones import BACKBONES, DEFAULT_BACKBONES
from spaces.family import FamilySpace
from spaces.ranges import Choices, Narrowing, Range, Real, Whole, declare_range
from spaces.scope import chosen_ranges, counts, unknown_name, when
from spaces.task import Task, Value
from spaces.training import paper_training

if TYPE_CHECKING:
    import keras_tuner

__all__ = ["TRANSFER", "TRANSFER_SETTINGS", "selected_backbones"]

TRANSFER_SETTINGS = (
    *("backbones", "keep", "weights", "preprocessing", "image_size", "copies"),
    "screen_both",
)
"""Keys of the experiment's `transfer` that are settings, not hyperparameters."""

MOST_FC_LAYERS = 3


def selected_backbones(task: Task, settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The backbones a search may draw.

    Args:
        task: Its image size is the backbones' input size unless the settings say otherwise.
        settings: `backbones` is "default" (those of `DEFAULT_BACKBONES` that take images of this
            size) or a list of names in `BACKBONES`; `image_size` is "native" (each backbone's own)
            or a number of pixels.

    Raises:
        SpaceError: A name is unknown, none is left, or a named one needs larger images.
    """
    wanted = settings.get("backbones", "default")
    size = settings.get("image_size", task.image_size)
    names = DEFAULT_BACKBONES if wanted == "default" else _known(wanted)
    large = [n for n in names if size != "native" and BACKBONES[n].minimum_size > int(size)]
    if wanted != "default" and large:
        raise SpaceError(
            f"{large[0]} takes images of at least {BACKBONES[large[0]].minimum_size} pixels, "
            f"received image size {size}. Raise families.transfer.image_size, or leave it out of "
            "backbones."
        )
    left = tuple(name for name in names if name not in large)
    if not left:
        raise SpaceError(
            f"transfer needs at least one backbone, and none takes images of {size} pixels: the "
            "least demanding need 32. Raise families.transfer.image_size, or leave transfer out."
        )
    return left


def _known(wanted: Narrowing) -> tuple[str, ...]:
    names = (wanted,) if isinstance(wanted, str) else tuple(wanted or ())
    if not names:
        raise SpaceError(
            "transfer needs at least one backbone, received an empty list. Name one, or write "
            "backbones: default for the thirteen of paper A."
        )
    for name in names:
        if name not in BACKBONES:
            raise unknown_name("backbone", str(name), BACKBONES, where="transfer")
    return tuple(dict.fromkeys(names))


def declare(hp: keras_tuner.HyperParameters, task: Task, ranges: Mapping[str, Any]) -> None:
    """Declare the backbone and its head: pooling, dropout, FC layers, activation, class weights.

    Raises:
        SpaceError: A backbone cannot be, or a narrowing cannot be.
    """
    narrowings = {key: value for key, value in ranges.items() if key not in TRANSFER_SETTINGS}
    chosen = chosen_ranges(_default_ranges(task, ranges), narrowings, "transfer")
    for name in ("backbone", "pooling", "dropout", "fc_layers"):
        declare_range(hp, name, chosen[name])
    depths = counts(chosen["fc_layers"])
    for step in range(1, max(depths) + 1):
        with when(hp, "fc_layers", [depth for depth in depths if depth >= step], depths):
            declare_range(hp, f"width_{step}", chosen[f"width_{step}"])
    for name in ("activation", "class_weights"):
        declare_range(hp, name, chosen[name])


def _default_ranges(task: Task, settings: Mapping[str, Any]) -> dict[str, Range]:
    names: tuple[Value, ...] = selected_backbones(task, settings)
    preferred = "ResNet50V2" if "ResNet50V2" in names else names[0]
    width = Choices(values=(64, 128, 256, 512), default=256, limits=(1, 4096))
    ranges: dict[str, Range] = {
        "backbone": Choices(values=names, default=preferred),
        "pooling": Choices(values=("average", "max", "both"), default="average"),
        "dropout": Real(low=0.0, high=0.6, default=0.3, limits=(0.0, 0.95)),
        "fc_layers": Whole(low=1, high=2, default=1, limits=(1, MOST_FC_LAYERS)),
        "activation": Choices(values=("relu", "gelu", "silu"), default="relu"),
        "class_weights": Choices(values=("none", "balanced"), default="none"),
    }
    return ranges | {f"width_{step}": width for step in range(1, MOST_FC_LAYERS + 1)}


def papers(task: Task) -> tuple[dict[str, Value], ...]:
    """Paper A's head on each backbone; the space says which of them the search covers."""
    del task
    head: dict[str, Value] = {
        "transfer/pooling": "average",
        "transfer/dropout": 0.3,
        "transfer/fc_layers": 1,
        "transfer/width_1": 256,
        "transfer/activation": "relu",
        "transfer/class_weights": "none",
    }
    return tuple(
        {"family": "transfer", "transfer/backbone": name, **head, **paper_training()}
        for name in DEFAULT_BACKBONES
    )


TRANSFER = FamilySpace(name="transfer", declare=declare, papers=papers)
