"""How long `neurosweep report` takes, and how large its page is, by the number of trials.

Run directories are doubles: made-up trials of the usual number of epochs, no training behind them.
Each report is made by the command, in a process of its own.

    python -m benchmarks.report_size [--trials 40 10000] [--workers 20]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.report_double import write_double

ROOT = Path(__file__).parents[1]


def measure(trials: int, workers: int, folder: Path) -> str:
    """Write a double, report on it, and say what that took."""
    run = write_double(folder / f"double-{trials}", trials, workers)
    command = [sys.executable, "-m", "search", "report", str(run)]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, check=False, text=True, cwd=ROOT)
    seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"the report of {trials} trials failed:\n{done.stderr}")
    page = (run / "report.html").read_text(encoding="utf-8")
    return (
        f"{trials:>7,} trials  {seconds:6.1f} s  {len(page.encode()):>10,} bytes  "
        f"{page.count('<title>'):>7,} marks"
    )


def main() -> None:
    """Measure each size and print a line for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, nargs="+", default=[40, 10_000])
    parser.add_argument("--workers", type=int, default=20)
    parser.add_argument("--keep", type=Path, help="a folder to leave the run directories in")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="neurosweep-report-") as folder:
        for trials in arguments.trials:
            place = arguments.keep or Path(folder)
            print(measure(trials, arguments.workers, place), flush=True)


if __name__ == "__main__":
    main()
