"""A real search on a disk that fills up: a clear end, nothing torn, and it goes on."""

import json
import subprocess
import time

import pytest

pytestmark = pytest.mark.timeout(900)

TRIALS = 4
WORDS = (
    *("--set", "families={plain_cnn: {filters: {max: 16}, fc_width: 32}}"),
    *("--set", "training.epochs=1", "--set", "final.finalists=1", "--set", "final.fine_tune=false"),
    *("--trials", TRIALS),
)


def fill(folder):
    """Leaves not one byte free."""
    with (folder / "filler").open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


@pytest.fixture
def begin(command, work, environment):
    """Starts the program; what a failed test leaves running is ended."""
    begun = []

    def start(*words):
        begun.append(
            subprocess.Popen(
                [command, *map(str, words)],
                cwd=work,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return begun[-1]

    yield start
    for process in begun:
        process.kill()
        process.communicate(timeout=60)


def test_a_disk_that_fills_up_in_mid_search(begin, images, small_disk):
    disk = small_disk("48m")
    run = disk / "run"
    words = ("search", "experiment.yaml", "--data", images, "--output", run, *WORDS)
    process = begin(*words)
    lines = run / "trials.jsonl"
    end = time.monotonic() + 400
    while not lines.exists() or not lines.read_bytes():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)
    fill(disk)
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 1, stderr
    told = stderr.strip().splitlines()[-1]
    assert told.startswith(f"neurosweep: the disk is full: {run}/"), stderr
    assert told.endswith("make space, then go on with --resume (nothing that was finished is lost)")
    assert "Traceback" not in stderr
    before = [json.loads(line)["trial_id"] for line in lines.read_text().splitlines()]
    assert 1 <= len(before) < TRIALS
    assert_nothing_is_torn(run)

    (disk / "filler").unlink()
    resumed = begin("search", "--resume", "--output", run)
    _, stderr = resumed.communicate(timeout=400)
    assert resumed.returncode == 0, stderr
    names = [json.loads(line)["trial_id"] for line in lines.read_text().splitlines()]
    assert names[: len(before)] == before
    assert sorted(names) == [f"t{number:04d}" for number in range(TRIALS)]


def assert_nothing_is_torn(run):
    for path in run.rglob("*"):
        if path.suffix in (".jsonl", ".journal", ".log"):
            content = path.read_bytes()
            assert content == b"" or content.endswith(b"\n"), path
        assert not path.name.endswith(".partial"), path
