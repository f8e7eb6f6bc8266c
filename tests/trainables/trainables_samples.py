"""Small data and small networks that train in a second."""

from pathlib import Path

import numpy as np

from scans import Dataset
from spaces import Task
from trainables import Recipe

CLASSES = ("glioma", "meningioma", "notumor", "pituitary")
SIZE = 16

TRAINING = {
    "training/optimizer": "adam",
    "training/learning_rate": 1e-2,
    "training/schedule": "constant",
    "training/batch_size": 16,
    "training/weight_decay": 0.0,
    "training/label_smoothing": 0.0,
    "training/augmentation": False,
    "training/patience": 5,
}
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
    "transfer/backbone": "MobileNetV2",
    "transfer/pooling": "average",
    "transfer/dropout": 0.2,
    "transfer/fc_layers": 1,
    "transfer/width_1": 16,
    "transfer/activation": "relu",
    "transfer/class_weights": "none",
}


def make_dataset(*, images=90, size=SIZE, channels=1, seed=0, cache=None):
    """Noise with a brighter quarter that tells the class: learnable in a few epochs."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, len(CLASSES), images)
    pixels = generator.integers(0, 150, (images, size, size, channels), dtype=np.uint8)
    for image, label in zip(pixels, labels, strict=True):
        top, left = divmod(int(label), 2)
        half = size // 2
        image[top * half : (top + 1) * half, left * half : (left + 1) * half] += 60
    rows = np.arange(images)
    # 50 for training: not a multiple of the batch size.
    train, validation, test = rows[:50], rows[50:70], rows[70:]
    return Dataset(
        images=pixels,
        labels=labels.astype(np.int64),
        classes=CLASSES,
        train=train,
        validation=validation,
        test=test,
        mean=pixels[train].mean((0, 1, 2)).astype(np.float32),
        std=pixels[train].std((0, 1, 2)).astype(np.float32),
        files=tuple(f"{row}.png" for row in rows),
        fingerprint="made by a test",
        synthetic=True,
        cache=cache or Path("/dev/null/no features are kept"),  # a test of features names a folder
    )


def make_recipe(*, epochs=3, seed=0, channels=1, size=SIZE, family=RESNET, **settings):
    """A narrow network; `settings` are the recipe's own, or training hyperparameters."""
    own = {
        key: settings.pop(key)
        for key in ("stop_epoch", "weights", "fine_tune", "copies")
        if key in settings
    }
    training = TRAINING | {f"training/{key}": value for key, value in settings.items()}
    return Recipe(
        configuration={**family, **training},
        task=Task(image_size=size, channels=channels, classes=CLASSES),
        epochs=epochs,
        seed=seed,
        **own,
    )


def go_on(record):
    return True
