"""Arithmetic of experiments/papers.yaml: what its expected times are computed from.

    python -m benchmarks.papers_cost

Operations are twice the multiply-adds; a training step counts as three forward passes. Every trial
is taken to use all of its epochs.
"""

from __future__ import annotations

import argparse

import keras_tuner

import spaces
from spaces import BACKBONES, DEFAULT_BACKBONES, Task
from trainables import Runtime, start
from trainables.families import FAMILIES
from trainables.multiply_adds import multiply_adds

TASK = Task(image_size=150, channels=1, classes=("glioma", "meningioma", "notumor", "pituitary"))
CUSTOM = ("plain_cnn", "mini_vgg", "mini_resnet")
EPOCHS, FINE_TUNING_EPOCHS = 30, 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=5712, help="training and validation images")
    parser.add_argument("--validation", type=float, default=0.2, help="their share that validates")
    asked = parser.parse_args()
    start(Runtime(threads=1))
    validation = round(asked.validation * asked.images)
    train = asked.images - validation
    total = 0.0
    for name in CUSTOM:
        each = multiply_adds(network(name))
        operations = 2.0 * EPOCHS * each * (3 * train + validation)
        total += operations
        print(f"{name:12s} {each / 1e9:5.2f} G multiply-adds an image, {operations:.2e} in all")
    passes = 2.0 * sum(BACKBONES[name].multiply_adds for name in DEFAULT_BACKBONES) * asked.images
    tuning = 2.0 * FINE_TUNING_EPOCHS * BACKBONES["ResNet50V2"].multiply_adds * asked.images
    print(f"one pass through each of {len(DEFAULT_BACKBONES)} backbones {passes:.2e}")
    print(f"fine-tuning ResNet50V2, at most {tuning:.2e}")
    print(f"in all, at most {total + passes + tuning:.2e} operations")


def network(name: str) -> object:
    hp = keras_tuner.HyperParameters()
    hp.values = dict(spaces.FAMILIES[name].papers(TASK)[0])
    return FAMILIES[name](TASK).build(hp)


if __name__ == "__main__":
    main()
