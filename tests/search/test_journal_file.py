"""Optuna's journal as we write it."""

import errno
import os

import optuna
import pytest
from doubles import plan, study
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from neurosweep.errors import NeurosweepError
from search.studies.journal_file import JournalFile


def test_optunas_own_reader_reads_it(tmp_path):
    of = study(tmp_path / "journal")
    suggestion = of.ask()
    of.complete(suggestion.number, [0.5])
    read = optuna.load_study(
        study_name="search", storage=JournalStorage(JournalFileBackend(str(tmp_path / "journal")))
    )
    assert [trial.value for trial in read.trials] == [0.5]
    assert not list(tmp_path.glob("*.lock"))


def test_a_lock_file_of_a_killed_process_holds_nobody_up(tmp_path):
    (tmp_path / "journal.lock").symlink_to("journal")
    study(tmp_path / "journal").ask()


def test_a_failed_write_leaves_it_as_it_was(tmp_path, monkeypatch):
    journal = JournalFile(tmp_path / "journal")
    journal.append_logs([{"op": 1}])

    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(NeurosweepError, match="the disk is full.*--resume"):
            journal.append_logs([{"op": 2}, {"op": 3}])
    journal.append_logs([{"op": 4}])
    assert [log["op"] for log in journal.read_logs(0)] == [1, 4]


def test_a_suggestion_is_synced_once_and_before_it_is_handed_out(tmp_path, monkeypatch):
    of = study(tmp_path / "journal", of=plan())
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda d: (synced.append(os.fstat(d).st_size), fsync(d)))
    of.ask()
    assert synced == [(tmp_path / "journal").stat().st_size]
