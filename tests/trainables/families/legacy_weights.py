"""Weight files as keras.applications offers them (the old HDF5 layout), with made-up numbers."""

from importlib import import_module

import h5py
import keras
import numpy as np

from spaces import BACKBONES


def construct(name, **arguments):
    module, _, function = BACKBONES[name].constructor.rpartition(".")
    return getattr(import_module(module), function)(include_top=False, **arguments)


def write_weights(name, folder, *, deviation=(0.229, 0.224, 0.225)):
    """Save random weights of a backbone under Keras' own name; returns the file."""
    model = construct(name, weights=None)
    path = folder / BACKBONES[name].weights_file
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = b"2.4.0"
        file.create_group("top_level_model_weights").attrs["weight_names"] = []
        for layer in model.layers:
            values = layer.get_weights()
            if values and isinstance(layer, keras.layers.Normalization):
                values = [np.array((0.485, 0.456, 0.406)), np.array(deviation), np.array(0)]
            names = [f"{layer.name}/{index}" for index in range(len(values))]
            group = file.create_group(layer.name)
            group.attrs["weight_names"] = [one.encode() for one in names]
            for one, value in zip(names, values, strict=True):
                group[one] = value
    return path
