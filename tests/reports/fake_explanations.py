"""Made-up explanations for a made-up run: drawn gradients, no patient."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reports.explanation_pictures import map_png, picture_png

SIDE = 24


def explanations(
    classes: Sequence[str], *, trial_id: str = "0010-ft", wrong: int = 15, missed: int = 2
) -> dict[str, Any]:
    """What explanations.json holds; the first `missed` wrong answers are missed positives."""
    negative = "notumor" if "notumor" in classes else classes[2]
    positives = [name for name in classes if name != negative]
    wrong_ones = [
        _image(classes, n, positives[n % 3], negative, 0.9 - 0.01 * n) for n in range(missed)
    ] + [
        _image(classes, n, positives[0], positives[1], 0.95 - 0.01 * n)
        for n in range(missed, wrong)
    ]
    right = [_image(classes, 100 + n, name, name, 0.8) for n, name in enumerate(classes)]
    mapped = [*right, *wrong_ones[:3]]
    return {
        "version": 1,
        "trial_id": trial_id,
        "network": trial_id,
        "image_size": 64,
        "classes": list(classes),
        "negative_class": negative,
        "test_images": 320,
        "wrong": wrong,
        "missed": missed,
        "misclassified": wrong_ones,
        "grad_cam": {
            "layer": "stage1_block2_relu2",
            "grid": [8, 6],
            "reason": None,
            "images": [
                {**one, "map": one["picture"].replace("test-", "map-"), "peak": 1.5}
                for one in mapped
            ],
        },
        "feature_maps": {
            "image": right[0],
            "blocks": [
                {
                    "layer": layer,
                    "shape": [side, side, 1000],
                    "channels": [7, 3],
                    "lows": [0.0, -0.25],
                    "highs": [2.0, 3.125],
                    "pictures": [f"explanations/block-{layer}-{n}.png" for n in (1, 2)],
                }
                for layer, side in (("stem_relu", 32), ("stage1_block2_relu2", 8))
            ],
        },
    }


def _image(
    classes: Sequence[str], number: int, true: str, predicted: str, share: float
) -> dict[str, Any]:
    rest = (1 - share) / (len(classes) - 1)
    return {
        "file": f"test/{true}/{number}.png",
        "true": true,
        "predicted": predicted,
        "probabilities": [share if name == predicted else rest for name in classes],
        "picture": f"explanations/test-{number:05}.png",
    }


def write_explanations(run: Path, told: dict[str, Any]) -> None:
    """Write the file and the pictures that it names."""
    folder = run / "explanations"
    folder.mkdir(exist_ok=True)
    (folder / "explanations.json").write_text(json.dumps(told))
    images = [*told["misclassified"], *told["grad_cam"]["images"]]
    if told["feature_maps"]:
        images.append(told["feature_maps"]["image"])
        for block in told["feature_maps"]["blocks"]:
            for name in block["pictures"]:
                (run / name).write_bytes(picture_png(_gradient(8)))
    for one in images:
        (run / one["picture"]).write_bytes(picture_png(_gradient(SIDE)))
        if "map" in one:
            (run / one["map"]).write_bytes(map_png(_gradient(SIDE)))


def _gradient(side: int) -> np.ndarray:
    return np.linspace(0, 255, side * side).reshape(side, side).astype(np.uint8)
