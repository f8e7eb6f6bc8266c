"""Layers put together to blocks, so that a network of hundreds of layers can be looked at."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from reports.architecture import Architecture, Layer

__all__ = ["MOST_BLOCKS", "Block", "blocks_of"]

MOST_BLOCKS = 16
"""With more, neighbours that work at one size of the maps become one."""

_INPUT = "InputLayer"
# A name up to its first number ends a block's own name: conv2_block1_1_bn belongs to conv2.
_NUMBERED = re.compile(r"[^\d/]*?\d+[a-z]?(?=[_/]|$)")


@dataclass(frozen=True)
class Block:
    """Neighbouring layers.

    Attributes:
        name: What their names have in common; first and last where they have nothing.
        layers: In the network's order; at least one.
        units: Parts in which the network branches and comes together again, such as residual
            blocks; 0 where it does not branch.
        skips: Whether such a part ends in a sum.
    """

    name: str
    layers: tuple[Layer, ...]
    units: int
    skips: bool

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """What it gives on, without the batch."""
        return self.layers[-1].output_shape

    @property
    def parameters(self) -> int:
        """Its weights."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def has_learned(self) -> bool | None:
        """Whether training changed any of its weights; None where it has none."""
        return any(layer.trainable for layer in self.layers) if self.parameters else None

    @property
    def kinds(self) -> tuple[str, ...]:
        """The classes of its layers, each once, in the order in which they are met."""
        return tuple(dict.fromkeys(layer.kind for layer in self.layers))


def blocks_of(network: Architecture) -> tuple[Block, ...]:
    """Group a network's layers into blocks, from its input to its output.

    Layers between two places that everything passes through stay together. Such parts become one
    block while their layers are named alike; with more than `MOST_BLOCKS`, neighbours of one size
    of maps do, unless training changed one and left the other.
    """
    units = [_unit(layers) for layers in _between_cuts(network.layers)]
    blocks = _merged(units, _are_named_alike)
    if len(blocks) > MOST_BLOCKS:
        blocks = _merged(blocks, _work_alike)
    return tuple(_named_in_full(block) for block in blocks)


def _named_in_full(block: Block) -> Block:
    return replace(block, name=block.layers[0].name) if len(block.layers) == 1 else block


def _between_cuts(layers: Sequence[Layer]) -> list[tuple[Layer, ...]]:
    """Layers up to each place behind which only its own output is used."""
    position = {layer.name: at for at, layer in enumerate(layers)}
    last_use = list(range(len(layers)))
    for at, layer in enumerate(layers):
        for source in layer.inbound:
            last_use[position[source]] = at
    ends, open_until = [0], -1
    for at, used in enumerate(last_use):
        if open_until <= at:
            ends.append(at + 1)
        open_until = max(open_until, used)
    if ends[-1] != len(layers):
        ends.append(len(layers))
    return [tuple(layers[begin:end]) for begin, end in pairwise(ends)]


def _unit(layers: tuple[Layer, ...]) -> Block:
    keys = Counter(_key(layer.name) for layer in layers)
    name, found = keys.most_common(1)[0]
    if found == 1:
        name = _key(layers[-1].name)
    branches = len(layers) > 1
    return Block(name, layers, int(branches), branches and _sums(layers))


def _key(name: str) -> str:
    numbered = _NUMBERED.match(name)
    return numbered.group() if numbered else _first_word(name) or name


def _sums(layers: Sequence[Layer]) -> bool:
    return any(layer.kind == "Add" for layer in layers)


def _merged(blocks: Sequence[Block], belong: Callable[[Block, Block], bool]) -> list[Block]:
    merged: list[Block] = []
    for block in blocks:
        if merged and belong(merged[-1], block):
            merged[-1] = _joined(merged[-1], block)
        else:
            merged.append(block)
    return merged


def _are_named_alike(one: Block, other: Block) -> bool:
    return one.name == other.name or _are_rows_of_one(one, other)


def _are_rows_of_one(one: Block, other: Block) -> bool:
    """Behind the maps, a first word in common will do: head_dropout1, head_fc1 are the head.

    Going over from maps to one row of numbers is a step of its own, worth a box.
    """
    are_rows = len(one.output_shape) == len(other.output_shape) == 1
    came_from_maps = one.layers[0].kind.startswith("Global") or "Flatten" in one.kinds
    return are_rows and not came_from_maps and _first_word(one.name) == _first_word(other.name)


def _first_word(name: str) -> str:
    return re.split(r"[_/]", name)[0]


def _joined(one: Block, other: Block) -> Block:
    name = one.name
    if _are_rows_of_one(one, other):
        name = _first_word(one.name)
    elif one.name != other.name:
        name = f"{one.name.partition(' … ')[0]} … {other.name}"
    return Block(name, one.layers + other.layers, one.units + other.units, one.skips or other.skips)


def _work_alike(one: Block, other: Block) -> bool:
    if _INPUT in (*one.kinds, *other.kinds) or len(one.output_shape) < 2:
        return False
    learned = {one.has_learned, other.has_learned} - {None}
    return one.output_shape[:-1] == other.output_shape[:-1] and len(learned) < 2
