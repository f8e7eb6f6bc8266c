from collections.abc import Callable
from dataclasses import replace
from math import inf
from pathlib import Path

import pytest
from fake_run import FakeRun, fake_run
from hypothesis import given
from hypothesis import strategies as st
from test_trial_records import RECORDS

from reports import (
    LeaderboardRow,
    Origin,
    Run,
    Stage,
    Status,
    TrialRecord,
    build_leaderboard,
    wilson_interval,
)

_RUNS = st.lists(RECORDS, max_size=12, unique_by=lambda record: record.trial_id)


def _leaderboard(records: list[TrialRecord]) -> list[LeaderboardRow]:
    return build_leaderboard(Run(Path("/nowhere"), {}, tuple(records), None))


@given(_RUNS)
def test_every_trial_has_one_row_and_ranks_have_no_gap(records: list[TrialRecord]):
    rows = _leaderboard(records)
    assert sorted(row.trial_id for row in rows) == sorted(one.trial_id for one in records)
    ranks = [row.rank for row in rows if row.rank is not None]
    assert ranks == list(range(1, len(ranks) + 1))
    assert all(row.rank is None for row in rows[len(ranks) :])


@given(_RUNS)
def test_ranked_rows_fall_by_accuracy_then_rise_by_loss(records: list[TrialRecord]):
    keys = [
        (-(row.val_accuracy or 0.0), inf if row.val_loss is None else row.val_loss)
        for row in _leaderboard(records)
        if row.rank is not None
    ]
    assert keys == sorted(keys)


@given(_RUNS)
def test_who_takes_part(records: list[TrialRecord]):
    for row in _leaderboard(records):
        takes_part = (
            row.status is Status.COMPLETED
            and row.stage is not Stage.SCREEN
            and row.val_accuracy is not None
        )
        assert (row.rank is not None) == takes_part


@given(_RUNS, st.randoms(use_true_random=False))
def test_the_order_of_the_lines_does_not_matter(records: list[TrialRecord], random):
    shuffled = list(records)
    random.shuffle(shuffled)
    assert _leaderboard(shuffled) == _leaderboard(records)


def test_a_row_has_its_trials_record_untouched(run: Run, rows: list[LeaderboardRow]):
    of = {record.trial_id: record for record in run.records}
    for row in rows:
        record = of[row.trial_id]
        assert row.hyperparameters == record.hyperparameters
        assert (row.seed, row.val_loss, row.parent_id) == (
            record.seed,
            record.val_loss,
            record.parent_id,
        )


def test_intervals_are_of_the_validation_images(run: Run, rows: list[LeaderboardRow]):
    assert run.validation_images == 240
    for row in rows:
        bounds = (row.val_accuracy_low, row.val_accuracy_high)
        if row.val_accuracy is None:
            assert bounds == (None, None)
        else:
            assert bounds == wilson_interval(row.val_accuracy, 240)


def test_without_a_split_there_is_no_interval(fake: FakeRun, tmp_path: Path):
    from reports import read_run

    path = fake.write(tmp_path / "run")
    (path / "split.parquet").unlink()
    rows = build_leaderboard(read_run(path))
    assert rows[0].rank == 1
    assert rows[0].val_accuracy_low is None


def test_only_finalists_have_test_figures(fake: FakeRun, rows: list[LeaderboardRow]):
    assert {row.trial_id for row in rows if row.test_accuracy is not None} == set(fake.finalists)
    best = rows[0]
    assert (best.trial_id, best.rank, best.missed_positives) == ("0010-ft", 1, 2)
    assert best.test_accuracy == pytest.approx(312 / 320)


def test_a_fine_tuning_without_gain_ranks_behind_its_trial(write: Callable[[FakeRun], Run]):
    fake = fake_run()
    parent = fake.records[10]
    fake.records[-1] = replace(
        fake.records[-1], val_accuracy=parent.val_accuracy, val_loss=parent.val_loss
    )
    rows = build_leaderboard(write(fake))
    assert [row.trial_id for row in rows[:2]] == ["0010", "0010-ft"]


def test_rows_without_a_rank_come_by_how_far_they_got(rows: list[LeaderboardRow]):
    others = [row for row in rows if row.rank is None]
    assert [row.status for row in others] == [Status.PRUNED] * 5 + [Status.FAILED]
    shares = [row.val_accuracy for row in others[:5]]
    assert shares == sorted(shares, reverse=True)
    assert others[0].origin is Origin.PAPER
