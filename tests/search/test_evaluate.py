"""The figures of the test set: all of it and its clean part, from the same probabilities."""

import json

import numpy as np
import pyarrow as pa
import pytest
from doubles import CLASSES
from stage_doubles import record_of, stage_run

from search.stages.evaluate import evaluate, figures_of
from trainables import Evaluation
from trainables.results import Latency, Times

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


def test_the_temperature_comes_from_validation():
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(4), 6).astype(np.float32)
    of = {"classes": CLASSES, "negative_class": "notumor"}
    everywhere = np.ones(6, np.bool_)
    plain = figures_of(probabilities, LABELS, everywhere, **of)
    scaled = figures_of(probabilities, LABELS, everywhere, temperature=2.0, **of)
    assert plain["calibration_error_scaled"] is None
    flatter = probabilities**0.5 / (probabilities**0.5).sum(axis=1, keepdims=True)
    again = figures_of(flatter, LABELS, everywhere, **of)
    assert scaled["calibration_error_scaled"] == pytest.approx(again["calibration_error"])
    assert scaled["calibration_error"] == plain["calibration_error"]
    assert scaled["roc_auc"] == plain["roc_auc"]


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
            probabilities=PROBABILITIES,
            accuracy=4 / 6,
            loss=1.0,
            latency=Latency(
                one=Times(median=2.0, p95=3.0),
                batch=Times(median=20.0, p95=30.0),
                device="made-up processor, 1 thread",
            ),
            parameters=9,
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
    assert finalist["roc_auc"] == pytest.approx(np.mean([5 / 8, 1, 5 / 8, 1]))
    assert finalist["calibration_error"] == pytest.approx(2 / 6)
    assert np.sum(finalist["confusion"]) == 6
    assert np.sum(finalist["confusion_clean"]) == 4
    assert finalist["classification_report_clean"]["accuracy"] == pytest.approx(3 / 4)
    assert (finalist["latency_ms"], finalist["latency_p95_ms"]) == (2.0, 3.0)
    assert (finalist["latency_32_ms"], finalist["latency_32_p95_ms"]) == (20.0, 30.0)
    assert finalist["latency_device"] == "made-up processor, 1 thread"


def test_a_run_of_an_older_layout_claims_nothing_about_clean_images(evaluated):
    written, _ = evaluated(with_groups=False)
    (finalist,) = written["finalists"]
    assert written["test_images_clean"] is None
    assert finalist["test_accuracy"] == pytest.approx(4 / 6)
    assert [finalist[name] for name in finalist if name.endswith("_clean")] == [None] * 7
