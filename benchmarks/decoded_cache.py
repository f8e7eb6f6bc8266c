"""What the decoded cache costs to build and what it saves: rates, ratios, seconds, memory.

(a) building it against plain Pillow on all cores; (b) opening it again; (c) feeding a trial on one
core against tf.data, which decodes the same files in each epoch; (d) memory of a trial that reads
few images and many.

What is compared runs turn by turn, each in a process of its own, and the median of the turns'
ratios is printed: on a machine with other work, rates vary more than their ratios.

    python -m benchmarks.decoded_cache [--data DIR] [--image-size 150] [--rounds 5]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

ONE_CORE = ("feed_cache", "feed_tf_data")


def measure(part: str, *arguments: object) -> dict[str, float]:
    """Run one part in a fresh process and return the numbers it prints."""
    command = [sys.executable, "-m", "benchmarks.decoded_cache_parts", part, *map(str, arguments)]
    cores = sorted(os.sched_getaffinity(0))

    def hold_to_one_core() -> None:
        os.sched_setaffinity(0, cores[-1:])

    done = subprocess.run(
        command,
        capture_output=True,
        check=False,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
        preexec_fn=hold_to_one_core if part in ONE_CORE else None,
    )
    if done.returncode:
        sys.exit(f"{part} failed:\n{done.stderr}")
    pairs = (line.split("=") for line in done.stdout.splitlines() if "=" in line)
    return {name: float(value) for name, value in pairs}


def in_turns(parts: Mapping[str, tuple[object, ...]], rounds: int) -> list[dict[str, float]]:
    """The numbers of all parts, round by round."""
    rows = []
    for _ in range(rounds):
        row: dict[str, float] = {}
        for part, arguments in parts.items():
            row |= measure(part, *arguments)
        rows.append(row)
    return rows


def middle(rows: list[dict[str, float]], name: str) -> float:
    return statistics.median(row[name] for row in rows)


def ratio(rows: list[dict[str, float]], name: str, *others: str) -> str:
    """Of one number to the largest of the others, median and range over the rounds."""
    ratios = sorted(row[name] / max(row[other] for other in others) for row in rows)
    return f"{statistics.median(ratios):.2f} x ({ratios[0]:.2f} to {ratios[-1]:.2f})"


def show_building(folder: Path, cache: Path, size: int, rounds: int) -> None:
    parts = {
        "build": (folder, cache, size),
        "pillow_processes": (folder, size),
        "pillow_threads": (folder, size),
    }
    rows = in_turns(parts, rounds)
    print(f"(a) building, images/s on {len(os.sched_getaffinity(0))} cores")
    for name in parts:
        print(f"    {name:28} {middle(rows, name):10,.0f}")
    print("    of the faster plain Pillow  ", ratio(rows, *parts), flush=True)


def show_opening(folder: Path, cache: Path, size: int, rounds: int) -> None:
    rows = in_turns({"open_again": (folder, cache, size)}, rounds)
    print("(b) second start, seconds in a fresh process")
    print(f"    open_dataset                 {middle(rows, 'open'):10.3f}")
    print(f"    and the imports it needs     {middle(rows, 'imports'):10.3f}", flush=True)


def show_feeding(folder: Path, cache: Path, size: int, rounds: int) -> None:
    rows = in_turns(dict.fromkeys(ONE_CORE, (folder, cache, size)), rounds)
    print("(c) standardised float32 batches of 32, images/s on one core")
    for name in ("model", "numpy", "tf_data"):
        print(f"    {name:28} {middle(rows, name):10,.0f}")
    print("    model to tf.data            ", ratio(rows, "model", "tf_data"))
    print("    numpy to tf.data            ", ratio(rows, "numpy", "tf_data"), flush=True)


def show_memory(cache: Path, counts: tuple[int, ...], size: int) -> None:
    print(f"(d) memory of a process that opens and feeds one epoch at {size} px, MiB")
    for count in counts:
        found = measure("memory", cache, count, size)
        print(
            f"    {count:7,} images, {found['pixels']:7.0f} of pixels: RssAnon "
            f"{found['before']:.1f} before, {found['after']:.1f} after: "
            f"{found['after'] - found['before']:+.1f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of JPEGs; else phantom images are made")
    parser.add_argument("--image-size", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parts", default="abcd", help="which of the four")
    options = parser.parse_args()
    assert set(options.parts) <= set("abcd")
    with tempfile.TemporaryDirectory(prefix="neurosweep-benchmark-") as name:
        folder, cache = options.data, Path(name) / "cache"
        if folder is None:
            import scans

            folder = Path(name) / "phantom"
            scans.write_phantom(folder, images=4000)
        size, rounds = options.image_size, options.rounds
        if "a" in options.parts:
            show_building(folder, cache, size, rounds)
        if "b" in options.parts:
            measure("open_again", folder, cache, size)  # builds it where (a) was left out
            show_opening(folder, cache, size, rounds)
        if "c" in options.parts:
            show_feeding(folder, cache, size, rounds)
        if "d" in options.parts:
            show_memory(cache, (5_000, 50_000), 96)


if __name__ == "__main__":
    main()
