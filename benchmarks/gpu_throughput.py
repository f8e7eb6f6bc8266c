"""Images per second and peak memory per family, with one, two and four trials on one GPU.

Each trial is a process of its own with its share of the card, as a search starts it. All of them
wait after their first epoch, which traces, and train the next ones at the same time; the fastest
epoch of each counts. The printed table belongs into docs/gpu.md, with device and date.

    python -m benchmarks.gpu_throughput [--families mini_vgg transfer] [--trials 1 2 4]

It needs a GPU and says so where there is none. `--device cpu` tries the program itself on a CPU, in
a small setting: `--device cpu --image-size 32 --images 64 --families mini_resnet --trials 1 2`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from benchmarks.training_step import NETWORKS, random_dataset, recipe_of
from neurosweep.extras import install_extra
from trainables import FineTune, Recipe, Runtime, start

NAMED = {
    "plain_cnn": "plain_cnn, paper's / 4",
    "mini_vgg": "mini_vgg, paper's / 4",
    "mini_resnet": "mini_resnet, paper's",
}
TRANSFER = {
    "family": "transfer",
    "transfer/backbone": "ResNet50",
    "transfer/pooling": "average",
    "transfer/dropout": 0.2,
    "transfer/fc_layers": 1,
    "transfer/width_1": 128,
    "transfer/activation": "relu",
    "transfer/class_weights": "none",
}
FAMILIES = (*NAMED, "transfer")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One line of the table."""

    family: str
    precision: str
    xla: bool
    trials: int


def recipe(options: argparse.Namespace, family: str) -> Recipe:
    network = TRANSFER if family == "transfer" else NETWORKS[NAMED[family]]
    made = recipe_of(network, image_size=options.image_size, batch_size=options.batch_size)
    if family != "transfer":
        return replace(made, epochs=options.epochs)
    tuned = FineTune(epochs=options.epochs, patience=options.epochs, cache="none")
    return replace(made, weights="random", fine_tune=tuned)


def train(options: argparse.Namespace) -> None:
    """What each child process does; its last line is what it measured."""
    on_gpu = options.device == "gpu"
    setting = Setting(**json.loads(options.child))
    runtime = Runtime(
        threads=options.threads,
        precision=setting.precision,
        xla=setting.xla,
        deterministic=not on_gpu and not setting.xla,  # Keras compiles nothing under it
    )
    start(runtime, gpus=1 / setting.trials if on_gpu else 0)
    import tensorflow as tf

    from trainables import fine_tune, fit
    from trainables.assemble import build_core

    dataset = random_dataset(options.image_size, options.images)
    told = recipe(options, setting.family)

    def wait(record: Any) -> bool:
        if record["epoch"] == 1:
            print("ready", flush=True)
            sys.stdin.readline()  # until the others have traced their steps too
        return True

    if told.fine_tune is None:
        result = fit(told, dataset, wait)
    else:
        result = fine_tune(told, build_core(told).get_weights(), dataset, wait)
    peak = tf.config.experimental.get_memory_info("GPU:0")["peak"] if on_gpu else None
    seconds = min(record["seconds"] for record in result.history[1:])
    print(json.dumps({"rate": options.images / seconds, "peak": peak}), flush=True)


def measure(setting: Setting) -> list[dict[str, Any]] | str:
    """What each of a setting's trials measured, or the last line of the first that failed."""
    command = [sys.executable, "-m", "benchmarks.gpu_throughput", *sys.argv[1:]]
    command += ["--child", json.dumps(vars(setting))]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    children = [
        subprocess.Popen(command, stderr=subprocess.PIPE, **pipes) for _ in range(setting.trials)
    ]
    for child in children:
        child.stdout.readline()
    told = [child.communicate("go\n") for child in children]
    for child, (_, errors) in zip(children, told, strict=True):
        if child.returncode:
            return (errors.strip().splitlines() or ["it ended without a word"])[-1]
    return [json.loads(output) for output, _ in told]


def line(setting: Setting, found: list[dict[str, Any]] | str) -> str:
    steps = setting.precision + (" + XLA" if setting.xla else "")
    head = f"| {setting.family} | {steps} | {setting.trials} |"
    if isinstance(found, str):
        return f"{head} failed: {found} | | |"
    rates = [each["rate"] for each in found]
    peaks = [each["peak"] for each in found if each["peak"] is not None]
    peak = f"{max(peaks) / 2**30:.2f} GiB" if peaks else ""
    return f"{head} {sum(rates):.0f} | {sum(rates) / len(rates):.0f} | {peak} |"


def device_name() -> str | None:
    """The first GPU, asked in a process of its own, which would otherwise hold memory of it."""
    code = (
        "import tensorflow as tf; found = tf.config.list_physical_devices('GPU')\n"
        "details = tf.config.experimental.get_device_details\n"
        "print(details(found[0]).get('device_name', 'GPU') if found else '')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip() or None


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=("gpu", "cpu"), default="gpu")
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=FAMILIES)
    parser.add_argument("--trials", nargs="+", type=int, default=[1, 2, 4])
    parser.add_argument("--precisions", nargs="+", default=["float32", "mixed_float16"])
    parser.add_argument("--with-xla", action="store_true", help="each setting with XLA as well")
    parser.add_argument("--image-size", type=int, default=150)
    parser.add_argument("--images", type=int, default=2048)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument(
        "--epochs", type=int, default=4, help="at least 2; the first is not counted"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    options = parsed()
    if options.child:
        train(options)
        return
    device = "CPU" if options.device == "cpu" else device_name()
    if device is None:
        sys.exit(
            "This measures a GPU; TensorFlow sees none here. Run it on a machine that has one, "
            f"with `{install_extra('gpu')}`, or try the program itself with --device cpu."
        )
    print(
        f"{device}, {options.image_size} px, batches of {options.batch_size}, "
        f"{datetime.now(UTC).date()}\n"
    )
    print("| family | steps | trials at once | images/s in all | of each | peak memory of one |")
    print("|---|---|---|---|---|---|")
    for family in options.families:
        for precision in options.precisions:
            for xla in (False, True) if options.with_xla else (False,):
                for trials in options.trials:
                    setting = Setting(family=family, precision=precision, xla=xla, trials=trials)
                    print(line(setting, measure(setting)), flush=True)


if __name__ == "__main__":
    main()
