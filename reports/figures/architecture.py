"""The published network as boxes from top to bottom: a block each, with shapes and weights."""

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

from reports.architecture import Architecture
from reports.blocks import Block, blocks_of
from reports.figures.elements import picture, text
from reports.figures.figure import Figure
from reports.wording import count, printable

__all__ = ["MOST_BOXES", "architecture_figure"]

MOST_BOXES = 40
"""Of a longer network the middle is left out, and said to be."""

# In units of the view box; the page scales the whole chart to the column's width.
_WIDTH, _LEFT, _RIGHT = 520.0, 34.0, 514.0
_TOP, _BOX, _GAP = 6.0, 56.0, 16.0
_LONGEST_NAME, _LONGEST_KINDS = 24, 34
_TIMES = "\N{MULTIPLICATION SIGN}"

_SHORT = {
    "Activation": "activation",
    "Add": "sum",
    "AveragePooling2D": "average pool",
    "BatchNormalization": "batch norm",
    "Concatenate": "concat",
    "Conv2D": "conv",
    "Dense": "dense",
    "DepthwiseConv2D": "depthwise conv",
    "Dropout": "dropout",
    "Flatten": "flatten",
    "GlobalAveragePooling2D": "average over the map",
    "GlobalMaxPooling2D": "maximum over the map",
    "InputLayer": "input",
    "MaxPooling2D": "max pool",
    "Multiply": "product",
    "Normalization": "scaling",
    "Rescaling": "scaling",
    "Reshape": "reshape",
    "SeparableConv2D": "separable conv",
    "ZeroPadding2D": "padding",
}
# What is told first where not all fits: what a block does, not how its values are kept in bounds.
_BEHIND = frozenset(
    {"Activation", "BatchNormalization", "Dropout", "ReLU", "ZeroPadding2D", "Reshape", "Rescaling"}
)


def architecture_figure(network: Architecture) -> Figure:
    """Draw a network's blocks; the numbers are its layers, one by one."""
    blocks = blocks_of(network)
    return Figure(
        key="architecture",
        title=_title(network),
        caption=_caption(network, blocks),
        chart=_draw(network, blocks),
        numbers={
            "layer": [layer.name for layer in network.layers],
            "class": [layer.kind for layer in network.layers],
            "output_shape": [_shape(layer.output_shape) for layer in network.layers],
            "parameters": [layer.parameters for layer in network.layers],
            "trained": [layer.trainable for layer in network.layers],
            "inbound": [" ".join(layer.inbound) for layer in network.layers],
        },
    )


def _title(network: Architecture) -> str:
    """By its trial: the network in winner/ need not be that of rank 1."""
    if network.trial_id is None:
        return "The published network"
    return f"The network of trial {printable(network.trial_id)}"


def _caption(network: Architecture, blocks: Sequence[Block]) -> str:
    told = (
        "an image goes in at the top and the classes' probabilities come out at the bottom; "
        f"{len(network.layers):,} layers, {network.parameters:,} weights. Right in a box: the size "
        "of what it gives on (height, width, maps) and its weights; the bar below is its share "
        "of them all."
    )
    if any(block.has_learned is False for block in blocks):
        told += " Dashed boxes were frozen: training left their weights as they came."
    if any(block.units > 1 for block in blocks):
        told += (
            " A number before the kinds of layers counts the parts of the box in which the way "
            "forks and meets again."
        )
    if any(block.skips for block in blocks):
        told += " A loop on the left is a way around: what comes in is added to what comes out."
    return told


