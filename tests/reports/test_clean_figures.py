import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_run import FakeRun

from neurosweep.errors import RunDirectoryError
from reports import Run, build_leaderboard, read_run
from reports.evaluation import Cleanness
from reports.summary import Summary, summarise
from reports.tested_on import all_clean, two_ways, which_images
from reports.verdicts import verdicts

_CLEAN = (
    "test_accuracy_clean",
    "missed_positives_clean",
    "confusion_clean",
    "classification_report_clean",
)


@pytest.fixture
def path(fake: FakeRun, tmp_path: Path) -> Path:
    return fake.write(tmp_path / "run")


def _change(path: Path, change: Callable[[dict[str, Any]], object]) -> Run:
    content = json.loads((path / "evaluation.json").read_text())
    change(content)
    (path / "evaluation.json").write_text(json.dumps(content))
    return read_run(path)


def _without_clean(content: dict[str, Any]) -> None:
    content["test_images_clean"] = 0
    for finalist in content["finalists"]:
        finalist.update(dict.fromkeys(_CLEAN))


def _as_before(content: dict[str, Any]) -> None:
    """As the version before clean figures wrote it."""
    del content["test_images"], content["test_images_clean"]
    for finalist in content["finalists"]:
        for name in _CLEAN[1:]:
            del finalist[name]
        finalist["test_accuracy_clean"] = None


def _summary(run: Run) -> Summary:
    return summarise(run, build_leaderboard(run))


def _facts(run: Run) -> dict[str, tuple[str, str]]:
    return {fact.name: (fact.value, fact.detail) for fact in _summary(run).groups[0].facts}


def test_both_figures_stand_beside_their_images(path: Path):
    run = read_run(path)
    assert run.evaluation is not None
    assert run.evaluation.cleanness is Cleanness.SOME
    facts = _facts(run)
    assert facts["Test accuracy, all images"] == (
        "97.5 %",
        "95 % interval 95.1\N{EN DASH}98.7, all 320 test images",
    )
    assert facts["Test accuracy, clean images"] == (
        "96.9 %",
        "95 % interval 94.0\N{EN DASH}98.4, the 259 clean test images",
    )
    assert facts["Missed positives, all images"][0] == "2 of 240"
    assert facts["Missed positives, clean images"][0] == "2 of 218"
    assert (
        "61 of 320 test images have an exact or near twin in training or validation; on the 259 "
        "clean ones the winner reaches 96.9 % (95 % interval 94.0\N{EN DASH}98.4)."
    ) in _summary(run).sentences


def test_a_finalist_is_laid_out_twice(path: Path):
    run = read_run(path)
    first = verdicts(run.evaluation, build_leaderboard(run))[0]
    assert first.clean is not None
    assert (first.all.right.images, first.clean.right.images) == (320, 259)
    assert sum(cell.images for row in first.clean.matrix for cell in row) == 259
    assert first.clean.missed is not None
    assert (first.clean.missed.count, first.clean.missed.images) == (2, 218)
    assert [line.support for line in first.clean.classes][:4] == [69, 73, 41, 76]
    assert first.clean.right.low < first.clean.right.value < first.clean.right.high


def test_where_all_are_clean_nothing_stands_twice(fake: FakeRun, tmp_path: Path):
    fake.twins = False
    run = read_run(fake.write(tmp_path / "run"))
    assert run.evaluation is not None
    assert run.evaluation.cleanness is Cleanness.ALL
    rows = build_leaderboard(run)
    assert all(verdict.clean is None for verdict in verdicts(run.evaluation, rows))
    assert rows[0].test_accuracy_clean == rows[0].test_accuracy
    assert not two_ways(run.evaluation, rows)
    assert all_clean(run.evaluation)
    assert "all of them are clean" in which_images(run.evaluation)
    assert _facts(run)["Test accuracy"][1].endswith("all 320 test images, all of them clean")
    told = "All 320 test images are clean: none has an exact or near twin in training or validation"
    assert f"{told}." in _summary(run).sentences


