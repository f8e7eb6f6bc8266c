"""Published winners with arbitrary weights, whose answers differ from image to image."""

import json

import keras
import numpy as np

from spaces import BACKBONES, Task
from trainables import Ensemble, Member, Recipe, Statistics, export_ensemble, export_winner
from trainables.assemble import build_core
from trainables.layers import all_layers

CLASSES = ("glioma", "meningioma", "no tumour", "tumeur à part")

SCORES = {"trial_id": "t0001", "synthetic": True}

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


def custom_winner(folder, *, seed=0):
    """A small residual network on grey images."""
    return _publish(folder, _trained(RESNET, size=24, channels=1, seed=seed))


def transfer_winner(folder, backbone, *, size=None):
    """A backbone with random weights, at small images unless told otherwise."""
    size = size or max(64, BACKBONES[backbone].minimum_size)
    family = {**TRANSFER, "transfer/backbone": backbone}
    return _publish(folder, _trained(family, size=size, channels=3))


def ensemble_winner(folder):
    """Two as one network, which look at images of other sizes and colours."""
    parts = [_trained(RESNET, size=24, channels=1), _trained(RESNET, size=40, channels=3)]
    recipes, weights, statistics = zip(*parts, strict=True)
    members = [
        Member(trial_id=f"t000{number}", weight=weight, recipe=recipe)
        for number, (weight, recipe) in enumerate(zip((0.25, 0.75), recipes, strict=True))
    ]
    export_ensemble(Ensemble(tuple(members)), weights, statistics, folder, scores=SCORES)
    return folder


def save_winner(folder, model, classes=CLASSES):
    """Any model with the files that an export looks at."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / "model.keras")
    (folder / "labels.json").write_text(json.dumps(list(classes)))
    return folder


def _publish(folder, trained):
    export_winner(*trained, folder, scores=SCORES)
    return folder


def _trained(family, *, size, channels, seed=0):
    """A recipe, weights and statistics."""
    task = Task(image_size=size, channels=channels, classes=CLASSES)
    weights = "random" if family["family"] == "transfer" else "none"
    recipe = Recipe(configuration=family, task=task, epochs=1, seed=seed, weights=weights)
    keras.utils.set_random_seed(seed)
    core = build_core(recipe)
    _settle(core, scaled_inside=weights == "random")
    return recipe, core.get_weights(), Statistics(mean=(120.0,) * channels, std=(60.0,) * channels)


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
