"""The stage that explains the winner: what it asks of a worker, and what it writes."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from doubles import CLASSES
from stage_doubles import record_of, stage_run

from neurosweep.errors import OutOfMemoryError
from reports import Stage
from reports.explanations import EXPLANATIONS, read_explanations
from search.books.weights_kept import save_array
from search.mirror.store import Store
from search.runs.output import RunUri
from search.runs.reading import REPORT, at_hand
from search.stages.evaluate import figures_of
from search.stages.explain import explain
from trainables.explanation import ClassMap, Explained
from trainables.feature_maps import BlockMaps

LABELS = [0, 1, 2, 3, 0, 2]
SAID = [2, 1, 2, 3, 0, 0]  # the first glioma is missed, the last notumor called glioma
PROBABILITIES = np.full((6, 4), 0.1, np.float32)
PROBABILITIES[range(6), SAID] = 0.7


class Looker:
    """A worker that looks into no network and gives what was asked for."""

    def __init__(self, *, reason=None, error=None):
        self.asked = []
        self._reason = reason
        self._error = error

    def run(self, task, payload, *, seconds=None):
        self.asked.append((task, payload))
        if self._error is not None:
            raise self._error
        wanted = payload["wanted"]
        values = np.full((8, 8), 255, np.uint8)
        maps = tuple(ClassMap(of=of, peak=2.5, values=values) for _, of in wanted.maps)
        block = BlockMaps(
            layer="stem_relu",
            shape=(16, 16, 9),
            channels=(4, 2),
            lows=(0.0, 0.5),
            highs=(1.0, 2.0),
            maps=np.zeros((2, 16, 16), np.uint8),
        )
        return Explained(
            pictures=tuple(np.full((8, 8, 1), at, np.uint8) for at in wanted.pictures),
            maps=() if self._reason else maps,
            reason=self._reason,
            layer=None if self._reason else "stage1_block2_relu2",
            grid=None if self._reason else (4, 4),
            blocks=(block,),
        )


def split():
    rows = [{"part": "test", "label": CLASSES[label]} for label in LABELS]
    rows.insert(2, {"part": "train", "label": "glioma"})
    return pa.Table.from_pylist([{"file": f"{n}.png", "group": n, **r} for n, r in enumerate(rows)])


def answered(run, trial_id, probabilities):
    """Saves a network's answers, and the figures that they come to, as the evaluation does."""
    save_array(run.directory, f"trials/{trial_id}/test.npy", probabilities)
    of = {"classes": CLASSES, "negative_class": "notumor"}
    told = figures_of(probabilities, np.array(LABELS), np.ones(6, np.bool_), **of)
    accuracy = told.pop("accuracy")
    run.directory.write_json(
        "evaluation.json",
        {
            "opened": "2026-11-24T11:00:00+00:00",
            "finalists": [{"trial_id": trial_id, "test_accuracy": accuracy, **told}],
            **of,
        },
    )


@pytest.fixture
def run(tmp_path):
    made = stage_run(tmp_path / "run", split=split())
    record_of(made, "t0000", accuracy=0.8)
    record_of(made, "t0001", accuracy=0.9)
    answered(made, "t0001", PROBABILITIES)
    return made


def notes(run):
    return [text for kind, text in run.display.told if kind == "note"]


def test_a_probability_that_rounding_left_beyond_1_is_written_as_1(run):
    beyond = PROBABILITIES.copy()
    beyond[0] = [-0.0005, 0, 1.0009, 0]
    answered(run, "t0001", beyond)
    explain(run, Looker())
    told = json.loads((run.directory.path / EXPLANATIONS).read_text())
    assert told["misclassified"][0]["probabilities"] == [0.0, 0.0, 1.0, 0.0]


def test_it_asks_for_the_winners_errors_and_writes_what_the_report_reads(run):
    worker = Looker()
    explain(run, worker)
    ((task, payload),) = worker.asked
    assert (task, payload["part"]) == ("explain", "test")
    assert payload["wanted"].pictures == (0, 1, 2, 3, 4, 5)
    assert payload["wanted"].maps == ((4, 0), (0, 2), (1, 1), (2, 2), (5, 0), (3, 3))
    assert payload["wanted"].blocks == 4
    told = read_explanations(run.directory.path)
    assert (told.trial_id, told.network, told.image_size) == ("t0001", "t0001", 32)
    assert (told.test_images, told.wrong, told.missed) == (6, 2, 1)
    # 2.png is a training image: names are those of the test part.
    assert [one.file for one in told.misclassified] == ["0.png", "6.png"]
    first = told.misclassified[0]
    assert (first.true, first.predicted) == ("glioma", "notumor")
    assert first.probabilities == pytest.approx((0.1, 0.1, 0.7, 0.1))
    assert told.grad_cam.grid == (4, 4)
    assert [one.file for one in told.grad_cam.images][:2] == ["5.png", "0.png"]
    assert told.feature_maps.blocks[0].highs == (1.0, 2.0)
    named = [one.picture for one in told.misclassified]
    named += [name for one in told.grad_cam.images for name in (one.picture, one.map)]
    named += [*told.feature_maps.blocks[0].pictures, told.feature_maps.image.picture]
    there = {path.name for path in (run.directory.path / "explanations").iterdir()}
    assert there == {name.partition("/")[2] for name in named} | {"explanations.json"}
    assert run.directory.info["stages"]["explain"] >= 0


