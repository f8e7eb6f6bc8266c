"""The figures of the test set: all of it and its clean part, from the same probabilities."""

import json

import numpy as np
import pyarrow as pa
import pytest
from doubles import CLASSES
from stage_doubles import record_of, stage_run

from search.stages.evaluate import evaluate, figures_of
from trainables import Evaluation

LABELS = np.array([0, 1, 2, 3, 0, 2])
"""True classes; the model below takes the first glioma for no tumour and the last for glioma."""
ANSWERS = np.array([2, 1, 2, 3, 0, 0])
PROBABILITIES = np.eye(4, dtype=np.float32)[ANSWERS]


def figures(*chosen: bool, negative: str | None = "notumor"):
    return figures_of(
        PROBABILITIES,
        LABELS,
        np.array(chosen, np.bool_),
        classes=CLASSES,
        negative_class=negative,
    )


def test_figures_of_all_images():
    found = figures(*[True] * 6)
    assert found["accuracy"] == pytest.approx(4 / 6)
    assert found["missed_positives"] == 1
    assert found["confusion"] == [[1, 0, 1, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1]]
    assert found["classification_report"]["glioma"]["support"] == 2


def test_figures_of_a_part_without_a_class_are_given_without_a_warning():
    found = figures(False, False, True, False, True, True)
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["missed_positives"] == 0
    assert found["confusion"] == [[1, 0, 0, 0], [0, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]
    report = found["classification_report"]
    assert report["meningioma"] == {
        "precision": 0.0,
        "recall": 0.0,
        "f1-score": 0.0,
        "support": 0.0,
    }


def test_no_image_has_no_figures():
    assert set(figures(*[False] * 6).values()) == {None}


def test_data_without_a_negative_class_miss_nothing():
    assert figures(*[True] * 6, negative=None)["missed_positives"] is None


class Oracle:
    """A worker that answers as above and counts how often the test set was looked at."""

    def __init__(self):
        self.asked = []

    def run(self, task, payload, *, seconds=None):
        self.asked.append((task, payload["part"]))
        return Evaluation(
            probabilities=PROBABILITIES, accuracy=4 / 6, loss=1.0, latency_ms=2.0, parameters=9
        )


def split(*, with_groups: bool) -> pa.Table:
    """Six test images; the first and the third have a relative that was trained on."""
    rows = [
        *({"part": "test", "label": CLASSES[label], "group": n} for n, label in enumerate(LABELS)),
        {"part": "train", "label": "glioma", "group": 0},
        {"part": "validation", "label": "notumor", "group": 2},
        {"part": "dropped", "label": "notumor", "group": 5},
    ]
    table = pa.Table.from_pylist([{"file": f"{n}.png", **row} for n, row in enumerate(rows)])
    return table if with_groups else table.drop_columns("group")


@pytest.fixture
def evaluated(tmp_path):
    """Returns a function that evaluates a run with one finalist and reads what it wrote."""

    def run_once(*, with_groups: bool) -> tuple[dict, Oracle]:
        run = stage_run(tmp_path / "run", split=split(with_groups=with_groups))
        record_of(run, "t0000")
        worker = Oracle()
        evaluate(run, worker)
        evaluate(run, worker)
        return json.loads((run.directory.path / "evaluation.json").read_text()), worker

    return run_once


def test_the_test_set_is_opened_once_for_both_kinds_of_figures(evaluated):
    written, worker = evaluated(with_groups=True)
    assert worker.asked == [("evaluate", "test")]
    (finalist,) = written["finalists"]
    assert written["test_images"] == 6
    assert written["test_images_clean"] == 4
    assert finalist["test_accuracy"] == pytest.approx(4 / 6)
    assert finalist["test_accuracy_clean"] == pytest.approx(3 / 4)
    assert finalist["missed_positives"] == 1
    assert finalist["missed_positives_clean"] == 0
    assert np.sum(finalist["confusion"]) == 6
    assert np.sum(finalist["confusion_clean"]) == 4
    assert finalist["classification_report_clean"]["accuracy"] == pytest.approx(3 / 4)
    assert finalist["latency_ms"] == 2.0


def test_a_run_of_an_older_layout_claims_nothing_about_clean_images(evaluated):
    written, _ = evaluated(with_groups=False)
    (finalist,) = written["finalists"]
    assert written["test_images_clean"] is None
    assert finalist["test_accuracy"] == pytest.approx(4 / 6)
    assert [finalist[name] for name in finalist if name.endswith("_clean")] == [None] * 4
