"""What rows say beyond their records: shares with intervals, test scores, weights, versions."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from fake_data import TEST_IMAGES
from fake_run import FakeRun
from scipy.stats import binomtest
from sklearn.metrics import f1_score

from neurosweep.errors import RunDirectoryError
from reports import LeaderboardRow, Run, build_leaderboard, read_run
from reports.weights_kept import ABOUT


def by_id(rows: list[LeaderboardRow]) -> dict[str, LeaderboardRow]:
    return {row.trial_id: row for row in rows}


def wilson(part: int, of: int) -> tuple[float, float]:
    found = binomtest(part, of).proportion_ci(method="wilson")
    return pytest.approx(found.low), pytest.approx(found.high)


def test_test_accuracy_has_its_interval_on_all_and_on_clean_images(run: Run, rows):
    row = by_id(rows)["0010"]
    right = round(row.test_accuracy * TEST_IMAGES)
    assert (row.test_accuracy_low, row.test_accuracy_high) == wilson(right, TEST_IMAGES)
    clean = run.evaluation.test_images_clean
    right = round(row.test_accuracy_clean * clean)
    assert (row.test_accuracy_clean_low, row.test_accuracy_clean_high) == wilson(right, clean)
    untested = by_id(rows)["0000"]
    assert untested.test_accuracy_low is None


def test_missed_positives_are_a_share_of_the_positives(rows):
    row, positives = by_id(rows)["0010"], TEST_IMAGES * 3 // 4
    assert row.missed_positives > 0
    assert row.missed_positives_share == pytest.approx(row.missed_positives / positives)
    bounds = (row.missed_positives_low, row.missed_positives_high)
    assert bounds == wilson(row.missed_positives, positives)


def test_the_same_is_said_of_the_clean_test_images(run: Run, rows):
    row, finalist = by_id(rows)["0010"], run.evaluation.of("0010")
    positives = run.evaluation.positives(finalist.confusion_clean)
    missed = row.missed_positives_clean
    assert row.missed_positives_clean_share == pytest.approx(missed / positives)
    bounds = (row.missed_positives_clean_low, row.missed_positives_clean_high)
    assert bounds == wilson(missed, positives)
    supports = {name: one["support"] for name, one in row.test_classes_clean.items()}
    matrix = zip(run.evaluation.classes, finalist.confusion_clean, strict=True)
    assert supports == {name: sum(counts) for name, counts in matrix}
    assert by_id(rows)["0000"].test_classes_clean is None


def test_missed_positives_of_validation_are_a_share_as_well(fake: FakeRun, write):
    fake.records[0] = replace(fake.records[0], val_missed_positives=7)
    run = write(fake)
    positives = sum(n for label, n in run.counts["validation"].items() if label != "notumor")
    row = by_id(build_leaderboard(run))["0000"]
    assert row.val_missed_share == pytest.approx(7 / positives)
    assert (row.val_missed_low, row.val_missed_high) == wilson(7, positives)


@pytest.mark.parametrize("negative", [None, "notumor"])
def test_without_a_negative_class_or_with_more_missed_than_there_are_no_share_is_claimed(
    fake: FakeRun, write, negative
):
    fake.negative_class = negative
    fake.records[0] = replace(fake.records[0], val_missed_positives=10**6 if negative else 3)
    row = by_id(build_leaderboard(write(fake)))["0000"]
    assert (row.val_missed_share, row.val_missed_low, row.val_missed_high) == (None,) * 3


def test_classes_and_f1_come_from_the_confusion_matrix_of_older_files_too(run: Run, rows):
    row, finalist = by_id(rows)["0010"], run.evaluation.of("0010")
    pairs = [
        (true, named)
        for true, line in enumerate(finalist.confusion)
        for named, images in enumerate(line)
        for _ in range(images)
    ]
    true, named = zip(*pairs, strict=True)
    assert row.test_macro_f1 == pytest.approx(f1_score(true, named, average="macro"))
    assert row.test_macro_f1_clean < row.test_macro_f1
    for name, figures in row.test_classes.items():
        told = finalist.classification_report[name]
        assert figures["f1"] == pytest.approx(told["f1-score"])
        assert figures["recall"] == pytest.approx(told["recall"])
        assert figures["support"] == told["support"]


def test_an_evaluation_of_an_earlier_version_has_no_later_figures(run: Run):
    run = evaluated_with(run.path, latency_device=None)
    row = by_id(build_leaderboard(run))["0010-ft"]
    later = (row.test_roc_auc, row.test_calibration_error, row.latency_p95_ms, row.latency_device)
    assert later == (None,) * 4
    assert row.latency_ms == 3.5


NEW = {
    "roc_auc": 0.97,
    "roc_auc_clean": 0.95,
    "calibration_error": 0.08,
    "calibration_error_scaled": 0.02,
    "calibration_error_clean": 0.09,
    "calibration_error_scaled_clean": 0.03,
    "latency_p95_ms": 4.5,
    "latency_32_ms": 60.0,
    "latency_32_p95_ms": 70.0,
    "latency_device": "made-up processor, 2 threads",
}


def evaluated_with(path: Path, **figures: object) -> Run:
    place = path / "evaluation.json"
    content = json.loads(place.read_text())
    content["finalists"][0].update(figures)
    place.write_text(json.dumps(content))
    return read_run(path)


def test_what_the_evaluation_says_stands_in_the_row(run: Run):
    row = by_id(build_leaderboard(evaluated_with(run.path, **NEW)))["0010-ft"]
    shares = (row.test_roc_auc, row.test_roc_auc_clean, row.test_calibration_error)
    assert (*shares, row.test_calibration_error_scaled) == (0.97, 0.95, 0.08, 0.02)
    clean = (row.test_calibration_error_clean, row.test_calibration_error_scaled_clean)
    assert clean == (0.09, 0.03)
    times = (row.latency_ms, row.latency_p95_ms, row.latency_32_ms, row.latency_32_p95_ms)
    assert (*times, row.latency_device) == (3.5, 4.5, 60.0, 70.0, "made-up processor, 2 threads")


@pytest.mark.parametrize("name", ["roc_auc", "calibration_error", "calibration_error_scaled_clean"])
def test_an_evaluation_with_an_impossible_share_is_refused(run: Run, name):
    with pytest.raises(RunDirectoryError, match=f"{name} is a share from 0 to 1"):
        evaluated_with(run.path, **{name: 1.5})


def test_a_model_has_four_bytes_for_each_parameter(rows):
    assert by_id(rows)["0004"].model_bytes == 4 * 500_000
    assert by_id(rows)["0008"].model_bytes is None


def test_weights_are_named_only_while_they_are_there(run: Run):
    place = run.path / "trials" / "0010" / "weights.npz"
    assert by_id(build_leaderboard(run))["0010"].weights_place is None
    place.write_bytes(b"made up")
    rows = by_id(build_leaderboard(run))
    assert rows["0010"].weights_place == "trials/0010/weights.npz"
    assert rows["0009"].weights_place is None
    place.unlink()
    assert by_id(build_leaderboard(run))["0010"].weights_place is None


def test_a_copy_of_a_run_on_a_store_has_the_weights_of_the_store(run: Run):
    about = run.path / ABOUT
    about.write_text(json.dumps({"from": "s3://x/y", "weights": ["trials/0009/weights.npz"]}))
    rows = by_id(build_leaderboard(run))
    assert rows["0009"].weights_place == "trials/0009/weights.npz"
    assert rows["0010"].weights_place is None
    about.write_text('{"weights": 3}')
    with pytest.raises(RunDirectoryError, match="what of a run is on its store"):
        build_leaderboard(run)


def with_info(run: Run, **entries: object) -> Run:
    place = run.path / "run.yaml"
    place.write_text(yaml.safe_dump({**run.info, **entries}))
    return read_run(run.path)


def test_versions_are_those_of_run_yaml(run: Run, rows):
    row = by_id(rows)["0000"]
    assert row.code_version == "0.0.0"
    assert row.library_versions == {"python": "3.11.0", "tensorflow": "2.21.0"}
    later = by_id(build_leaderboard(with_info(run, code="abc123")))["0000"]
    assert later.code_version == "0.0.0+abc123"


def test_a_trial_has_the_versions_of_the_sitting_in_which_it_ended(run: Run):
    began = run.records[5].finished_at
    resumed = [{"began": began, "code": "new", "versions": {"neurosweep": "0.1.0", "python": "4"}}]
    rows = by_id(build_leaderboard(with_info(run, code="old", resumed_with=resumed)))
    assert rows["0004"].code_version == "0.0.0+old"
    assert rows["0005"].code_version == "0.1.0+new"
    assert rows["0005"].library_versions == {"python": "4"}


@pytest.mark.parametrize("versions", [None, "2.0", ["x"]])
def test_a_run_that_does_not_say_its_versions_claims_none(run: Run, versions):
    row = by_id(build_leaderboard(with_info(run, versions=versions, resumed_with="x")))["0000"]
    assert (row.code_version, row.library_versions) == (None, None)


def own_latency(fake: FakeRun, write: Callable[[FakeRun], Run], milliseconds: float):
    fake.records = [
        replace(one, latency_ms=milliseconds) if one.trial_id == "0010-ft" else one
        for one in fake.records
    ]
    run = evaluated_with(write(fake).path, **NEW)
    return by_id(build_leaderboard(run))["0010-ft"]


def test_times_of_two_measurements_are_not_put_together(fake: FakeRun, write):
    row = own_latency(fake, write, 9.0)
    assert row.latency_ms == 9.0
    others = (row.latency_p95_ms, row.latency_32_ms, row.latency_32_p95_ms, row.latency_device)
    assert others == (None,) * 4


def test_an_ensembles_one_measurement_stays_whole(fake: FakeRun, write):
    row = own_latency(fake, write, 3.5)
    assert (row.latency_p95_ms, row.latency_device) == (4.5, NEW["latency_device"])