def test_it_is_not_done_again_unless_the_answers_are_others(run):
    worker = Looker()
    explain(run, worker)
    explain(run, worker)
    assert len(worker.asked) == 1
    others = PROBABILITIES.copy()
    others[5] = [0.1, 0.1, 0.7, 0.1]
    answered(run, "t0001", others)
    explain(run, worker)
    assert len(worker.asked) == 2
    (run.directory.path / "explanations" / "explanations.json").unlink()
    explain(run, worker)
    assert len(worker.asked) == 3


def test_another_winner_leaves_no_picture_of_the_one_before(run):
    explain(run, Looker())
    answered(run, "t0000", np.eye(4, dtype=np.float32)[LABELS])
    run.records[:] = [
        replace(one, val_accuracy=1.0) if one.trial_id == "t0000" else one for one in run.records
    ]
    explain(run, Looker())
    told = read_explanations(run.directory.path)
    assert (told.trial_id, told.wrong, told.misclassified) == ("t0000", 0, ())
    there = {path.name for path in (run.directory.path / "explanations").iterdir()}
    assert "map-00002.png" in there
    assert len(list(run.directory.path.glob(".explanations*"))) == 0
    assert {f"map-{at:05}.png" for at in (0, 5)} <= there


@pytest.mark.parametrize("may_win", [True, False])
def test_of_an_ensemble_the_answers_are_its_own_and_the_maps_its_heaviest_members(run, may_win):
    members = [{"trial_id": f"t000{n}", "weight": weight} for n, weight in ((1, 0.3), (0, 0.7))]
    run.directory.write_json("trials/ensemble/record.json", {"ensemble": members})
    if may_win:
        answered(run, "ensemble", np.eye(4, dtype=np.float32)[LABELS])
    best = replace(run.records[1], trial_id="ensemble", stage=Stage.ENSEMBLE, val_accuracy=1.0)
    run.records.append(best)
    final = run.plan.experiment.final.model_copy(update={"ensemble": may_win})
    experiment = run.plan.experiment.model_copy(update={"final": final})
    explain(replace(run, plan=replace(run.plan, experiment=experiment)), worker := Looker())
    told = read_explanations(run.directory.path)
    said = ("ensemble", "t0000", 0) if may_win else ("t0001", "t0001", 2)
    assert (told.trial_id, told.network, told.wrong) == said
    assert len(worker.asked) == 1


def test_a_network_without_places_has_no_maps_but_errors_and_blocks(run):
    explain(run, Looker(reason="it has no places"))
    told = read_explanations(run.directory.path)
    assert told.grad_cam.reason == "it has no places"
    assert told.grad_cam.images == ()
    assert len(told.misclassified) == 2
    assert told.feature_maps is not None


def test_what_goes_wrong_is_told_and_tried_again_and_ends_no_run(run):
    explain(run, Looker(error=OutOfMemoryError("the stage's task `explain` failed\nand so on")))
    assert notes(run) == ["no explanations of t0001: the stage's task `explain` failed"]
    assert run.directory.info["explained"] == {"failed": "the stage's task `explain` failed"}
    assert read_explanations(run.directory.path) is None
    explain(run, Looker())
    assert read_explanations(run.directory.path) is not None


@pytest.mark.parametrize("damage", ["torn", "another shape", "another order", "no figures"])
def test_damaged_answers_are_told_and_end_no_run(run, damage):
    name = "trials/t0001/test.npy"
    if damage == "torn":
        (run.directory.path / name).write_bytes(b"torn")
    elif damage == "another shape":
        save_array(run.directory, name, PROBABILITIES[:4])
    elif damage == "another order":
        save_array(run.directory, name, np.roll(PROBABILITIES, 1, axis=0))
    else:
        (run.directory.path / "evaluation.json").unlink()
    explain(run, worker := Looker())
    (told,) = notes(run)
    assert told.startswith("no explanations of t0001: ")
    assert ("evaluation.json" if damage == "no figures" else f"{name} must hold") in told
    assert told.endswith(run.directory.info["explained"]["failed"])
    assert worker.asked == []
    answered(run, "t0001", PROBABILITIES)
    explain(run, worker)
    assert len(worker.asked) == 1


def test_a_report_of_a_run_on_a_store_has_its_explanations(run, tmp_path, monkeypatch):
    monkeypatch.setenv("NEUROSWEEP_CACHE", str(tmp_path / "cache"))
    explain(run, Looker())
    for record in run.records:
        told = (run.directory.path / f"trials/{record.trial_id}/record.json").read_text()
        run.directory.count(record, **json.loads(told))
    run.directory.update(name="stored", state="finished")
    (tmp_path / "store").mkdir()
    uri = f"file://{tmp_path}/store/runs/first"
    store, here = Store(uri), run.directory.path
    for path in sorted(here.rglob("*")):
        name = path.relative_to(here).as_posix()
        if path.is_file() and not name.startswith("."):
            store.put(name, path.read_bytes())
    copy = at_hand(RunUri(uri), REPORT)
    assert read_explanations(copy) == read_explanations(here)
    assert {path.name for path in (copy / "explanations").iterdir()} == {
        path.name for path in (here / "explanations").iterdir()
    }
