"""How hard the phantom data are: neither trivial nor a trick.

    python benchmarks/phantom_difficulty.py [--threads 2] [--seeds 3]

Prints a table: seconds to write the data, a small residual network on the slices before lesions
are painted and after, and logistic regression on 32 x 32 pixels. Test accuracy throughout; the
network's is that of its best epoch on validation.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import scans
import trainables
from spaces import Task
from trainables import Recipe, Runtime

IMAGE_SIZE = 80
TIME_LIMIT = 120.0  # seconds a network may train


def source_of(root: Path, cache: Path) -> scans.Source:
    manifest = scans.read_manifest(root)
    return scans.Source(
        root=root,
        split=scans.divide(manifest, scans.Division(validation=0.2, seed=0)),
        classes=manifest.classes,
        fingerprint=manifest.fingerprint,
        synthetic=manifest.synthetic,
        cache=cache,
    )


def network(classes: tuple[str, ...], seed: int) -> Recipe:
    return Recipe(
        configuration={
            "family": "mini_resnet",
            "mini_resnet/stem_filters": 32,
            "mini_resnet/stem_kernel": 7,
            "mini_resnet/stem_stride": 2,
            "mini_resnet/stem_pool": True,
            "mini_resnet/stages": 2,
            "mini_resnet/blocks_1": 2,
            "mini_resnet/filters_1": 32,
            "mini_resnet/kernel_1": 3,
            "mini_resnet/blocks_2": 2,
            "mini_resnet/filters_2": 64,
            "mini_resnet/kernel_2": 3,
            "mini_resnet/stride_2": 2,
            "training/optimizer": "adam",
            "training/learning_rate": 1e-3,
            "training/schedule": "constant",
            "training/batch_size": 32,
            "training/weight_decay": 0.0,
            "training/label_smoothing": 0.0,
            "training/augmentation": False,
            "training/patience": 100,
        },
        task=Task(image_size=IMAGE_SIZE, channels=1, classes=classes),
        epochs=100,
        seed=seed,
    )


def train(source: scans.Source, seed: int) -> tuple[float, float, int]:
    """Test accuracy, seconds and epochs of one network within the time limit."""
    dataset = scans.open_dataset(source, image_size=IMAGE_SIZE, color="grey")
    recipe = network(source.classes, seed)
    began = time.monotonic()

    def report(epoch: trainables.EpochRecord) -> bool:
        enough = epoch["val_accuracy"] >= 0.985
        return not enough and time.monotonic() - began + epoch["seconds"] < TIME_LIMIT

    result = trainables.fit(recipe, dataset, report)
    seconds = time.monotonic() - began
    accuracy = trainables.evaluate(recipe, result.weights, dataset, "test").accuracy
    return accuracy, seconds, result.epochs


def logistic(source: scans.Source) -> float:
    dataset = scans.open_dataset(source, image_size=32, color="grey")
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000, C=0.01))
    rows = np.concatenate([dataset.train, dataset.validation])
    model.fit(dataset.images[rows].reshape(len(rows), -1), dataset.labels[rows])
    test = dataset.images[dataset.test].reshape(len(dataset.test), -1)
    return float(model.score(test, dataset.labels[dataset.test]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    trainables.start(Runtime(threads=options.threads, fused_batch_norm=True))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = time.monotonic()
        scans.write_phantom(folder / "with")
        print(f"1,600 images written in {time.monotonic() - began:.1f} s")
        scans.write_phantom(folder / "before", lesions=False)
        with_lesions = source_of(folder / "with", folder / "cache")
        before = source_of(folder / "before", folder / "cache")
        print(f"logistic regression, 32 x 32 pixels: {logistic(with_lesions):.3f}")
        for seed in range(options.seeds):
            accuracy, seconds, epochs = train(with_lesions, seed)
            print(
                f"mini_resnet, seed {seed}: {accuracy:.3f} after {seconds:.0f} s, {epochs} epochs"
            )
        accuracy, seconds, epochs = train(before, 0)
        print(f"the same before lesions: {accuracy:.3f} after {seconds:.0f} s, {epochs} epochs")


if __name__ == "__main__":
    main()
