"""Made-up probabilities and a made-up network that fit a made-up run's figures."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SURE = (0.55, 0.999)


def answers(confusion: list[list[int]], seed: int) -> NDArray[np.float32]:
    """Probabilities whose most probable classes come to `confusion`, rows class by class.

    Right answers come first in each class, as twins of training images do in a made-up split, and
    are surer than wrong ones.
    """
    random = np.random.default_rng(seed)
    rows = []
    for true, counts in enumerate(confusion):
        named = [true] * counts[true]
        named += [other for other, n in enumerate(counts) if other != true for _ in range(n)]
        rows += [_row(random, predicted, true, len(confusion)) for predicted in named]
    return np.array(rows, np.float32).reshape(-1, len(confusion))


def _row(random: np.random.Generator, predicted: int, true: int, size: int) -> NDArray[np.float64]:
    share = random.uniform(0, 1) ** (0.4 if predicted == true else 2.0)
    sure = _SURE[0] + (_SURE[1] - _SURE[0]) * share
    rest = random.dirichlet(np.ones(size - 1)) * (1 - sure)
    return np.insert(rest, predicted, sure)


def write_answers(folder: Path, confusion: list[list[int]], part: str, seed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"{part}.npy", answers(confusion, seed))


def network(classes: int, trial_id: str | None = None) -> dict[str, Any]:
    """A small residual network, as `winner/architecture.json` describes one."""
    layers = [
        _layer("images", "InputLayer", (64, 64, 1), 0, ()),
        _layer("stem_conv", "Conv2D", (32, 32, 16), 784, ("images",)),
        _layer("stem_bn", "BatchNormalization", (32, 32, 16), 64, ("stem_conv",)),
        _layer("stem_relu", "ReLU", (32, 32, 16), 0, ("stem_bn",)),
        _layer("stem_pool", "MaxPooling2D", (16, 16, 16), 0, ("stem_relu",)),
    ]
    before = "stem_pool"
    for block in (1, 2):
        name = f"stage1_block{block}_"
        layers += [
            _layer(f"{name}conv1", "Conv2D", (16, 16, 16), 2304, (before,)),
            _layer(f"{name}bn1", "BatchNormalization", (16, 16, 16), 64, (f"{name}conv1",)),
            _layer(f"{name}relu1", "ReLU", (16, 16, 16), 0, (f"{name}bn1",)),
            _layer(f"{name}conv2", "Conv2D", (16, 16, 16), 2304, (f"{name}relu1",)),
            _layer(f"{name}add", "Add", (16, 16, 16), 0, (f"{name}conv2", before)),
        ]
        before = f"{name}add"
    layers += [
        _layer("pool", "GlobalAveragePooling2D", (16,), 0, (before,)),
        _layer("softmax", "Dense", (classes,), 17 * classes, ("pool",)),
    ]
    parameters = sum(layer["parameters"] for layer in layers)
    return {
        "version": 1,
        "name": "mini_resnet",
        "parameters": parameters,
        "layers": layers,
        "trial_id": trial_id,
    }


def _layer(
    name: str, kind: str, shape: tuple[int, ...], parameters: int, inbound: tuple[str, ...]
) -> dict[str, Any]:
    return {
        "name": name,
        "class": kind,
        "output_shape": list(shape),
        "parameters": parameters,
        "inbound": list(inbound),
        "trainable": parameters > 0,
    }


def write_network(folder: Path, described: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "architecture.json").write_text(json.dumps(described))
