"""A driver that is killed while backbones are screened goes on at the shard it had come to."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from small_runs import Driver, info_of, lines, searched

pytestmark = pytest.mark.timeout(600)

BACKBONES = ["MobileNetV2", "MobileNetV3Large"]
EXPERIMENT = f"""
name: screening
data: {{image_size: 32}}
families:
  transfer:
    {{backbones: [{", ".join(BACKBONES)}], keep: 2, weights: random, image_size: 32}}
training: {{epochs: 1, patience: 1}}
search: {{trials: 1, papers: false, seed: 5}}
resources: {{precision: float32, fused_batch_norm: true, workers: 1}}
final: {{finalists: 1, fine_tune: false}}
"""
SHARD = 128


@pytest.fixture(scope="module")
def phantoms(neurosweep, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("phantoms") / "drawn"
    done = neurosweep("data", "phantom", folder, "--images", 500, "--size", 32)
    assert done.returncode == 0, done.stderr
    return folder


def marks_of(cache: Path, backbone: str) -> np.ndarray:
    """Per image the hash of its features, 0 for none; empty where nothing was computed."""
    found = list(cache.glob(f"features/{backbone}-32px-native-pooled-plain-*/marks.npy"))
    try:
        return np.load(found[0])["digest"] if found else np.zeros(0, np.uint64)
    except ValueError:  # it is being made
        return np.zeros(0, np.uint64)


def test_a_killed_screening_goes_on_at_the_shard(
    command, neurosweep, work, environment, phantoms, tmp_path
):
    cache = tmp_path / "cache"
    env = {**environment, "NEUROSWEEP_CACHE": str(cache)}
    experiment, run = tmp_path / "screening.yaml", tmp_path / "run"
    experiment.write_text(EXPERIMENT)
    words = ["search", experiment, "--data", phantoms, "--output", run]
    driver = Driver([command, *words], cwd=work, env=env)
    # Cheap ones first, so this is the second one, and in the middle of it.
    driver.wait_until(lambda: np.count_nonzero(marks_of(cache, "MobileNetV2")) >= SHARD)
    driver.kill()
    before = {name: marks_of(cache, name) for name in BACKBONES}
    assert "explored" not in info_of(run)
    assert lines(run / "trials.jsonl") == []

    done = subprocess.run(
        [command, "search", "--resume", "--output", run],
        cwd=work,
        env=env,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    info = info_of(run)
    assert info["state"] == "finished"
    looked_at = sum(row["part"] != "test" for row in split_of(run))
    for name in BACKBONES:
        kept = np.count_nonzero(before[name])
        counts = info["features"][name]
        assert (counts["computed"], counts["reused"]) == (looked_at - kept, kept)
        after = marks_of(cache, name)
        assert np.count_nonzero(after) == looked_at
        was_there = before[name] != 0
        np.testing.assert_array_equal(after[was_there], before[name][was_there])
    assert info["features"]["MobileNetV2"]["reused"] % SHARD == 0
    assert 0 < info["features"]["MobileNetV2"]["reused"] < looked_at

    rows = [row for row in lines(run / "trials.jsonl") if row["stage"] == "screen"]
    assert sorted(row["trial_id"] for row in rows) == [f"screen-{name}" for name in BACKBONES]
    assert {row["stop_reason"] for row in rows} == {"finished"}
    assert sorted(info["explored"]) == BACKBONES
    assert len(searched(run)) == 1


def split_of(run: Path) -> list[dict]:
    import pyarrow.parquet as pq

    return pq.read_table(run / "split.parquet").to_pylist()
