"""A trial whose driver was killed goes on from its last kept epoch, to the same figures."""

import re
import sys

import pytest
import yaml
from small_runs import Driver, lines, searched

pytestmark = pytest.mark.timeout(1800)

# A search as the command runs it, but for the pause between two states of a trial.
_CODE = """
import sys
from functools import partial
import search.stages.search as stage
from search.cli import main
stage.WorkerSettings = partial(stage.WorkerSettings, keep_seconds=0.0)
sys.exit(main(sys.argv[1:]))
"""

EXPERIMENT = """
name: long-trial
data: {image_size: 16}
families: {plain_cnn: {blocks: 3, filters: {max: 16}, fc_width: 64}}
training: {epochs: 40, patience: 40, learning_rate: 0.0005, augmentation: true}
search: {trials: 1, papers: false, seed: 5, scheduler: none}
resources: {precision: float32, fused_batch_norm: true, workers: 1}
final: {finalists: 1, fine_tune: false}
"""


def test_a_killed_trial_goes_on_and_ends_as_if_nothing_had_happened(
    small_runs, neurosweep, work, environment, images, tmp_path
):
    experiment, run = work / "long-trial.yaml", work / "runs" / "long-trial"
    experiment.write_text(EXPERIMENT)
    words = ["search", experiment, "--data", images, "--output", run]
    driver = Driver([sys.executable, "-P", "-c", _CODE, *words], cwd=work, env=environment)
    trial = run / "trials" / "t0000"
    driver.wait_until((trial / "state.npz").exists)
    driver.kill()
    before = lines(trial / "epochs.jsonl")
    assert not searched(run)

    small_runs.finish(run)
    (note,) = re.findall(r"t0000 goes on after epoch (\d+)", (run / "search.log").read_text())
    kept = int(note)
    (record,) = searched(run)
    epochs = lines(trial / "epochs.jsonl")
    assert (record["epochs"], len(epochs)) == (40, 40)
    # Not trained again: even their seconds are those of the first sitting.
    assert 1 <= kept <= len(before)
    assert epochs[:kept] == before[:kept]
    assert record["seconds"] >= sum(epoch["seconds"] for epoch in epochs)
    assert not (trial / "state.npz").exists()

    again = tmp_path / "again"
    done = neurosweep("rerun", run, "--output", again)
    assert done.stdout.splitlines()[-2].endswith(": equal"), done.stdout + done.stderr
    scores = yaml.safe_load((again / "config.yaml").read_text())["scores"]
    assert (scores["val_accuracy"], scores["val_loss"]) == (
        record["val_accuracy"],
        record["val_loss"],
    )