def test_where_none_is_clean_that_is_said(path: Path):
    run = _change(path, _without_clean)
    assert run.evaluation is not None
    assert run.evaluation.cleanness is Cleanness.NONE
    assert not two_ways(run.evaluation, build_leaderboard(run))
    assert "None of them is clean" in which_images(run.evaluation)
    assert _facts(run)["Test accuracy"][1].endswith("all 320 test images, none of them clean")
    told = next(one for one in _summary(run).sentences if "No test image is clean" in one)
    assert told.startswith("No test image is clean: all 320 test images have an exact or near twin")
    assert "do not show how well the winner does on new images" in told


def test_an_evaluation_from_before_is_read_and_says_what_it_lacks(path: Path):
    run = _change(path, _as_before)
    assert run.evaluation is not None
    assert run.evaluation.cleanness is Cleanness.UNKNOWN
    assert run.evaluation.images == 320
    assert build_leaderboard(run)[0].missed_positives_clean is None
    assert "which of them are clean was not measured" in which_images(run.evaluation)
    assert _facts(run)["Test accuracy"][1].endswith("which of them are clean was not measured")


def test_patients_are_said_to_count_as_twins(fake: FakeRun, tmp_path: Path):
    fake.info["data"]["groups"] = "patients.csv"
    run = read_run(fake.write(tmp_path / "run"))
    told = "have an exact or near twin in training or validation or share a group with an image"
    assert any(told in sentence for sentence in _summary(run).sentences)


def test_twins_are_told_before_the_test_set_is_opened(fake: FakeRun, tmp_path: Path):
    fake.finalists = []
    run = read_run(fake.write(tmp_path / "run"))
    told = "61 of 320 test images have an exact or near twin in training or validation."
    assert told in _summary(run).sentences


def test_a_clean_set_without_positives_has_no_share_of_missed(path: Path):
    def only_negatives(content: dict[str, Any]) -> None:
        content["test_images_clean"] = 41
        for finalist in content["finalists"]:
            row = finalist["confusion_clean"][2]
            finalist["confusion_clean"] = [[0] * 4, [0] * 4, row, [0] * 4]
            finalist["missed_positives_clean"] = 0

    run = _change(path, only_negatives)
    first = verdicts(run.evaluation, build_leaderboard(run))[0]
    assert first.clean is not None
    assert first.clean.missed is None
    assert "Missed positives, clean images" not in _facts(run)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("test_accuracy_clean", 1.5, "a test accuracy is a share from 0 to 1; received 1.5"),
        ("test_accuracy", float("nan"), r"at finalists.0.test_accuracy: .* finite number"),
        ("missed_positives_clean", 219, "missed positives are some of the 218; received 219"),
        ("missed_positives", -1, "missed positives are some of the 240; received -1"),
        ("confusion_clean", [[1]], r"each of the 4 classes; received \(1, 1\)"),
        ("confusion_clean", [[1] * 4] * 4, "holds the 259 images; received 16"),
        ("confusion", [[-1] * 4] * 4, "a confusion matrix counts images"),
        ("confusion", [[0] * 4] * 4, "a confusion matrix counts images"),
        ("classification_report_clean", {"a": {}}, "has the numbers precision, recall, f1-score"),
        ("classification_report", {"a": {"precision": "x"}}, r"received .*'x'.* for 'a'"),
    ],
)
def test_impossible_figures_are_refused(path: Path, key: str, value: object, told: str):
    with pytest.raises(RunDirectoryError, match=told):
        _change(path, lambda content: content["finalists"][0].update({key: value}))


def test_a_negative_class_that_is_none_is_refused(path: Path):
    with pytest.raises(RunDirectoryError, match="one of the classes; received 'healthy'"):
        _change(path, lambda content: content.update(negative_class="healthy"))
