"""What choosing an ensemble among many trials costs: processor seconds and memory.

Makes a run directory of trials that were never trained, with predictions drawn at random, then
chooses an ensemble of the best and judges it out of fold, as the stage of a search does.

    python -m benchmarks.ensemble_choice [--trials 60] [--images 1000] [--candidates 8]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.run_statistics import write_run
from reports import read_run
from reports.predictions import check_accuracy, predictions_file, read_predictions, true_labels
from reports.ranking import Ranking
from search.ensembling.library import Library
from search.ensembling.out_of_fold import Validation, choose


def main() -> None:
    """Print what the choice took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--candidates", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_run(Path(folder), options.trials, options.images)
        run = read_run(Path(folder))
        truth = true_labels(run, "validation")
        if truth is None:
            raise SystemExit("the run that was just written has no validation images")
        recorded = {one.trial_id: one.val_accuracy or 0.0 for one in run.records}

        def read(name: str) -> NDArray[np.float32]:
            path = predictions_file(run, name, "validation")
            said = read_predictions(path, truth)
            check_accuracy(path, said.argmax(axis=1) == truth.labels, recorded[name])
            return said

        best = [one.trial_id for one in Ranking.of(run.info).ranked(run.records)]
        before, began = _peak(), time.process_time()
        choose(
            np.stack([read(name) for name in best[: options.candidates]]),
            Validation(labels=truth.labels, groups=truth.groups),
            Library(names=sorted(recorded), read=read, count=options.candidates),
        )
        print(f"chosen: {time.process_time() - began:.2f} s of processor time")
        print(f"memory: {_peak() - before:,.0f} MiB more at most")


def _peak() -> float:
    """Most memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
