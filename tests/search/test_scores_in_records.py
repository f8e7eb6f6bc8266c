"""What a trial's record says of its validation probabilities, of its host and of its program."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from child_tasks import result as fit_result
from doubles import CLASSES, book, completed, epoch, failed
from screen_doubles import RANKED, Workers, open_run
from sklearn.metrics import f1_score
from stage_doubles import record_of, stage_run

import reports
import scans
from neurosweep.errors import ExperimentError, TrialError
from reports import Status
from reports.scores.validation import ValidationScores
from reports.weights_kept import kept_weights
from search import provenance
from search.runs.run_directory import RunDirectory
from search.stages.fine_tune import fine_tune
from search.stages.screen import screen
from search.workers import tasks

LABELS = np.array([0, 1, 2, 3, 0, 1, 2, 3])
SCORED = ("val_macro_f1", "val_roc_auc", "val_classes", "val_calibration_error", "temperature")


def probabilities(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(4), 8).astype(np.float32)


@pytest.fixture
def ours(tmp_path):
    with RunDirectory.create(tmp_path / "run", {"name": "x"}) as run:
        made = book(run)
        scores = ValidationScores(labels=LABELS, classes=CLASSES, negative_class="notumor")
        made._maker._score = scores.of
        yield made


def test_a_completed_trial_is_scored_by_what_it_answered(ours):
    name, answers = ours.next_assignment().trial_id, probabilities()
    ours.note_epoch(name, epoch(1, 0.5), "far-host/4711")
    outcome = completed(0.5)
    scored = replace(outcome, result={**outcome.result, "validation_probabilities": answers})
    record = ours.end(name, scored)
    named = answers.argmax(axis=1)
    assert record.val_macro_f1 == pytest.approx(f1_score(LABELS, named, average="macro"))
    assert record.val_missed_positives == int(((named == 2) & (LABELS != 2)).sum())
    assert record.val_classes["glioma"]["support"] == 2
    assert record.node == "far-host"
    (row,) = reports.build_leaderboard(reports.read_run(ours._run.path))
    assert [getattr(row, figure) for figure in SCORED] == [
        getattr(record, figure) for figure in SCORED
    ]
    assert row.weights_place == f"trials/{name}/weights.npz"


def test_a_trial_without_answers_has_no_scores_but_a_host(ours):
    pruned, crashed, unbegun = (ours.next_assignment().trial_id for _ in range(3))
    for name in (pruned, crashed):
        ours.note_epoch(name, epoch(1, 0.5), "far-host/4711")
    records = ours.end(pruned, None), ours.end(crashed, failed()), ours.end(unbegun, failed())
    assert [getattr(one, figure) for one in records for figure in SCORED] == [None] * 15
    assert [one.node for one in records] == ["far-host", "far-host", None]
    assert kept_weights(ours._run.path, records) == {}


def test_dropped_weights_are_not_named(ours):
    names = [ours.next_assignment().trial_id for _ in range(4)]
    for accuracy, name in zip((0.1, 0.2, 0.3, 0.4), names, strict=True):
        ours.note_epoch(name, epoch(1, accuracy))
        ours.end(name, completed(accuracy))
    run = reports.read_run(ours._run.path)
    told = {row.trial_id: row.weights_place for row in reports.build_leaderboard(run)}
    for name, place in told.items():
        assert (place is None) != (run.path / "trials" / name / "weights.npz").exists()
    assert None in told.values()
    assert set(told.values()) != {None}


def split(*groups: int) -> pa.Table:
    rows = [
        {"file": f"{place}.png", "part": "validation", "label": CLASSES[label], "group": group}
        for place, (label, group) in enumerate(zip(LABELS, groups, strict=True))
    ]
    return pa.Table.from_pylist([*rows, {**rows[0], "file": "x.png", "part": "train"}])


@pytest.fixture
def stage(tmp_path):
    run = stage_run(tmp_path / "run", split=split(0, 1, 2, 3, 0, 5, 6, 7))
    record_of(run, "t0000", accuracy=0.25)
    return run


class Tuner:
    """A worker that fine-tunes once and then fails."""

    def __init__(self):
        done = fit_result(2, 0.9)
        self.answers = [
            replace(
                done,
                validation_probabilities=probabilities(1),
                before_val_accuracy=0.25,
                before_val_loss=1.0,
                cache="none",
                node="tuning-host",
            )
        ]

    def run(self, task, payload, *, seconds=None):
        if not self.answers:
            raise TrialError("it broke")
        return self.answers.pop()


def test_a_fine_tuned_trial_has_scores_of_its_own_and_a_failed_one_none(stage):
    earlier = dict.fromkeys(SCORED, 0.5) | {"val_classes": {}, "node": "other-host"}
    stage.records[0] = replace(stage.records[0], **earlier)
    fine_tune(stage, Tuner())
    tuned, broken, *_ = (one for one in stage.records if one.parent_id == "t0000")
    wanted = stage.validation_scores().of(probabilities(1))
    assert {name: getattr(tuned, name) for name in wanted} == wanted
    assert tuned.node == "tuning-host"
    assert broken.status is Status.FAILED
    assert [getattr(broken, name) for name in (*SCORED, "node")] == [None] * 6


def test_all_records_name_the_split(stage):
    (record,) = stage.records
    assert record.split == scans.parts_hash(stage.source.split)


def test_copies_stay_in_one_half(stage):
    scores = stage.validation_scores()
    assert scores.groups.tolist() == [0, 1, 2, 3, 0, 5, 6, 7]
    assert scores.labels.tolist() == LABELS.tolist()


def test_a_search_for_missed_positives_needs_a_negative_class(stage):
    stage.directory.info["data"]["negative_class"] = None
    assert stage.validation_scores().negative_class is None
    search = stage.plan.experiment.search.model_copy(update={"objective": "missed_positives"})
    experiment = stage.plan.experiment.model_copy(update={"search": search})
    aiming = replace(stage, plan=replace(stage.plan, experiment=experiment))
    with pytest.raises(ExperimentError, match="missed positives need a class"):
        aiming.validation_scores()


def test_a_screened_backbone_is_scored_by_its_probe(tmp_path):
    run = open_run(tmp_path / "run")
    with run.directory:
        rows = {row.trial_id: row for row in screen(run, Workers().hire)}
    row = rows[f"screen-{RANKED[0]}"]
    assert row.val_roc_auc == 0.5  # the double's probes know nothing
    assert sum(one["support"] for one in row.val_classes.values()) == len(
        run.validation_scores().labels
    )
    assert row.split == scans.parts_hash(run.source.split)


def test_a_task_of_fine_tuning_says_where_it_ran(monkeypatch):
    monkeypatch.setattr(tasks.trainables, "fine_tune", lambda *_: fit_result(1, 0.5))
    monkeypatch.setattr(tasks, "_local", lambda recipe: recipe)
    monkeypatch.setattr(tasks, "_dataset", lambda *_: None)
    monkeypatch.setattr(tasks, "_frozen_of", lambda _: [])
    monkeypatch.setattr(tasks.platform, "node", lambda: "some-host")
    done = tasks.fine_tune(recipe=None, weights=[], source=None, report=None)
    assert done.node == "some-host"


NOW = datetime(2026, 11, 30, 5, tzinfo=UTC)


def programs(info):
    told = provenance.resumed({**info, "resumed_by": [["first"]]}, ("second",), NOW)
    assert told["resumed_by"] == [["first"], ["second"]]
    return told["resumed_with"]


def test_a_sitting_with_the_same_program_is_not_noted():
    info = provenance.program()
    assert programs(info) == []


def test_a_sitting_with_another_program_is_noted_once(monkeypatch):
    info = provenance.program()
    monkeypatch.setattr(provenance, "code_hash", lambda: "other")
    (noted,) = later = programs(info)
    assert noted == {
        "began": "2026-11-30T05:00:00+00:00",
        "versions": info["versions"],
        "code": "other",
    }
    assert programs({**info, "resumed_with": later}) == later
    monkeypatch.undo()
    assert len(programs({**info, "resumed_with": later})) == 2
    assert json.dumps(later)  # run.yaml takes plain values alone


def test_a_run_that_did_not_say_its_code_is_told_from_ours():
    (noted,) = programs({"versions": provenance.versions()})
    assert noted["code"] == provenance.program()["code"]
