import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_run import FakeRun

from neurosweep.errors import RunDirectoryError
from reports import (
    Run,
    build_leaderboard,
    load_leaderboard,
    read_run,
    render_markdown_report,
    select_rows,
    write_leaderboard,
    write_statistics,
)
from reports.repeated_finalists import read_repeated_finalists
from reports.summary import summarise

WINNER = "0010-ft"


def _write(folder: Path, *accuracies: float, repeats: int = 3, **others: Any) -> Path:
    finalist = {
        "trial_id": WINNER,
        "seeds": list(range(5, 5 + len(accuracies))),
        "accuracies": accuracies,
        "losses": [0.5] * len(accuracies),
        "seconds": [9.5] * len(accuracies),
    }
    path = folder / "repeats.json"
    path.write_text(json.dumps({"repeats": repeats, "finalists": [finalist | others]}))
    return path


@pytest.mark.parametrize(
    ("accuracies", "others", "told"),
    [
        ((0.9, 1.2), {}, r"a share from 0 to 1; trial 0010-ft has \(0.9, 1.2\)"),
        ((0.9,), {"losses": []}, r"each seed once; trial 0010-ft has \[1, 0, 1\] for .* \[5\]"),
        ((0.9, 0.8), {"seeds": [5, 5]}, r"each seed once; .* for the seeds \[5, 5\]"),
        ((float("nan"),), {}, r"at finalists.0.accuracies.0: .* finite number"),
        ((0.9,), {"repeats": 1}, "repeats is a whole number of at least 2; received 1"),
    ],
)
def test_impossible_seeds_are_refused(
    tmp_path: Path, accuracies: tuple[float, ...], others: dict[str, Any], told: str
):
    with pytest.raises(RunDirectoryError, match=told):
        read_repeated_finalists(_write(tmp_path, *accuracies, **others))


def test_a_finalists_row_has_mean_and_spread_of_its_own_seed_and_the_others(
    write: Callable[[FakeRun], Run], fake: FakeRun
):
    run = write(fake)
    before = build_leaderboard(run)
    own = next(row.val_accuracy for row in before if row.trial_id == WINNER)
    assert own is not None
    _write(run.path, own - 0.01, own - 0.02)
    rows = build_leaderboard(read_run(run.path))
    assert [(row.trial_id, row.rank) for row in rows] == [(r.trial_id, r.rank) for r in before]
    row = next(row for row in rows if row.trial_id == WINNER)
    assert (row.val_accuracy, row.repeats) == (own, 3)
    assert row.val_accuracy_mean == pytest.approx(own - 0.01)
    assert row.val_accuracy_sd == pytest.approx(0.01)
    assert {one.repeats for one in rows if one.trial_id != WINNER} == {None}
    assert select_rows(rows, sort="repeats")[0].trial_id == WINNER


def test_a_finalist_of_which_no_other_seed_finished_has_no_mean(
    write: Callable[[FakeRun], Run], fake: FakeRun
):
    run = write(fake)
    _write(run.path)
    assert {row.repeats for row in build_leaderboard(read_run(run.path))} == {None}


@pytest.mark.parametrize(
    ("others", "repeats", "over"),
    [
        ((0.91,), 2, "2 of 2 seeds"),
        ((0.91,), 4, "2 of 4 seeds"),
        ((0.91, 0.91, 0.91), 3, "4 seeds"),
    ],
)
def test_the_summary_says_over_how_many_seeds(
    write: Callable[[FakeRun], Run],
    fake: FakeRun,
    others: tuple[float, ...],
    repeats: int,
    over: str,
):
    run = write(fake)
    _write(run.path, *others, repeats=repeats)
    run = read_run(run.path)
    rows = build_leaderboard(run)
    summary = summarise(run, rows)
    facts = [one for group in summary.groups for one in group.facts]
    (fact,) = [one for one in facts if one.name == "Validation accuracy over seeds"]
    assert rows[0].val_accuracy is not None
    count = 1 + len(others)
    mean = 100 * (rows[0].val_accuracy + sum(others)) / count
    assert fact.value.startswith(f"{mean:.1f} ± ")
    assert fact.detail == f"mean and standard deviation over {over}"
    assert f"% over {count} seeds" in summary.headline
    assert f"% over {count} seeds" in render_markdown_report(run, rows)


def test_a_later_training_makes_the_written_leaderboard_out_of_date(
    write: Callable[[FakeRun], Run], fake: FakeRun
):
    run = write(fake)
    written = run.path / "leaderboard.parquet"
    write_statistics(run)
    write_leaderboard(build_leaderboard(run)[:1], written)
    assert len(load_leaderboard(run.path)) == 1
    later = written.stat().st_mtime_ns + 1_000_000_000
    os.utime(_write(run.path, 0.9), ns=(later, later))
    assert len(load_leaderboard(run.path)) == len(fake.records)
