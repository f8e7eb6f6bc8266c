"""What the driver costs per trial as a search grows, which part grows, and what gives way first.

The real study, book, stopping rule and run directory on simulated workers: made learning curves, no
training, no Ray, every write and sync to disk as in a search. Each size runs in a process of its
own, with a tenth as many workers as trials (at most --workers), so that memory is that of one size.

    python -m benchmarks.scale --trials 10000 --workers 1000 [--write]

`--write` puts the tables into docs/scale.md and draws docs/images/scale.svg.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.scale_figure import figure
from benchmarks.scale_table import Measured, tables, written

ROOT = Path(__file__).parents[1]
SMALLEST = 100


def sizes(most: int) -> list[int]:
    """100, 1,000 … and the most asked for."""
    found = [SMALLEST]
    while found[-1] * 10 < most:
        found.append(found[-1] * 10)
    return [*(size for size in found if size < most), most]


def measure(trials: int, workers: int, folder: Path) -> Measured:
    """Run one size in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.scale_run", str(trials), str(workers), str(folder)]
    done = subprocess.run(command, capture_output=True, check=False, text=True, cwd=ROOT)
    if done.returncode:
        sys.exit(f"{trials} trials failed:\n{done.stderr}")
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Measure each size, print the tables, and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=1_000)
    parser.add_argument("--write", action="store_true", help="rewrite docs/scale.md and its figure")
    arguments = parser.parse_args()
    measured = []
    for size in sizes(arguments.trials):
        with tempfile.TemporaryDirectory(prefix="neurosweep-scale-", dir=ROOT) as folder:
            workers = max(1, min(arguments.workers, size // 10))
            measured.append(measure(size, workers, Path(folder) / "run"))
        print(f"{size} trials on {workers} workers done", file=sys.stderr, flush=True)
    text = tables(measured)
    print(text)
    if arguments.write:
        page = ROOT / "docs" / "scale.md"
        page.write_text(written(page.read_text(encoding="utf-8"), text), encoding="utf-8")
        (ROOT / "docs" / "images" / "scale.svg").write_text(figure(measured[-1]), encoding="utf-8")


if __name__ == "__main__":
    main()
