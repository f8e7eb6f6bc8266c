"""Small networks inside a network, put into it layer by layer."""

from __future__ import annotations

from typing import Any

import keras

__all__ = ["flattened"]


def flattened(model: keras.Model) -> keras.Model:
    """The same network, with the layers of each Sequential inside it in its place.

    ConvNeXt holds some. A network inside casts what it is given to the precision it was built in,
    so that a network trained in half precision could not be measured in float32; and fine-tuning
    thaws single layers of a flat network.

    Args:
        model: Functional; it is returned itself if it is flat.
    """
    if not any(isinstance(layer, keras.Sequential) for layer in model.layers):
        return model
    flat = keras.models.clone_model(
        model, input_tensors=model.input, clone_function=_copy, call_function=_call
    )
    flat.set_weights(model.get_weights())
    return flat


def _copy(operation: Any) -> Any:
    """A new layer or operation with the same settings; a Sequential is copied when called."""
    if isinstance(operation, keras.Sequential):
        return operation
    return operation.__class__.from_config(operation.get_config())


def _call(operation: Any, *arguments: Any, **settings: Any) -> Any:
    if not isinstance(operation, keras.Sequential):
        return operation(*arguments, **settings)
    (maps,) = arguments
    for layer in operation.layers:
        maps = _copy(layer)(maps)
    return maps
