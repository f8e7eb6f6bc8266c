"""What the published network is made of: `winner/architecture.json`."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from neurosweep.errors import RunDirectoryError
from reports.files import read_typed

__all__ = ["MOST_LAYERS", "Architecture", "Layer", "read_architecture"]

MOST_LAYERS = 10_000
"""A network of more layers is none of ours, and could not be drawn."""

_VERSION = 1
_ADVICE = "Restore the file, or make the winner's files again with `neurosweep rerun`."


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer.

    Attributes:
        name: Unique in the network.
        kind: Its class in Keras; `class` in the file.
        output_shape: Without the batch; None where a side is open.
        parameters: Its weights, at least 0.
        inbound: The layers whose outputs it takes in; each stands before it.
        trainable: Whether any of its weights were changed by training.
    """

    name: str
    kind: Annotated[str, Field(alias="class")]
    output_shape: tuple[int | None, ...]
    parameters: Annotated[int, Field(ge=0)]
    inbound: tuple[str, ...]
    trainable: bool


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A network without the values of its weights.

    Attributes:
        version: Of the description.
        trial_id: Whose network it is; None where it was trained again outside a run.
        name: The network's own.
        parameters: All weights; shared ones count once.
        layers: In an order in which each comes behind those it takes in; at least one.
    """

    __pydantic_config__: ClassVar[dict[str, object]] = {"allow_inf_nan": False}

    version: int
    trial_id: str | None = None
    name: str
    parameters: Annotated[int, Field(ge=0)]
    layers: Annotated[tuple[Layer, ...], Field(min_length=1, max_length=MOST_LAYERS)]


def read_architecture(path: Path) -> Architecture | None:
    """Read the file; None where there is none, as in runs of earlier versions.

    Raises:
        RunDirectoryError: It holds something else, another version, too many layers, or a layer
            that takes in one that does not stand before it.
    """
    holds = f"a network of at most {MOST_LAYERS:,} layers"
    found = read_typed(path, Architecture, holds=holds, advice=_ADVICE)
    for problem in _problems(found) if found else ():
        raise RunDirectoryError(f"{path}: {problem}. {_ADVICE}")
    return found


def _problems(found: Architecture) -> Iterator[str]:
    if found.version != _VERSION:
        yield f"this neurosweep reads version {_VERSION} of the file; received {found.version}"
    seen: set[str] = set()
    for layer in found.layers:
        if layer.name in seen:
            yield f"a layer's name is unique; received {layer.name!r} twice"
        for source in layer.inbound:
            if source not in seen:
                yield (
                    "a layer takes in layers that stand before it; "
                    f"{layer.name!r} takes in {source!r}"
                )
        seen.add(layer.name)
