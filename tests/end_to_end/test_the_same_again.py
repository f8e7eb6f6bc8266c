"""The same seed gives the same search, and a row trained again gives the same figures."""

import numpy as np
import pytest
from small_runs import lines, searched

pytestmark = pytest.mark.timeout(1800)

TIMES = {"seconds", "started_at", "finished_at"} | {
    "held_seconds",
    "gpu_hours",
    "cost",
    "setup_seconds",
    "tracing_seconds",
    "worker",  # another process, by its number
}


def without_times(record):
    return {name: value for name, value in record.items() if name not in TIMES}


def test_one_seed_and_one_worker_give_the_same_trials_and_scores_to_the_digit(
    small_runs, small, work
):
    again = work / "runs" / "small-again"
    small_runs.finish(again, "--workers", 1)
    ours, theirs = (lines(run / "trials.jsonl") for run in (again, small.path))
    assert [without_times(record) for record in ours] == [without_times(r) for r in theirs]
    for record in ours:
        name = record["trial_id"]
        epochs = (lines(run / "trials" / name / "epochs.jsonl") for run in (again, small.path))
        first, second = ([without_times(each) for each in run] for run in epochs)
        assert first == second
        saved = small.path / "trials" / name / "validation.npy"
        if saved.exists():
            np.testing.assert_array_equal(
                np.load(again / "trials" / name / "validation.npy"), np.load(saved)
            )


def equal_again(neurosweep, run, names):
    for name in names:
        done = neurosweep("rerun", run, "--trial", name)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1].endswith(": equal"), (name, done.stdout)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_ten_random_rows_trained_again_are_equal_to_the_digit(small_runs, neurosweep, work):
    """Paper rows and sampled ones, completed and pruned, of a search with two workers."""
    run = work / "runs" / "twelve"
    small_runs.finish(
        run,
        *("--trials", 12, "--workers", 2, "--set", "search.papers=true"),
        *("--set", "families={mini_resnet: {}, mini_vgg: {}, plain_cnn: {}}"),
        *("--set", "data.image_size=32"),
        seconds=900,
    )
    records = searched(run)
    assert {"paper", "sampler"} <= {record["origin"] for record in records}
    finished = [record["trial_id"] for record in records if record["status"] != "failed"]
    pruned = {record["trial_id"] for record in records if record["status"] == "pruned"}
    chosen = np.random.default_rng(3).permutation(finished)[:10]
    assert pruned & set(chosen), "the seed must draw a pruned row"
    equal_again(neurosweep, run, chosen)
