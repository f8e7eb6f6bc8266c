import errno
import os

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from neurosweep.errors import NeurosweepError, RunDirectoryError
from search.runs.run_directory import RunDirectory, cut_torn_line, default_location, newest_run


def test_a_run_is_made_read_and_resumed(tmp_path):
    with RunDirectory.create(tmp_path / "run", {"name": "x"}) as run:
        run.update(state="running", seed=3)
        run.append("trials.jsonl", "{}")
    with RunDirectory.reopen(tmp_path / "run") as run:
        assert run.info["seed"] == 3
        assert run.info["schema_version"] == 2
        assert (run.path / "trials.jsonl").read_text() == "{}\n"


def test_an_existing_run_is_not_written_over(tmp_path):
    RunDirectory.create(tmp_path / "run", {}).__exit__()
    with pytest.raises(RunDirectoryError, match="holds a run already; continue it with --resume"):
        RunDirectory.create(tmp_path / "run", {})


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(RunDirectoryError, match="not an empty folder; name another --output"):
        RunDirectory.create(tmp_path, {})
    assert (tmp_path / "letter.txt").read_text() == "dear"


def test_an_empty_folder_may_become_a_run(tmp_path):
    with RunDirectory.create(tmp_path, {}) as run:
        assert run.path == tmp_path


def test_what_a_driver_left_that_was_killed_before_its_run_yaml_may_become_a_run(tmp_path):
    (tmp_path / "trials").mkdir()
    for name in (".lock", ".holder", "run.yaml.12ab34cd.partial"):
        (tmp_path / name).write_text("")
    with RunDirectory.create(tmp_path, {}) as run:
        assert run.info["state"] == "preparing"


def test_a_folder_whose_trials_hold_something_is_left_alone(tmp_path):
    (tmp_path / "trials" / "t0000").mkdir(parents=True)
    with pytest.raises(RunDirectoryError, match="not an empty folder"):
        RunDirectory.create(tmp_path, {})


def test_what_is_no_run_cannot_be_resumed(tmp_path):
    with pytest.raises(RunDirectoryError, match="is not a run directory: it has no run.yaml"):
        RunDirectory.reopen(tmp_path)


def test_a_run_of_another_layout_is_refused_by_version(tmp_path):
    (tmp_path / "run.yaml").write_text("schema_version: 99\n")
    with pytest.raises(RunDirectoryError, match="layout version 99; .* begin a new run"):
        RunDirectory.reopen(tmp_path)


def test_a_run_of_the_layout_before_is_not_gone_on_with(tmp_path):
    (tmp_path / "run.yaml").write_text("schema_version: 1\n")
    with pytest.raises(RunDirectoryError, match=r"layout version 1; .* goes on with 2 alone"):
        RunDirectory.reopen(tmp_path)


@pytest.mark.parametrize("text", ["a: [", "began: 2024-13-45", "a: " + 5000 * "["])
def test_a_damaged_run_yaml_is_named(tmp_path, text):
    (tmp_path / "run.yaml").write_text(text)
    with pytest.raises(RunDirectoryError, match="run.yaml is damaged"):
        RunDirectory.reopen(tmp_path)


def test_a_second_search_on_one_run_is_refused_naming_the_holder(tmp_path):
    with (
        RunDirectory.create(tmp_path / "run", {}),
        pytest.raises(RunDirectoryError, match=f"is held by process {os.getpid()}"),
    ):
        RunDirectory.reopen(tmp_path / "run")


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path):
    with RunDirectory.create(tmp_path / "run", {}):
        pass
    (tmp_path / "run" / ".holder").write_text("process 1")
    with RunDirectory.reopen(tmp_path / "run") as run:
        assert run.info["state"] == "preparing"


def test_files_that_a_killed_driver_was_writing_are_removed_when_it_goes_on(tmp_path):
    with RunDirectory.create(tmp_path / "run", {}) as run:
        half = [run.path / "run.yaml.12ab34cd.partial", run.trial("t0000") / "x.0a1b2c3d.partial"]
    (tmp_path / "run" / "my.partial").write_text("somebody else's")
    for path in half:
        path.write_text("half")
    with RunDirectory.reopen(tmp_path / "run"):
        assert not any(path.exists() for path in half)
    assert (tmp_path / "run" / "my.partial").exists()


def test_states_are_checked(tmp_path):
    with (
        RunDirectory.create(tmp_path / "run", {}) as run,
        pytest.raises(ValueError, match="a run's state is one of"),
    ):
        run.update(state="sleeping")


def test_a_full_disk_leaves_no_half_line_and_says_what_to_do(tmp_path, monkeypatch):
    with RunDirectory.create(tmp_path / "run", {}) as run:
        run.append("trials.jsonl", "first")

        def full(_descriptor):
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", full)
            with pytest.raises(NeurosweepError, match="the disk is full.*--resume"):
                run.append("trials.jsonl", "second")
            with pytest.raises(NeurosweepError, match="the disk is full"):
                run.write("run.yaml", b"half")
        assert (run.path / "trials.jsonl").read_text() == "first\n"
        assert yaml.safe_load((run.path / "run.yaml").read_text())["state"] == "preparing"
        assert not list(run.path.glob(".run.yaml.*"))


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(RunDirectoryError, match="could not be written.*--output"):
        RunDirectory.create(blocked / "run", {})


@pytest.mark.parametrize("cut", range(len(b'{"b": 2}\n') + 1))
def test_a_line_torn_at_any_byte_is_cut_back(tmp_path, cut):
    path = tmp_path / "trials.jsonl"
    whole, last = b'{"a": 1}\n', b'{"b": 2}\n'
    path.write_bytes(whole + last[:cut])
    cut_torn_line(path)
    assert path.read_bytes() == (whole + last if cut == len(last) else whole)


@given(lines=st.lists(st.binary(max_size=40)), tail=st.binary(max_size=200_000))
def test_cutting_keeps_every_whole_line(tmp_path_factory, lines, tail):
    tail = tail.replace(b"\n", b"")
    whole = b"".join(line.replace(b"\n", b"") + b"\n" for line in lines)
    path = tmp_path_factory.mktemp("cut") / "file"
    path.write_bytes(whole + tail)
    assert cut_torn_line(path) == len(tail)
    assert path.read_bytes() == whole


def test_a_missing_file_has_nothing_to_cut(tmp_path):
    assert cut_torn_line(tmp_path / "absent") == 0


def test_the_default_place_has_name_date_and_time(tmp_path, monkeypatch):
    from datetime import datetime

    monkeypatch.chdir(tmp_path)
    place = default_location("brain", datetime(2026, 1, 2, 3, 4, 5))
    assert place == tmp_path / "runs" / "brain-20260102-030405"


def test_the_newest_run_is_found(tmp_path):
    with pytest.raises(RunDirectoryError, match="there is no run below"):
        newest_run(tmp_path)
    for age, name in ((200, "old"), (100, "new")):
        RunDirectory.create(tmp_path / name, {}).__exit__()
        os.utime(tmp_path / name / "run.yaml", (1_000_000 - age, 1_000_000 - age))
    assert newest_run(tmp_path) == tmp_path / "new"
