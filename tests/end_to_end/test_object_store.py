"""A real search with data and output on S3: its machine is lost, and the URI alone goes on."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pyarrow.fs
import pytest
import yaml

pytestmark = pytest.mark.timeout(900)

TRIALS = 6
SMALL = (
    *("--set", "families={plain_cnn: {filters: {max: 16}, fc_width: 32}}"),
    *("--set", "training.epochs=1", "--set", "final.finalists=1", "--set", "final.fine_tune=false"),
)


@pytest.fixture
def place(s3):
    """A URI for a run, and a function that reads what is there."""
    uri = f"s3://{s3.bucket()}/searches/lost"
    files, base = pyarrow.fs.FileSystem.from_uri(uri)

    def listed():
        below = pyarrow.fs.FileSelector(base, recursive=True, allow_not_found=True)
        infos = files.get_file_info(below)
        return {i.path.removeprefix(f"{base}/") for i in infos if i.is_file}

    def read(name):
        with files.open_input_stream(f"{base}/{name}") as stream:
            return stream.read()

    return uri, listed, read


def recorded(listed):
    return sorted(name for name in listed() if name.endswith("/record.json"))


@pytest.fixture
def data(s3, images):
    """The URI of the images on the store."""
    uri = f"s3://{s3.bucket()}/brain-mri"
    files, base = pyarrow.fs.FileSystem.from_uri(uri)
    pyarrow.fs.copy_files(str(images), base, destination_filesystem=files)
    return uri


@pytest.fixture
def call(command, work, environment, s3, tmp_path):
    """Starts the program on a machine of its own: nothing is shared."""

    begun = []

    def start(machine, *words):
        cache = tmp_path / machine
        cache.mkdir(exist_ok=True)
        env = {**environment, **s3.environment, "NEUROSWEEP_CACHE": str(cache)}
        begun.append(
            subprocess.Popen(
                [command, *map(str, words)],
                cwd=work,
                env=env,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        )
        return begun[-1]

    yield start
    for process in begun:  # what a failed test leaves running
        process.kill()
        process.communicate(timeout=60)


def test_a_lost_machine_goes_on_elsewhere(call, data, place, tmp_path, s3):
    uri, listed, read = place
    # Its images are there when the search begins, so that it asks for the run while that goes on.
    audited = call("other", "audit", data, "--format", "json")
    assert json.loads(audited.communicate(timeout=300)[0])["images"] == 320
    words = ("search", "experiment.yaml", "--data", data, "--output", uri, "--trials", TRIALS)
    first = call("lost", *words, *SMALL)
    end = time.monotonic() + 400
    while not recorded(listed):
        assert first.poll() is None, first.communicate()
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)
    second = call("other", "search", "--resume", "--output", uri)
    _, stderr = second.communicate(timeout=300)
    assert second.returncode == 2
    assert f"{uri} is held by process {first.pid} on {os.uname().nodename} since 20" in stderr
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    before = recorded(listed)
    shutil.rmtree(tmp_path / "lost")

    resumed = call("elsewhere", "search", "--resume", "--output", uri)
    stdout, stderr = resumed.communicate(timeout=400)
    assert resumed.returncode == 0, stderr
    run = Path(stdout.splitlines()[-1])
    assert run.is_relative_to(tmp_path / "elsewhere")
    assert f"mirror       {uri}" in stdout
    names = [
        json.loads(line)["trial_id"] for line in (run / "trials.jsonl").read_text().splitlines()
    ]
    assert sorted(names) == [f"t{number:04d}" for number in range(TRIALS)]
    assert {Path(name).parent.name for name in before} <= set(names)

    there = listed()
    for name in ("leaderboard.parquet", "report.html", "study.journal", "winner/model.keras"):
        assert name in there
        assert read(name) == (run / name).read_bytes()
    info = yaml.safe_load(read("run.yaml"))
    assert info["state"] == "finished"
    assert info["experiment"]["data"]["path"] == info["data"]["root"] == data
    assert [one["size"] for one in info["decoded"]] == [32, 32]  # on each of the two machines
    assert "lease.json" not in there
    secret = s3.environment["AWS_SECRET_ACCESS_KEY"]
    assert secret not in stdout + stderr
    assert not [name for name in there if secret.encode() in read(name)]

    def answer(*words):
        """What the program prints on a machine that has seen neither the run nor the images."""
        process = call("fresh", *words)
        stdout, stderr = process.communicate(timeout=300)
        assert process.returncode == 0, stderr
        return stdout

    ranked = json.loads(answer("leaderboard", uri, "--format", "json"))
    assert sorted(row["trial_id"] for row in ranked) == sorted(names)
    assert answer("fetch", uri, "fetched") == "fetched\n"
    assert f"recorded {ranked[0]['val_accuracy']:.4f}" in answer("rerun", "fetched", "--rank", 1)
