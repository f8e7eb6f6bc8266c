"""One process per run directory, whatever became of the one before."""

import errno
import os
import signal
import socket
import subprocess
import sys

import filelock
import pytest

from neurosweep.errors import RunDirectoryError
from search.files.holder import Holder
from search.runs.run_directory import RunDirectory

HOLD = """
import sys
from pathlib import Path
from search.runs.run_directory import RunDirectory
run = RunDirectory.create(Path(sys.argv[1]), {"name": "held"})
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path):
    """Another process that holds a run, and the run."""
    run = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, run], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process, run
    process.kill()
    process.communicate()


def test_a_second_process_is_refused_naming_the_first(other):
    process, run = other
    who = f"{run} is held by process {process.pid} on {socket.gethostname()} since 20..-"
    with pytest.raises(RunDirectoryError, match=f"{who}.*wait for it to end, or name another"):
        RunDirectory.reopen(run)


def test_the_lock_of_a_killed_process_is_taken_over(other):
    process, run = other
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (run / ".holder").exists()
    with RunDirectory.reopen(run) as again:
        assert again.info["name"] == "held"
        holder = Holder.parse((run / ".holder").read_bytes())
        assert holder.process == os.getpid()
    assert not (run / ".holder").exists()


def test_a_file_system_without_locks_is_refused(tmp_path, monkeypatch):
    def no_locks(*_args, **_settings):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(filelock.FileLock, "acquire", no_locks)
    with pytest.raises(RunDirectoryError, match=r"on a file system with locks.*No locks available"):
        RunDirectory.create(tmp_path / "run", {})


def test_this_process_is_alive():
    assert not Holder.here().is_dead


def test_a_process_that_has_ended_is_dead_and_one_elsewhere_may_live():
    from dataclasses import replace

    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    gone = replace(Holder.here(), process=process.pid)
    assert gone.is_dead
    assert replace(Holder.here(), started=0.0).is_dead  # its number is another process's now
    assert not replace(gone, kernel="another machine's boot").is_dead
    assert not replace(gone, kernel="").is_dead


@pytest.mark.parametrize("text", ["", "process 1", "[]", '{"host": "x"}', "{}"])
def test_a_note_of_another_kind_names_nobody(text):
    assert Holder.parse(text) is None


def test_a_note_is_read_as_it_was_written():
    here = Holder.here()
    assert Holder.parse(here.to_json()) == here
    assert str(here).startswith(f"process {os.getpid()} on ")
