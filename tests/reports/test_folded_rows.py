import json
from collections.abc import Callable
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
from fake_run import FakeRun
from hypothesis import given
from hypothesis import strategies as st

from neurosweep.errors import RunDirectoryError
from reports import (
    Run,
    build_leaderboard,
    load_leaderboard,
    select_rows,
    write_leaderboard,
    write_statistics,
)
from reports.cross_validation import read_cross_validation
from reports.folds import fold_scale, folded_rows


def _write(path: Path, *accuracies: float | None, folds: int = 3, **others: Any) -> Path:
    finalist = {
        "trial_id": "t0004",
        "accuracies": accuracies,
        "losses": [0.5] * len(accuracies),
        "seconds": 9.5,
    }
    content = {"folds": folds, "images": 90, "finalists": [finalist | others]}
    path.write_text(json.dumps(content))
    return path


def test_folds_become_mean_and_sample_deviation(tmp_path: Path):
    found = read_cross_validation(_write(tmp_path / "cv.json", 0.9, 0.8, 0.7))
    assert found is not None
    assert (found.folds, found.images) == (3, 90)
    one = found.of("t0004")
    assert one is not None
    assert one.mean == pytest.approx(0.8)
    assert one.deviation == pytest.approx(0.1)
    assert found.of("t0005") is None


def test_one_fold_has_no_deviation_and_none_has_no_mean(tmp_path: Path):
    one = read_cross_validation(_write(tmp_path / "one.json", 0.9))
    none = read_cross_validation(_write(tmp_path / "none.json"))
    assert one is not None
    assert none is not None
    assert (one.finalists[0].mean, one.finalists[0].deviation) == (0.9, None)
    assert (none.finalists[0].mean, none.finalists[0].deviation) == (None, None)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=10))
def test_the_deviation_is_that_of_a_sample(
    tmp_path_factory: pytest.TempPathFactory, accuracies: list[float]
):
    path = _write(tmp_path_factory.mktemp("cv") / "cv.json", *accuracies, folds=10)
    found = read_cross_validation(path)
    assert found is not None
    mean = sum(accuracies) / len(accuracies)
    squares = sum((one - mean) ** 2 for one in accuracies)
    assert found.finalists[0].mean == pytest.approx(mean)
    expected = sqrt(squares / (len(accuracies) - 1))
    assert found.finalists[0].deviation == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("accuracies", "others", "told"),
    [
        ((0.9, 1.2), {}, r"a share from 0 to 1; trial t0004 has \(0.9, 1.2\)"),
        ((0.9,) * 4, {}, r"each of at most 3 folds; trial t0004 has 4 and 4"),
        ((0.9,), {"losses": []}, r"each of at most 3 folds; trial t0004 has 1 and 0"),
        ((0.9,), {"seconds": None}, r"at finalists.0.seconds: Input should be a valid number"),
        ((None,), {}, r"at finalists.0.accuracies.0: Input should be a valid number"),
        ((float("nan"),), {}, r"at finalists.0.accuracies.0: .* finite number"),
        ((0.9,), {"folds": 1}, None),
    ],
)
def test_impossible_folds_are_refused(
    tmp_path: Path, accuracies: tuple[float, ...], others: dict[str, Any], told: str | None
):
    path = _write(tmp_path / "cv.json", *accuracies, **others)
    if told is None:
        path = _write(path, *accuracies, folds=1)
        told = "at least 2 folds; received 1"
    with pytest.raises(RunDirectoryError, match=told):
        read_cross_validation(path)


def test_a_diverged_fold_may_have_no_loss(tmp_path: Path):
    found = read_cross_validation(_write(tmp_path / "cv.json", 0.3, losses=[None]))
    assert found is not None
    assert found.finalists[0].losses == (None,)


def test_the_leaderboard_has_the_folds(write: Callable[[FakeRun], Run], fake: FakeRun):
    rows = {row.trial_id: row for row in build_leaderboard(write(fake))}
    told = [(rows[name].cv_folds, rows[name].cv_accuracy_sd is None) for name in fake.folds]
    assert told == [(5, False), (5, False), (5, False), (3, False), (1, True)]
    assert rows["0004"].cv_accuracy is rows["0004"].cv_folds is None
    best = select_rows(list(rows.values()), sort="cv_accuracy")
    assert [row.trial_id for row in best[:2]] == ["0010-ft", "0010"]


def test_a_later_cross_validation_makes_the_written_leaderboard_out_of_date(
    write: Callable[[FakeRun], Run], fake: FakeRun
):
    import os

    run = write(fake)
    written = run.path / "leaderboard.parquet"
    write_statistics(run)
    write_leaderboard(build_leaderboard(run)[:1], written)
    assert len(load_leaderboard(run.path)) == 1
    later = written.stat().st_mtime_ns + 1_000_000_000
    os.utime(run.path / "cross_validation.json", ns=(later, later))
    assert len(load_leaderboard(run.path)) == len(fake.records)


def test_the_table_is_in_the_leaderboards_order_on_one_scale(
    write: Callable[[FakeRun], Run], fake: FakeRun
):
    fake.folds = dict(reversed(fake.folds.items()))
    run = write(fake)
    folded = folded_rows(run.cross_validation, build_leaderboard(run))
    assert [one.row.trial_id for one in folded] == ["0010-ft", "0010", "0009", "0006", "0003"]
    assert fold_scale(folded) == pytest.approx(0.65)
    assert fold_scale(()) == 0.0
    assert folded_rows(None, []) == ()
