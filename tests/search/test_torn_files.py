"""A run whose journal or list of trials was torn anywhere in its last line goes on, whole."""

import os
import shutil

import optuna
import pytest
from doubles import book, completed, epoch, failed
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

import reports
from search.budgets.budget import Budget
from search.runs.run_directory import RunDirectory

TRIALS = 3
EXPERIMENT = f"""
name: torn
data: {{image_size: 32}}
families: {{plain_cnn: {{blocks: 3}}}}
training: {{epochs: 5}}
search: {{trials: {TRIALS}, papers: false}}
final: {{finalists: 2}}
"""
TOLD = {"completed": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}


@pytest.fixture(autouse=True)
def _no_power_cuts(monkeypatch):
    """Whether the disk really has it is not what is asked here, and takes most of the time."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


def opened(run):
    return book(run, budget=Budget(trials=TRIALS, seconds=None), text=EXPERIMENT)


def asked(ours):
    ours.next_assignment()


def noted(ours):
    ours.note_epoch(ours.next_assignment().trial_id, epoch(1, 0.5))


def ended_well(ours):
    noted(ours)
    ours.end("t0000", completed(0.8))


def pruned(ours):
    noted(ours)
    ours.end("t0000", None)


def crashed(ours):
    noted(ours)
    ours.end("t0000", failed())


def two_at_once(ours):
    noted(ours)
    noted(ours)
    ours.end("t0001", completed(0.7))
    ours.note_epoch("t0000", epoch(2, 0.6))


HISTORIES = [asked, noted, ended_well, pruned, crashed, two_at_once]


def killed(folder, history):
    """A run directory as a driver left it that was killed after `history`."""
    with RunDirectory.create(folder / "killed", {"name": "x"}) as run:
        history(opened(run))
    return folder / "killed"


def resumed_to_the_end(path):
    """Goes on as `--resume` does; the trials that were already recorded when it did."""
    with RunDirectory.reopen(path) as run:
        before = list(reports.read_run(run.path).records)
        ours = opened(run)
        ours.resume(before)
        while not ours.exhausted:
            name = ours.next_assignment().trial_id
            ours.note_epoch(name, epoch(1, 0.5))
            ours.end(name, completed(0.6))
    return [record.trial_id for record in before]


def check_whole(path):
    records = reports.read_run(path).records
    names = [record.trial_id for record in records]
    assert sorted(names) == [f"t{number:04d}" for number in range(TRIALS)], names
    storage = JournalStorage(JournalFileBackend(str(path / "study.journal")))
    study = optuna.load_study(study_name="search", storage=storage)
    states = {f"t{trial.number:04d}": trial.state.name for trial in study.trials}
    assert states == {record.trial_id: TOLD[record.status] for record in records}


def torn_at_every_byte(path, name):
    """The folder with ever less of the last line of `name`, once for each way it is mended."""
    whole = (path / name).read_bytes()
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    mended = {}
    for end in range(last, len(whole)):
        (path / name).write_bytes(whole[:end])
        with RunDirectory.reopen(path):
            mended.setdefault((path / name).read_bytes(), end)
    assert list(mended) == [whole[:last]]  # whatever was left of the line is gone
    for end in mended.values():
        copy = path.with_name("torn")
        shutil.copytree(path, copy)
        (copy / name).write_bytes(whole[:end])
        yield copy


@pytest.mark.parametrize("history", HISTORIES)
def test_a_journal_torn_at_any_byte_of_its_last_line_loses_and_doubles_no_trial(tmp_path, history):
    path = killed(tmp_path, history)
    recorded = [record.trial_id for record in reports.read_run(path).records]
    for torn in torn_at_every_byte(path, "study.journal"):
        assert resumed_to_the_end(torn) == recorded
        check_whole(torn)


@pytest.mark.parametrize("history", [ended_well, pruned, crashed, two_at_once])
def test_a_record_torn_at_any_byte_never_counted(tmp_path, monkeypatch, history):
    """A record is written before the study is told, so a torn one is of a running trial."""
    monkeypatch.setattr("search.books.teaching.Teacher.tell", lambda *_: None)
    path = killed(tmp_path, history)
    monkeypatch.undo()
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    for torn in torn_at_every_byte(path, "trials.jsonl"):
        assert resumed_to_the_end(torn) == []
        check_whole(torn)


def test_a_record_that_counts_is_told_where_the_journal_was_torn_before_it(tmp_path):
    """Whole lines lost too: the study is told again of what is recorded, and of nothing twice."""
    path = killed(tmp_path, ended_well)
    written = (path / "study.journal").read_bytes().splitlines(keepends=True)
    (path / "study.journal").write_bytes(b"".join(written[:-2]))
    assert resumed_to_the_end(path) == ["t0000"]
    check_whole(path)
