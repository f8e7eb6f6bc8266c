import json
from dataclasses import replace

import pytest
from doubles import book, completed, epoch, plan

from neurosweep.errors import ExperimentError, RunDirectoryError
from search.books.warm_start import read_warm_start
from search.budgets.budget import Budget
from search.runs.run_directory import RunDirectory
from search.studies.study import Study

TEXT = """
families: {plain_cnn: {}}
data: {image_size: 32}
training: {epochs: 5}
search: {trials: 9, papers: false}
final: {finalists: 1}
"""
FINGERPRINT = "f" * 16


def earlier(path, text=TEXT, *, accuracies=(0.5, 0.9, 0.7)):
    """A run with completed trials, then a pruned and a failed one."""
    info = {"name": "first", "experiment": plan(text).experiment.model_dump(mode="json")}
    with RunDirectory.create(path, info) as run:
        ours = book(run, budget=Budget(trials=20, seconds=None), text=text)
        for accuracy in accuracies:
            ours.end(ours.next_assignment().trial_id, completed(accuracy))
        pruned = ours.next_assignment().trial_id
        ours.note_epoch(pruned, epoch(1, 0.2))
        ours.note_epoch(pruned, epoch(2, 0.1))
        ours.end(pruned, None)
        failure = {"kind": "ValueError", "message": "no"}
        ours.end(ours.next_assignment().trial_id, type(completed(0.1))(failure=failure))
        return ours.records


def read(paths, text=TEXT, fingerprint=FINGERPRINT):
    new = plan(text)
    return read_warm_start(paths, new, new.space(), fingerprint=fingerprint)


def test_every_finished_trial_is_learned_as_it_ended(tmp_path):
    records = earlier(tmp_path / "first")
    found = read([tmp_path / "first"])
    assert [(one.status, one.values, one.step) for one in found.known] == [
        ("completed", (0.5,), 0),
        ("completed", (0.9,), 0),
        ("completed", (0.7,), 0),
        ("pruned", (0.2,), 2),
        ("failed", (), 0),
    ]
    assert [one.source for one in found.known] == [f"first/t000{n}" for n in range(5)]
    assert found.best == ("first/t0001", records[1].hyperparameters)
    assert found.told == ("learned from 5 trials of first",)


def test_the_best_is_the_first_in_rank_and_keeps_to_the_constraints(tmp_path):
    earlier(tmp_path / "first")
    by_loss = read([tmp_path / "first"], TEXT.replace("papers", "objective: val_loss, papers"))
    assert by_loss.best[0] == "first/t0001"
    assert by_loss.known[0].values == (0.5,)
    none = TEXT.replace("papers", "constraints: ['parameters <= 10'], papers")
    bounded = read([tmp_path / "first"], none)
    assert bounded.best is None
    assert bounded.known[0].violations == (9.0,)


def test_trials_of_another_space_are_left_out_and_counted(tmp_path):
    earlier(tmp_path / "first")
    narrow = TEXT.replace("plain_cnn: {}", "plain_cnn: {blocks: 3}")
    records = earlier(tmp_path / "narrow", narrow)
    wide = read([tmp_path / "narrow"])
    assert len(wide.known) == len(records)
    fitting = [r for r in earlier(tmp_path / "third") if r.hyperparameters["plain_cnn/blocks"] == 3]
    if fitting:
        found = read([tmp_path / "third"], narrow)
        assert len(found.known) == len(fitting)
        assert f"{5 - len(fitting)} are of another space" in found.told[0]


def test_a_run_with_nothing_in_this_space_is_refused(tmp_path):
    earlier(tmp_path / "first")
    other = TEXT.replace("plain_cnn", "mini_resnet")
    with pytest.raises(ExperimentError, match="none of the 5 in .*first is one"):
        read([tmp_path / "first"], other)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("image_size: 32", "image_size: 48", "data.image_size 32, this experiment 48"),
        ("epochs: 5", "epochs: 6", "training.epochs 5, this experiment 6"),
        ("image_size: 32", "image_size: 32, color: rgb", "data.color grey, this experiment rgb"),
    ],
)
def test_scores_that_cannot_be_compared_are_refused(tmp_path, old, new, told):
    earlier(tmp_path / "first")
    with pytest.raises(ExperimentError, match=told):
        read([tmp_path / "first"], TEXT.replace(old, new))


def test_other_data_are_used_and_told(tmp_path):
    earlier(tmp_path / "first")
    assert "OTHER DATA" in read([tmp_path / "first"], fingerprint="0" * 16).told[0]


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunDirectoryError, match="run.yaml"):
        read([tmp_path])


def test_a_study_that_learned_proposes_none_of_it_and_the_best_first(tmp_path):
    earlier(tmp_path / "first")
    new = plan(TEXT)
    found = read([tmp_path / "first"])
    study = Study(tmp_path / "study.journal", new.space(), sampler="tpe", seed=1)
    study.enqueue([("best", found.best[1])], origin="warm_start")
    study.learn(found.known)
    first = study.ask()
    assert (first.number, first.origin) == (0, "warm_start")
    assert first.configuration == found.best[1]
    known = {json.dumps(one.configuration, sort_keys=True) for one in found.known}
    for _ in range(10):
        assert json.dumps(study.ask().configuration, sort_keys=True) not in known


def test_a_trial_without_what_is_aimed_at_is_left_out(tmp_path):
    earlier(tmp_path / "first")
    latency = TEXT.replace("papers", "objective: latency_ms, papers")
    found = read([tmp_path / "first"], latency)
    assert {one.status for one in found.known} == {"pruned", "failed"}
    assert "3 are of another space or lack a figure" in found.told[0]
    assert replace(found).best is None