def _draw(network: Architecture, blocks: Sequence[Block]) -> str:
    rows: list[Block | int] = list(blocks)
    if len(rows) > MOST_BOXES:
        keep = MOST_BOXES // 2
        rows = [*blocks[:keep], len(blocks) - 2 * keep, *blocks[-keep:]]
    height = _TOP + len(rows) * (_BOX + _GAP)
    label = f"{network.name}: {len(network.layers)} layers in {len(blocks)} blocks"
    drawn = picture(_WIDTH, height, label)
    # A group of its own has the class: a picture that is saved gets another root.
    root = SubElement(drawn, "g", {"class": "network"})
    for number, row in enumerate(rows):
        top = _TOP + number * (_BOX + _GAP)
        if number:
            _draw_arrow(root, top)
        if isinstance(row, int):
            place = ((_LEFT + _RIGHT) / 2, top + _BOX / 2)
            text(root, place, f"{row:,} further blocks", "middle").set("class", "soft")
        else:
            _draw_box(SubElement(root, "g", {"class": _style(row)}), row, network, top)
    return tostring(drawn, encoding="unicode")


def _style(block: Block) -> str:
    return {True: "learned", False: "frozen", None: "plain"}[block.has_learned]


def _draw_arrow(root: Element, top: float) -> None:
    middle = (_LEFT + _RIGHT) / 2
    path = f"M{middle:.0f} {top - _GAP + 1:.0f}V{top - 2:.0f}m-4 -5l4 5l4 -5"
    SubElement(root, "path", {"d": path, "class": "flow"})


def _draw_box(parent: Element, block: Block, network: Architecture, top: float) -> None:
    SubElement(parent, "title").text = printable(_hint(block))
    _rectangle(parent, _LEFT, top, _RIGHT - _LEFT, _BOX, "box")
    if block.skips:
        out, back = f"M{_LEFT:.0f} {top + 9:.0f}h-14q-10 0 -10 10", "q0 10 10 10h12m-6 -4l6 4l-6 4"
        path = f"{out}v{_BOX - 38:.0f}{back}"
        SubElement(parent, "path", {"d": path, "class": "flow"})
    upper, lower = top + 17, top + 38
    left, right = _LEFT + 12, _RIGHT - 10
    text(parent, (left, upper), _cut(block.name, _LONGEST_NAME), "start").set("class", "strong")
    text(parent, (right, upper), _shape(block.output_shape), "end")
    text(parent, (left, lower), _cut(_kinds(block), _LONGEST_KINDS), "start").set("class", "soft")
    weights = count(block.parameters) if block.parameters else ""
    text(parent, (right, lower), weights, "end").set("class", "soft")
    if block.parameters:
        share = block.parameters / max(1, network.parameters)
        width = max(2.0, min(1.0, share) * (_RIGHT - _LEFT))
        _rectangle(parent, _LEFT, top + _BOX - 5, width, 5, "share")


def _rectangle(
    parent: Element, x: float, y: float, width: float, height: float, style: str
) -> None:
    places = {"x": x, "y": y, "width": width, "height": height}
    SubElement(
        parent, "rect", {**{name: f"{at:.1f}" for name, at in places.items()}, "class": style}
    )


def _kinds(block: Block) -> str:
    """What a block does: its layers' classes, and how often it branches."""
    first = [kind for kind in block.kinds if kind not in _BEHIND]
    order = [*first, *(kind for kind in block.kinds if kind in _BEHIND)]
    kinds = ", ".join(dict.fromkeys(_SHORT.get(kind, kind) for kind in order))
    if block.units > 1:
        return f"{block.units} {_TIMES} {kinds}"
    return kinds


def _hint(block: Block) -> str:
    state = {True: "trained", False: "frozen", None: "without weights"}[block.has_learned]
    layers = f"{len(block.layers):,} layer{'' if len(block.layers) == 1 else 's'}"
    kinds = ", ".join(block.kinds)
    return (
        f"{block.name}: {layers} ({kinds}), gives {_shape(block.output_shape)}, "
        f"{block.parameters:,} weights, {state}"
    )


def _shape(shape: Sequence[int | None]) -> str:
    return f" {_TIMES} ".join("?" if side is None else f"{side}" for side in shape)


def _cut(written: str, most: int) -> str:
    shown = printable(written)
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"
