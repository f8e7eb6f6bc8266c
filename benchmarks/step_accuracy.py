"""Whether our training step learns as well as plain Keras: the same networks, seeds and images.

Three families, each with the same seeds: once as a search trains it (mixed bf16, fused batch norm)
and once in float32 with Keras' own batch norm. Pairs share recipe, seed, images and their order,
and first weights. Stated is the mean difference in validation accuracy with its 95 % interval by
Student's t over the pairs; the two cannot be told apart where it holds 0. How wide it is says how
large a difference could have been seen.

    python -m benchmarks.step_accuracy [--seeds 3] [--epochs 12] [--threads 2] [--data DIR]

Without a folder of images, 800 phantoms are drawn.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev

from benchmarks.training_step import mini_resnet, mini_vgg, plain_cnn, recipe_of

_SIZE = 64
_PHANTOMS = 800
FAMILIES = {
    "plain_cnn": plain_cnn([16, 32, 32], 64),
    "mini_vgg": mini_vgg([16, 16, 32], batch_norm=True),
    "mini_resnet": mini_resnet(16, 3),
}
WAYS = {
    "plain": {"precision": "float32", "fused_batch_norm": False},
    "ours": {"precision": "mixed_bfloat16", "fused_batch_norm": True},
}


def accuracies(
    way: str, folder: Path, images: Path, options: Sequence[int]
) -> dict[str, list[float]]:
    """Validation accuracy of the kept epoch, by family, in the order of the seeds."""
    import scans
    import trainables
    from search.experiment import Data
    from search.runs.run_directory import RunDirectory
    from search.stages.prepare import prepare

    seeds, epochs, threads = options
    trainables.start(trainables.Runtime(threads=threads, **WAYS[way]))
    data = Data(path=images, image_size=_SIZE, color="grey")
    source, _ = prepare(RunDirectory.create(folder / f"run-{way}", {}), data, seed=0)
    dataset = scans.open_dataset(source, image_size=_SIZE, color="grey")
    found: dict[str, list[float]] = {name: [] for name in FAMILIES}
    for name, network in FAMILIES.items():
        plain = recipe_of(network, image_size=_SIZE, batch_size=32).to_dict()
        plain["configuration"] |= {"training/patience": epochs, "training/schedule": "cosine"}
        plain["task"]["classes"] = list(dataset.classes)
        for seed in range(seeds):
            recipe = trainables.Recipe.from_dict({**plain, "seed": seed, "epochs": epochs})
            found[name].append(trainables.fit(recipe, dataset, lambda _: True).val_accuracy)
    return found


def in_fresh_process(
    way: str, folder: Path, images: Path, options: Sequence[int]
) -> dict[str, list[float]]:
    told = json.dumps([way, str(folder), str(images), list(options)])
    command = [sys.executable, "-m", "benchmarks.step_accuracy", "--run", told]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{way} failed:\n{done.stderr[-3000:]}")
    found: dict[str, list[float]] = json.loads((folder / f"{way}.json").read_text())
    return found


def interval(differences: Sequence[float]) -> tuple[float, float]:
    """95 % interval of their mean by Student's t."""
    from scipy.stats import t

    half = t.ppf(0.975, len(differences) - 1) * stdev(differences) / math.sqrt(len(differences))
    return mean(differences) - half, mean(differences) + half


def show(ours: dict[str, list[float]], plain: dict[str, list[float]]) -> None:
    differences: list[float] = []
    for name in FAMILIES:
        pairs = zip(ours[name], plain[name], strict=True)
        own = [one - other for one, other in pairs]
        differences += own
        told = "  ".join(f"{100 * each:+.1f}" for each in own)
        print(
            f"{name:12} ours {mean(ours[name]):.1%}   plain {mean(plain[name]):.1%}   "
            f"differences by seed, points: {told}"
        )
    low, high = interval(differences)
    verdict = "cannot be told apart" if low <= 0 <= high else "differ"
    print(
        f"mean difference {100 * mean(differences):+.2f} points, 95 % interval "
        f"{100 * low:+.2f} to {100 * high:+.2f} over {len(differences)} pairs: they {verdict}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--data", type=Path, help="a folder of images, as a search takes it")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        way, folder, images, counts = json.loads(options.run)
        found = accuracies(way, Path(folder), Path(images), counts)
        (Path(folder) / f"{way}.json").write_text(json.dumps(found))
        return
    from scans.phantom import write_phantom

    counts = (options.seeds, options.epochs, options.threads)
    with tempfile.TemporaryDirectory(prefix="step-accuracy-") as name:
        folder = Path(name)
        images = options.data or folder / "images"
        if options.data is None:
            write_phantom(images, images=_PHANTOMS, size=_SIZE)
        found = {way: in_fresh_process(way, folder, images.resolve(), counts) for way in WAYS}
    show(found["ours"], found["plain"])


if __name__ == "__main__":
    main()
