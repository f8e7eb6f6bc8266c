"""States of running trials in the run directory, and trials that go on from them."""

import json
from functools import partial

import numpy as np
import pytest
from doubles import Clock, book, completed, epoch

import reports
import search.books.states_kept as states_kept
from neurosweep.errors import NeurosweepError, WorkerLostError
from search.books.states_kept import StatesKept
from search.runs.run_directory import RunDirectory
from trainables.checkpoint import TrainingState, made_for

FACTS = {
    "data_fingerprint": "f" * 16,
    "runtime": {"threads": 1, "precision": "float32", "deterministic": True},
}


@pytest.fixture
def run(tmp_path):
    with RunDirectory.create(tmp_path / "run", {"name": "x"}) as opened:
        yield opened


def state_of(recipe, epochs, **changes):
    facts = {**FACTS, **changes}
    array = [np.ones((2, 2), np.float32)]
    return TrainingState(
        made_for=made_for(recipe, **facts),
        history=epochs,
        seconds=9.0,
        model=array,
        optimizer=array,
        best=array,
        probabilities=np.full((8, 4), 0.25, np.float32),
    ).to_bytes()


def killed_after(run, epochs, **changes):
    """A driver that noted epochs of one trial, kept its state after the second, and was killed."""
    killed = book(run)
    trial = killed.next_assignment()
    for record in epochs:
        killed.note_epoch(trial.trial_id, record)
        if record["epoch"] == 2:
            killed.keep_state(
                trial.trial_id, partial(state_of, trial.recipe, epochs[:2], **changes)
            )
    return trial


def resumed(run):
    after = book(run)
    after.resume(list(reports.read_run(run.path).records))
    return after


def lines(run, trial_id):
    text = (run.path / "trials" / trial_id / "epochs.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def notes(book):
    return [text for kind, text in book._display.told if kind == "note"]


EPOCHS = [epoch(1, 0.3), epoch(2, 0.6), epoch(3, 0.5)]


def test_a_killed_trial_goes_on_after_the_last_epoch_whose_state_was_kept(run):
    killed = killed_after(run, EPOCHS)
    after = resumed(run)
    again = after.next_assignment()
    assert (again.trial_id, again.recipe) == (killed.trial_id, killed.recipe)
    assert again.state == state_of(killed.recipe, EPOCHS[:2])
    assert lines(run, again.trial_id) == EPOCHS[:2]
    assert notes(after) == [f"{again.trial_id} goes on after epoch 2"]
    for number in (3, 4, 5):
        after.note_epoch(again.trial_id, epoch(number, 0.5))
    record = after.end(again.trial_id, completed(0.6))
    assert [each["epoch"] for each in lines(run, again.trial_id)] == [1, 2, 3, 4, 5]
    assert record.status == "completed"


def test_the_journal_has_each_epoch_once(run):
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    killed_after(run, EPOCHS)
    after = resumed(run)
    name = after.next_assignment().trial_id
    for number in (3, 4):
        after.note_epoch(name, epoch(number, 0.7))
    after.end(name, None)
    storage = JournalStorage(JournalFileBackend(str(run.journal)))
    (trial,) = optuna.load_study(study_name="search", storage=storage).trials
    assert trial.state.name == "PRUNED"
    assert trial.intermediate_values == {1: 0.3, 2: 0.6, 3: 0.6, 4: 0.7}
    written = [json.loads(line) for line in run.journal.read_text().splitlines()]
    steps = [entry["step"] for entry in written if "intermediate_value" in entry]
    assert steps == [1, 2, 3, 4]


def test_a_state_is_dropped_with_its_trial(run):
    name = killed_after(run, EPOCHS).trial_id
    state = run.path / "trials" / name / "state.npz"
    assert state.exists()
    after = resumed(run)
    after.next_assignment()
    assert state.exists()  # until it is of no more use
    after.note_epoch(name, epoch(3, 0.5))
    after.end(name, None)
    assert not state.exists()


def test_what_a_kill_left_of_an_ended_trial_is_dropped_on_resume(run):
    ended = book(run)
    name = ended.next_assignment().trial_id
    ended.note_epoch(name, epoch(1, 0.5))
    ended.end(name, None)
    left = run.path / "trials" / name / "state.npz"
    left.write_bytes(b"left by a driver that was killed in between")
    resumed(run)
    assert not left.exists()


def damage_bytes(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def tear(path):
    path.write_bytes(path.read_bytes()[:-40])


@pytest.mark.parametrize("damage", [damage_bytes, tear])
def test_a_damaged_state_is_told_and_the_trial_starts_anew(run, damage):
    name = killed_after(run, EPOCHS).trial_id
    damage(run.path / "trials" / name / "state.npz")
    after = resumed(run)
    again = after.next_assignment()
    assert (again.trial_id, again.state) == (name, None)
    assert lines(run, name) == []
    (note,) = notes(after)
    assert note.startswith(f"{name} starts anew: A kept state is read as it was written")


def test_a_state_of_other_data_is_told_and_the_trial_starts_anew(run):
    killed_after(run, EPOCHS, data_fingerprint="of other images")
    after = resumed(run)
    assert after.next_assignment().state is None
    assert "its data differ" in notes(after)[0]


def test_one_that_is_too_large_is_not_even_read(run, monkeypatch):
    killed_after(run, EPOCHS)
    monkeypatch.setattr(states_kept, "LARGEST_STATE", 10)
    after = resumed(run)
    assert after.next_assignment().state is None
    assert "at most 10 bytes" in notes(after)[0]


def test_a_trial_whose_worker_cannot_go_on_starts_anew(run):
    killed_after(run, EPOCHS)
    after = resumed(run)
    name = after.next_assignment().trial_id
    after.start_anew(name, "the state is of another model")
    assert lines(run, name) == []
    after.note_epoch(name, epoch(1, 0.3))
    assert lines(run, name) == [epoch(1, 0.3)]
    assert notes(after)[-1] == f"{name} starts anew: the state is of another model"
    assert not (run.path / "trials" / name / "state.npz").exists()


def test_writing_states_takes_a_twentieth_of_the_drivers_time_at_most(run):
    clock = Clock()
    kept = StatesKept(run, FACTS, clock=clock)
    written = []

    def fetch():
        clock.now += 0.5
        written.append(clock.now)
        return b"state"

    for _ in range(1000):
        clock.now += 0.1
        kept.offer("t0000", fetch)
    assert 0 < 0.5 * len(written) <= 0.05 * clock.now + 0.5


def test_a_state_that_is_lost_with_its_worker_leaves_the_last_one(run):
    name = killed_after(run, EPOCHS).trial_id
    path = run.path / "trials" / name / "state.npz"
    before = path.read_bytes()

    def lost():
        raise WorkerLostError("the node went away")

    StatesKept(run, FACTS).offer(name, lost)
    assert path.read_bytes() == before


def test_a_full_disk_is_told_as_everywhere(run, monkeypatch):
    def full(*_):
        raise NeurosweepError("the disk is full")

    monkeypatch.setattr(type(run), "write", full)
    with pytest.raises(NeurosweepError, match="the disk is full"):
        StatesKept(run, FACTS).offer("t0000", lambda: b"state")
