"""Each kind of write into a run directory on a disk that is really full."""

import errno
from dataclasses import replace

import numpy as np
import optuna
import pytest
from doubles import book, completed, epoch, study
from rich.console import Console

import reports
from neurosweep.errors import NeurosweepError
from reports.ranking import Ranking
from search.books.states_kept import StatesKept
from search.books.weights_kept import WeightsKept, save_weights
from search.runs.run_directory import RunDirectory
from search.runs.whole_folders import replace_folder
from search.stages.publish import publish_tables

optuna.logging.set_verbosity(optuna.logging.WARNING)

WINNER = {"model.keras": bytes(100_000), "labels.json": b"[]"}


def fill(folder):
    """Leaves not one byte free."""
    with (folder / "filler").open("wb", buffering=0) as file:
        for size in (1 << 16, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError as error:
                assert error.errno == errno.ENOSPC  # noqa: PT017


def free(folder):
    (folder / "filler").unlink()


@pytest.fixture
def disk(small_disk):
    return small_disk("4m")


@pytest.fixture
def run(disk):
    """A run with one trial counted and one that runs, on a disk with room left."""
    with RunDirectory.create(disk / "run", {"name": "full"}) as made:
        made.book = book(made)
        first = made.book.next_assignment().trial_id
        made.book.note_epoch(first, epoch(1, 0.5))
        made.book.end(first, completed(0.6))
        made.running = made.book.next_assignment().trial_id
        keep_state(made, b"old")
        replace_folder(made, "winner", {**WINNER, "labels.json": b"old"})
        publish_tables(made)
        made.log().write("a line\n")
        yield made


def everything(run):
    return {
        str(p.relative_to(run.path)): p.read_bytes() for p in run.path.rglob("*") if p.is_file()
    }


def long_line(run):
    # Longer than what is left of the file's last page, which a full disk still takes.
    return "x" * 5000


def keep_state(run, content):
    StatesKept(run, {}).offer(run.running, lambda: content)


def count_running(run):
    (first,) = reports.read_run(run.path).records
    run.count(replace(first, trial_id=run.running), recipe={})


WRITES = {
    "trials.jsonl": lambda run: run.append("trials.jsonl", long_line(run)),
    "epochs.jsonl": lambda run: run.append(f"trials/{run.running}/epochs.jsonl", long_line(run)),
    "state.npz": lambda run: keep_state(run, bytes(5000)),
    "record.json": count_running,
    "study.journal": lambda run: [run.book._study.ask() for _ in range(50)],
    "weights.npz": lambda run: save_weights(run, run.running, [np.ones(50_000)]),
    "validation.npy": lambda run: WeightsKept(run, 1, Ranking()).save_predictions(
        run.running, np.ones((5000, 4), np.float32)
    ),
    "run.yaml": lambda run: run.update(state="running", note="x" * 5000),
    "log.txt": lambda run: run.write(f"trials/{run.running}/log.txt", bytes(5000)),
    "search.log": lambda run: Console(file=run.log(), width=10_000).print(long_line(run)),
    "winner": lambda run: replace_folder(run, "winner", WINNER),
    "leaderboard.parquet": publish_tables,
    "report.html": lambda run: reports.write_report(
        reports.read_run(run.path),
        reports.build_leaderboard(reports.read_run(run.path)),
        run.path / "report.html",
    ),
}


@pytest.mark.parametrize("kind", WRITES)
def test_a_full_disk_is_told_and_tears_nothing(run, disk, kind):
    before = everything(run)
    fill(disk)
    with pytest.raises(NeurosweepError, match=r"(disk is full|could not be written).*make space"):
        WRITES[kind](run)
    after = everything(run)
    if kind == "study.journal":  # whole notes fitted into what was left of the file's last page
        journal = after.pop("study.journal")
        assert journal.startswith(before.pop("study.journal"))
        assert journal.endswith(b"\n")
    assert {name for name in after if ".partial" in name} == set()
    assert after == before
    free(disk)
    WRITES[kind](run)


def test_a_trial_that_could_not_be_counted_runs_again(run, disk):
    run.book.note_epoch(run.running, epoch(1, 0.5))
    fill(disk)
    with pytest.raises(NeurosweepError, match="the disk is full"):
        run.book.end(run.running, completed(0.9))
    free(disk)
    run.__exit__()
    with RunDirectory.reopen(run.path) as again:
        records = list(reports.read_run(again.path).records)
        assert [record.trial_id for record in records] == ["t0000"]
        resumed = book(again)
        resumed.resume(records)
        name = resumed.next_assignment().trial_id
        assert name == run.running
        resumed.note_epoch(name, epoch(1, 0.5))
        resumed.end(name, completed(0.9))


def test_a_run_cannot_begin_on_a_full_disk(disk):
    fill(disk)
    with pytest.raises(NeurosweepError, match="the disk is full"):
        RunDirectory.create(disk / "run", {"name": "x" * 5000})
    free(disk)
    with RunDirectory.create(disk / "other", {"name": "x" * 5000}) as run:
        assert run.info["name"] == "x" * 5000


def test_a_journal_filled_to_the_brim_opens_again(disk):
    of = study(disk / "journal")
    fill(disk)
    with pytest.raises(NeurosweepError, match="the disk is full"):
        [of.ask() for _ in range(1000)]
    free(disk)
    again = study(disk / "journal")
    again.interrupted()
    again.ask()
