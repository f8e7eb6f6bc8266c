"""A backbone of `keras.applications`, built into a network, frozen, with its weights."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from neurosweep.errors import WeightsError
from spaces import BackboneRecord
from trainables.backbone_weights import RANDOM_WEIGHTS_SEED, weights_path
from trainables.dropping import drop_nothing
from trainables.families.flattening import flattened
from trainables.weights.imagenet import IMAGENET_DEVIATION, IMAGENET_MEAN

if TYPE_CHECKING:
    from pathlib import Path

    from trainables.layers import Tensor

__all__ = ["attach_backbone", "build_backbone"]


def attach_backbone(record: BackboneRecord, scaled: Tensor, *, weights: str) -> Tensor:
    """Build a backbone behind `scaled`, load its weights, freeze it.

    Args:
        record: Which backbone.
        scaled: The preprocessed input, (batch, h, w, 3).
        weights: "imagenet", "random" or a folder with Keras' own weight files.

    Returns:
        The maps of its last layer, (batch, h', w', c).

    Raises:
        WeightsError: The weights are missing or do not fit.
    """
    return build_backbone(record, scaled, weights=weights).outputs[0]


def build_backbone(record: BackboneRecord, scaled: Tensor, *, weights: str) -> keras.Model:
    """The frozen backbone as a model of its own, from what `scaled` is made of to the last maps.

    Random weights are those of `RANDOM_WEIGHTS_SEED`, whatever seed the caller has set, and the
    caller's random state is left as it was: a head behind it has the same initial weights on
    every backbone with equally many features.

    Args:
        record: Which backbone.
        scaled: The preprocessed input, (batch, h, w, 3): a Keras tensor.
        weights: "imagenet", "random" or a folder with Keras' own weight files.

    Raises:
        WeightsError: The weights are missing or do not fit.
    """
    with _own_random_state():
        backbone = _construct(record, scaled)
        if weights != "random":
            _load(backbone, record, weights_path(record, weights))
        backbone = flattened(backbone)  # behind loading: files have Keras' own layers
    _scale_in_float32(backbone)
    _standardise_inside(backbone)
    _freeze(backbone)
    return backbone


@contextmanager
def _own_random_state() -> Iterator[None]:
    """Keras' initialisers draw their seeds from Python's generator: give them one of ours."""
    before = random.getstate()
    random.seed(RANDOM_WEIGHTS_SEED)
    try:
        yield
    finally:
        random.setstate(before)


def _construct(record: BackboneRecord, scaled: Tensor) -> keras.Model:
    module, _, function = record.constructor.rpartition(".")
    constructor = getattr(import_module(module), function)
    with warnings.catch_warnings():
        # MobileNets say that weights of 224 pixels are taken for other sizes: that is meant.
        warnings.filterwarnings("ignore", "`input_shape` is undefined", UserWarning)
        return constructor(include_top=False, weights=None, input_tensor=scaled)


def _load(backbone: keras.Model, record: BackboneRecord, path: Path) -> None:
    try:
        backbone.load_weights(str(path))
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(
            f"The weights of {record.name} must be Keras' own file {record.weights_file}, received "
            f"{path}, which does not load: {error}. Delete it and stage it again."
        ) from error
    for layer in _inner_normalizations(backbone):
        mean, variance, _ = layer.get_weights()
        # The file's "variance" holds the deviation; Keras divides by its root a second time, in a
        # layer that only weights="imagenet" adds. _standardise_inside does both at once.
        if not (
            np.allclose(mean, IMAGENET_MEAN, atol=1e-4)
            and np.allclose(variance, IMAGENET_DEVIATION, atol=1e-4)
        ):
            raise WeightsError(
                f"The weights of {record.name} are known with the input statistics "
                f"{IMAGENET_MEAN} and {IMAGENET_DEVIATION}, received {mean.tolist()} and "
                f"{variance.tolist()} in {path}. Stage Keras' own file."
            )


def _standardise_inside(backbone: keras.Model) -> None:
    """Give EfficientNets' inner normalisation ImageNet's statistics, whatever the weights.

    The layer computes with constants that `set_weights` does not refresh, so they must be the same
    in every build for weights to be carried from one network to another.
    """
    for layer in _inner_normalizations(backbone):
        variance = np.square(IMAGENET_DEVIATION)
        layer.set_weights([np.array(IMAGENET_MEAN), variance, np.array(0)])
        layer.finalize_state()


def _scale_in_float32(backbone: keras.Model) -> None:
    """Networks that scale pixels inside do so in float32 too, as our own scaling does."""
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.Rescaling | keras.layers.Normalization):
            layer.dtype_policy = "float32"
        if isinstance(layer, keras.layers.Normalization) and not layer.weights:
            layer.build(layer.input.shape)  # its constants were rounded to the first policy


def _inner_normalizations(backbone: keras.Model) -> list[Any]:
    """Those whose statistics are weights; in newer networks they are constants of the layer."""
    return [
        layer
        for layer in backbone.layers
        if isinstance(layer, keras.layers.Normalization) and layer.weights
    ]


def _freeze(backbone: keras.Model) -> None:
    """No weight changes, batch norm takes its moving statistics, nothing is dropped inside.

    In a flat network a layer cannot be called in inference mode for good; with frozen batch norm,
    and without EfficientNets' inner dropout and ConvNeXt's stochastic depth, training and
    inference give the same features.
    """
    for layer in backbone.layers:
        layer.trainable = False
    drop_nothing(backbone.layers)
