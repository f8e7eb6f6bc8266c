"""Made-up probabilities and a made-up network that fit a made-up run's figures."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fake_data import VALIDATION_IMAGES
from fake_predictions import save
from numpy.typing import NDArray

from reports.records import TrialRecord

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


def write(path: Path, records: Sequence[TrialRecord], evaluation: dict[str, Any]) -> None:
    """The finalists' probabilities, and the network of the first of them."""
    of = {record.trial_id: record for record in records}
    classes = len(evaluation["classes"])
    for finalist in evaluation["finalists"]:
        record = of[finalist["trial_id"]]
        save(path, record.trial_id, "test", answers(finalist["confusion"], record.seed))
        confusion = _validation(record, classes)
        save(path, record.trial_id, "validation", answers(confusion, record.seed + 1))
    first = evaluation["finalists"][0]["trial_id"]
    write_network(path / "winner", network(classes, first))


def _validation(record: TrialRecord, classes: int) -> list[list[int]]:
    """A matrix of the validation images that comes to the record's accuracy."""
    support = VALIDATION_IMAGES // classes
    wrong = round((1 - (record.val_accuracy or 0.0)) * support * classes)
    matrix = [[0] * classes for _ in range(classes)]
    for true, row in enumerate(matrix):
        own = wrong // classes + (true < wrong % classes)
        row[true], row[(true + 1) % classes] = support - own, own
    return matrix


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
