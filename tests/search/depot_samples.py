"""Images that nobody reads, features that nobody computes, and weight files of a few bytes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from doubles import CLASSES

import scans
from search.screening.images import Images
from spaces import BACKBONES, Task
from trainables import Recipe
from trainables.features.frozen import Frozen
from trainables.features.store import pack
from trainables.weights.digests import sha256_of

TRAIN, VALIDATION, TEST = 30, 10, 5
BACKBONE = "MobileNetV2"


def source(cache: Path) -> scans.Source:
    """Forty-five images of four classes, in folds of the first forty."""
    parts = ["train"] * TRAIN + ["validation"] * VALIDATION + ["test"] * TEST
    rows = [
        {
            "file": f"{number:02}.png",
            "label": CLASSES[number % 4],
            "part": part,
            "group": number,
            "fold": None if part == "test" else number % 4,
        }
        for number, part in enumerate(parts)
    ]
    return scans.Source(
        root=cache / "images",
        split=pa.Table.from_pylist(rows),
        classes=CLASSES,
        fingerprint="f" * 16,
        synthetic=True,
        cache=cache,
    )


def frozen(**changes) -> Frozen:
    """A backbone with weights of a known hash."""
    made = Frozen(
        backbone=BACKBONE,
        weights="random",
        weights_hash="0" * 64,
        preprocessing="native",
        task=Task(image_size=32, channels=1, classes=CLASSES),
    )
    return replace(made, **changes)


def recipe(of: Frozen, *, augmentation: bool = False, copies: int = 0) -> Recipe:
    """Of a head on a backbone's features."""
    return Recipe(
        configuration={
            "family": "transfer",
            "transfer/backbone": of.backbone,
            "training/augmentation": augmentation,
        },
        task=of.task,
        epochs=2,
        seed=0,
        weights=of.weights,
        weights_hash=of.weights_hash,
        preprocessing=of.preprocessing,
        copies=copies,
    )


def fill(images: Images, of: Frozen, rows: np.ndarray) -> None:
    """Puts features into a cache that tell which row they are of."""
    store = images.store(of)
    length = BACKBONES[of.backbone].feature_length
    values = np.empty((len(rows), 2, length), np.float32)
    values[:] = rows[:, None, None]
    with store.filling():
        store.add(rows, pack(values, "float16"))


def weight_file(folder: Path, content: bytes, name: str = BACKBONE) -> str:
    """Writes a backbone's file; returns its hash."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / BACKBONES[name].weights_file
    path.write_bytes(content)
    return sha256_of(path)
