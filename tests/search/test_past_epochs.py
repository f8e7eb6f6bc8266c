import pytest
from doubles import book, completed, epoch

import reports
from neurosweep.errors import RunDirectoryError
from search.books.past_epochs import recall
from search.books.rungs import Rungs
from search.objective import Aim
from search.runs.run_directory import RunDirectory


@pytest.fixture
def run(tmp_path):
    with RunDirectory.create(tmp_path / "run", {"name": "x"}) as opened:
        yield opened


def decisions(rungs):
    return [rungs.decide(f"x{score}", 1, 5, score / 10) for score in range(11)]


def test_a_new_driver_stops_what_the_killed_one_would_have_stopped(run):
    killed, lived = book(run), Rungs()
    names = [killed.next_assignment().trial_id for _ in range(4)]
    for name, accuracy in zip(names, (0.5, 0.6, 0.7, 0.8), strict=True):
        killed.note_epoch(name, epoch(1, accuracy))
        lived.decide(name, 1, 5, accuracy)
    for name in names[:3]:
        killed.end(name, completed(0.8, epochs=1))

    after, rungs = book(run), Rungs()
    after.resume(list(reports.read_run(run.path).records))
    assert after.interrupted == {names[3]: 5}
    recall(rungs, run, after.records, after.interrupted, Aim())
    assert set(rungs._running) == {names[3]}
    assert decisions(rungs) == decisions(lived)
    assert not all(decision.goes_on for decision in decisions(lived))


def test_a_trial_that_never_began_has_no_epochs_and_a_damaged_file_is_named(run):
    trial = book(run).next_assignment().trial_id
    recall(Rungs(), run, [], {trial: 5, "t0009": 5}, Aim())
    (run.path / "trials" / trial / "epochs.jsonl").write_text("no json\n")
    with pytest.raises(RunDirectoryError, match=f"{trial}/epochs.jsonl must hold the numbers"):
        recall(Rungs(), run, [], {trial: 5}, Aim())
