"""Published winners with arbitrary weights, whose answers differ from image to image."""

import json

import keras
import numpy as np

from spaces import BACKBONES, Task
from trainables import Recipe, Statistics, export_winner
from trainables.assemble import build_core
from trainables.layers import all_layers

CLASSES = ("glioma", "meningioma", "no tumour", "tumeur à part")

RESNET = {
    "family": "mini_resnet",
    "mini_resnet/stem_filters": 8,
    "mini_resnet/stem_kernel": 3,
    "mini_resnet/stem_stride": 1,
    "mini_resnet/stem_pool": True,
    "mini_resnet/stages": 1,
    "mini_resnet/blocks_1": 2,
    "mini_resnet/filters_1": 8,
    "mini_resnet/kernel_1": 3,
}
TRANSFER = {
    "family": "transfer",
    "transfer/pooling": "average",
    "transfer/dropout": 0.2,
    "transfer/fc_layers": 1,
    "transfer/width_1": 16,
    "transfer/activation": "gelu",
    "transfer/class_weights": "none",
}


def custom_winner(folder, *, size=24, seed=0):
    """A small residual network on grey images."""
    return _publish(folder, RESNET, size=size, channels=1, weights="none", seed=seed)


def transfer_winner(folder, backbone, *, size=None):
    """A backbone with random weights, at small images unless told otherwise."""
    size = size or max(64, BACKBONES[backbone].minimum_size)
    family = {**TRANSFER, "transfer/backbone": backbone}
    return _publish(folder, family, size=size, channels=3, weights="random", seed=0)


def two_as_one(folder):
    """One network of two that look at other sizes, as an ensemble is published."""
    parts = [
        keras.saving.load_model(custom_winner(folder / f"of-{size}", size=size) / "model.keras")
        for size in (24, 40)
    ]
    photos = keras.Input((None, None, 3), dtype="uint8", name="images")
    answers = []
    for number, (part, weight) in enumerate(zip(parts, (0.25, 0.75), strict=True)):
        part.name = f"member_{number}"
        answers.append(keras.layers.Rescaling(weight, dtype="float32")(part(photos)))
    return save_winner(folder, keras.Model(photos, keras.layers.Add()(answers), name="ensemble"))


def save_winner(folder, model, classes=CLASSES):
    """Any model with the files that an export looks at."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / "model.keras")
    (folder / "labels.json").write_text(json.dumps(list(classes)))
    return folder


def _publish(folder, family, *, size, channels, weights, seed):
    task = Task(image_size=size, channels=channels, classes=CLASSES)
    recipe = Recipe(configuration=family, task=task, epochs=1, seed=seed, weights=weights)
    keras.utils.set_random_seed(seed)
    core = build_core(recipe)
    _settle(core, scaled_inside=family["family"] == "transfer")
    statistics = Statistics(mean=(120.0,) * channels, std=(60.0,) * channels)
    scores = {"trial_id": "t0001", "synthetic": True}
    export_winner(recipe, core.get_weights(), statistics, folder, scores=scores)
    return folder


def _settle(core, *, scaled_inside):
    """Makes batch norm fit, and spreads the classes: else all images get one answer."""
    images = _pictures(*core.input_shape[1:])
    if not scaled_inside:
        images = (images - 120) / 60
    for layer in all_layers(core):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable, layer.momentum = True, 0.0
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    core(images, training=True)
    last = core.layers[-1]
    logits = np.asarray(keras.Model(core.input, last.input)(images)) @ np.asarray(last.kernel)
    last.kernel.assign(last.kernel / (logits.std(axis=0).mean() + 1e-6))
    last.bias.assign(-logits.mean(axis=0) / (logits.std(axis=0).mean() + 1e-6))


def _pictures(height, width, channels):
    """Images (24, height, width, channels) of 0 to 255: large patches, noise and even colours.

    Of noise alone all look alike further down, and batch norm would make much of their rounding.
    """
    generator = np.random.default_rng(1)
    pictures = []
    for cells in (4, height, 1):
        colours = generator.integers(0, 256, (8, cells, cells, channels)).astype(np.float32)
        rows, columns = np.arange(height) * cells // height, np.arange(width) * cells // width
        pictures.append(colours[:, rows][:, :, columns])
    return np.concatenate(pictures)
