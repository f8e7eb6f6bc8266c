"""Tie groups and the corrected accuracy of a run, worked out and kept."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import fake_predictions
import numpy as np
import pytest
from fake_run import FakeRun, fake_run

from neurosweep.errors import RunDirectoryError
from reports import (
    Run,
    Stage,
    Status,
    build_leaderboard,
    read_leaderboard,
    read_run,
    run_notes,
    write_leaderboard,
    write_statistics,
)
from reports import run_statistics as statistics_module
from reports.loading import show_leaderboard
from reports.predictions import read_predictions, true_labels
from reports.run_statistics import COMPARED, STATISTICS, is_current
from reports.statistics.tie_groups import tie_groups


@pytest.fixture
def fake() -> FakeRun:
    made = fake_run()
    made.predictions = True
    return made


def _right(run: Run, trial_id: str) -> np.ndarray:
    truth = true_labels(run, "validation")
    path = run.path / f"trials/{trial_id}/validation.npy"
    return read_predictions(path, truth).argmax(axis=1) == truth.labels


def test_every_ranked_row_is_in_a_group_and_no_other(run: Run):
    rows = build_leaderboard(run)
    ranked = [row for row in rows if row.rank is not None]
    expected = tie_groups(np.stack([_right(run, row.trial_id) for row in ranked]))
    assert [row.tie_group for row in ranked] == expected
    assert expected[0] == 1
    assert max(expected) > 1
    assert {row.tie_group for row in rows if row.rank is None} == {None}


def test_the_winner_alone_is_corrected(run: Run):
    first, *others = build_leaderboard(run)
    assert first.val_accuracy_corrected is not None
    low, high = first.val_accuracy_corrected_low, first.val_accuracy_corrected_high
    assert low < first.val_accuracy_corrected < high
    assert first.val_accuracy_corrected < first.val_accuracy
    assert {row.val_accuracy_corrected for row in others} == {None}
    choice = run.statistics.choice
    assert (choice.trials, choice.of, choice.images, choice.groups) == (8, 8, 240, 240)
    assert choice.accuracy == first.val_accuracy
    assert run.statistics.why == ()


def test_ranks_alone_read_no_prediction(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(statistics_module, "statistics_of", pytest.fail)
    rows = build_leaderboard(run, compare=False)
    assert [row.rank for row in rows if row.rank] == list(range(1, 9))
    assert {row.tie_group for row in rows} == {None}


def test_what_is_kept_is_read_and_nothing_else(run: Run, monkeypatch: pytest.MonkeyPatch):
    assert not is_current(run)
    rows = build_leaderboard(run)
    write_statistics(run)
    again = read_run(run.path)
    assert is_current(again)
    monkeypatch.setattr(statistics_module, "read_predictions", pytest.fail)
    assert build_leaderboard(again) == rows
    kept = json.loads((run.path / STATISTICS).read_text())
    assert kept["choice"]["estimate"] == rows[0].val_accuracy_corrected


def test_the_same_run_gives_the_same_file(run: Run):
    write_statistics(run)
    first = (run.path / STATISTICS).read_bytes()
    (run.path / STATISTICS).unlink()
    write_statistics(read_run(run.path))
    assert (run.path / STATISTICS).read_bytes() == first


def test_the_columns_are_in_the_file_of_the_leaderboard(run: Run, tmp_path: Path):
    rows = build_leaderboard(run)
    write_leaderboard(rows, tmp_path / "leaderboard.parquet")
    assert read_leaderboard(tmp_path / "leaderboard.parquet") == rows


@pytest.mark.parametrize("change", ["a trial", "a score", "the objective", "an image"])
def test_what_was_made_from_other_trials_is_worked_out_anew(
    fake: FakeRun, tmp_path: Path, change: str
):
    run = read_run(fake.write(tmp_path / "run"))
    write_statistics(run)
    if change == "a trial":
        fake.records = [one for one in fake.records if one.trial_id != "0010-ft"]
        fake.finalists.remove("0010-ft")
    elif change == "a score":
        fake.records[0] = replace(fake.records[0], val_loss=0.0123)
    elif change == "the objective":
        fake.info["experiment"]["search"]["objective"] = "val_loss"
    else:
        fake.classes = ("glioma", "meningioma", "notumor", "a new one")
        fake.info["data"]["classes"] = list(fake.classes)
    changed = read_run(fake.write(tmp_path / "changed"))
    shutil.copy(run.path / STATISTICS, changed.path)
    assert not is_current(changed)
    assert changed.statistics.made_from != run.statistics.made_from


@pytest.mark.parametrize("content", [b"", b"{}", b'{"made_from": 3}', b"[" * 100_000])
def test_a_damaged_file_is_told(run: Run, content: bytes):
    (run.path / STATISTICS).write_bytes(content)
    with pytest.raises(RunDirectoryError, match=r"statistics of a leaderboard.*Delete it"):
        build_leaderboard(read_run(run.path))


def _without(fake: FakeRun, path: Path, *names: str) -> Run:
    run = read_run(fake.write(path / "run"))
    for name in names:
        (run.path / f"trials/{name}/validation.npy").unlink()
    return run


def test_without_the_winners_predictions_nothing_is_compared(fake: FakeRun, tmp_path: Path):
    run = _without(fake, tmp_path, "0010-ft")
    rows = build_leaderboard(run)
    assert {row.tie_group for row in rows} == {None}
    assert rows[0].val_accuracy_corrected is None
    told = " ".join(run.statistics.why)
    assert "no row has a tie group: there are no usable validation predictions of rank 1" in told
    assert "the winner's accuracy is not corrected for the choice" in told


def test_a_row_without_predictions_is_left_out_and_counted(fake: FakeRun, tmp_path: Path):
    run = _without(fake, tmp_path, "0004")
    groups = {row.trial_id: row.tie_group for row in build_leaderboard(run) if row.rank}
    assert groups.pop("0004") is None
    assert None not in groups.values()
    assert run.statistics.why == (
        "1 of the first 8 rows have no tie group: their validation predictions are missing or "
        "cannot be used",
    )
    assert (run.statistics.choice.trials, run.statistics.choice.of) == (7, 8)


@pytest.mark.parametrize("kind", ["damaged", "of another length", "of other images"])
def test_predictions_that_cannot_be_used_are_named(fake: FakeRun, tmp_path: Path, kind: str):
    run = read_run(fake.write(tmp_path / "run"))
    for name in ("0004", "0009"):
        path = run.path / f"trials/{name}/validation.npy"
        if kind == "damaged":
            path.write_bytes(path.read_bytes()[:-100])
        elif kind == "of another length":
            np.save(path, np.load(path)[:-1])
        else:
            np.save(path, np.roll(np.load(path), 30, axis=0))
    groups = {row.trial_id: row.tie_group for row in build_leaderboard(run) if row.rank}
    assert {name for name, group in groups.items() if group is None} == {"0004", "0009"}
    counted, named = run.statistics.why
    assert counted.startswith("2 of the first 8 rows have no tie group")
    assert "validation.npy must hold" in named
    assert named.endswith("(1 more like it)")


def test_one_trial_is_no_choice(fake: FakeRun, tmp_path: Path):
    fake.records = [fake.records[10]]
    fake.finalists, fake.folds = [], {}
    run = read_run(fake.write(tmp_path / "run"))
    (row,) = build_leaderboard(run)
    assert (row.tie_group, row.val_accuracy_corrected) == (1, None)
    assert run.statistics.why == (
        "one trial completed: nothing was chosen, so no accuracy is corrected for a choice",
    )


@pytest.mark.parametrize("trials", ["none", "failed ones", "without an epoch"])
def test_a_run_without_a_completed_trial_says_so(fake: FakeRun, tmp_path: Path, trials: str):
    failed = fake.records[8]
    assert (failed.status, failed.epochs) == (Status.FAILED, 0)
    pruned = replace(failed, status=Status.PRUNED, error=None)
    fake.records = {"none": [], "failed ones": [failed], "without an epoch": [pruned]}[trials]
    fake.finalists, fake.folds = [], {}
    run = read_run(fake.write(tmp_path / "run"))
    assert all(row.tie_group is None for row in build_leaderboard(run))
    assert run.statistics.why == ("no trial has completed: there is nothing to compare",)


def test_a_completed_trial_without_an_epoch_is_compared_by_its_predictions(
    fake: FakeRun, tmp_path: Path
):
    fake.records = [replace(one, epochs=0, kept_epoch=None) for one in fake.records]
    run = read_run(fake.write(tmp_path / "run"))
    assert next(row.tie_group for row in build_leaderboard(run)) == 1


def test_before_there_is_a_split_nothing_is_compared(fake: FakeRun, tmp_path: Path):
    run = read_run(fake.write(tmp_path / "run"))
    (run.path / "split.parquet").unlink()
    run = read_run(run.path)
    assert {row.tie_group for row in build_leaderboard(run)} == {None}
    assert run.statistics.why == ("no row has a tie group: no validation images are known",)


def test_images_that_are_all_copies_of_each_other_correct_nothing(fake: FakeRun, tmp_path: Path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    run = read_run(fake.write(tmp_path / "run"))
    table = pq.read_table(run.path / "split.parquet")
    one = pa.array([7] * len(table), pa.int32())
    table = table.set_column(table.column_names.index("group"), "group", one)
    pq.write_table(table, run.path / "split.parquet")
    run = read_run(run.path)
    assert build_leaderboard(run)[0].val_accuracy_corrected is None
    assert "copies of each other" in " ".join(run.statistics.why)


def test_rows_behind_the_fiftieth_are_not_compared(fake: FakeRun, tmp_path: Path):
    template = fake.records[10]
    fake.records = [
        replace(template, trial_id=f"t{number:03d}", seed=number, val_accuracy=1 - number / 240)
        for number in range(COMPARED + 7)
    ]
    fake.finalists, fake.folds = [], {}
    run = read_run(fake.write(tmp_path / "run"))
    groups = [row.tie_group for row in build_leaderboard(run)]
    assert None not in groups[:COMPARED]
    assert groups[COMPARED:] == [None] * 7
    assert run.statistics.why == ("rows behind rank 50 are not compared, and have no tie group",)
    assert run.statistics.choice.trials == COMPARED + 7


def test_the_winner_by_loss_is_chosen_by_loss(fake: FakeRun, tmp_path: Path):
    fake.info["experiment"]["search"]["objective"] = "val_loss"
    run = read_run(fake.write(tmp_path / "run"))
    by_loss = build_leaderboard(run)[0]
    assert by_loss.val_accuracy_corrected is not None
    assert by_loss.tie_group == 1


def test_screened_backbones_and_pruned_trials_take_no_part(fake: FakeRun, tmp_path: Path):
    fake.records.append(
        replace(fake.records[3], trial_id="screened", stage=Stage.SCREEN, val_accuracy=1.0)
    )
    run = read_run(fake.write(tmp_path / "run"))
    fake_predictions.save(
        run.path, "screened", "validation", np.load(run.path / "trials/0010/validation.npy")
    )
    assert run.statistics.choice.of == 8
    assert "screened" not in run.statistics.tie_groups


@pytest.mark.parametrize("accuracy", [1.0, 0.5])
def test_an_ensemble_is_no_model_of_the_correction(fake: FakeRun, tmp_path: Path, accuracy: float):
    without = read_run(fake.write(tmp_path / "without")).statistics.choice
    members = {"family": "ensemble", "ensemble/members": 0}
    fake.records.append(
        replace(
            fake.records[10],
            trial_id="e0001",
            stage=Stage.ENSEMBLE,
            family="ensemble",
            hyperparameters=members,
            val_accuracy=accuracy,
        )
    )
    statistics = read_run(fake.write(tmp_path / "run")).statistics
    assert statistics.choice == without
    assert statistics.tie_groups["e0001"] >= 1


def _shown(run: Run) -> dict[str, int | None]:
    return {row.trial_id: row.tie_group for row in show_leaderboard(run.path).rows if row.rank}


def _publish(run: Run) -> None:
    write_statistics(run)
    rows = build_leaderboard(run)
    write_leaderboard(rows, run.path / "leaderboard.parquet", run_notes(run, rows))


@pytest.mark.parametrize("kind", ["missing", "cut off", "of other images"])
def test_predictions_that_were_restored_are_noticed(fake: FakeRun, tmp_path: Path, kind: str):
    run = read_run(fake.write(tmp_path / "run"))
    path = run.path / "trials/0004/validation.npy"
    whole = path.read_bytes()
    if kind == "missing":
        path.unlink()
    elif kind == "cut off":
        path.write_bytes(whole[:-100])
    else:
        np.save(path, np.roll(np.load(path), 30, axis=0))  # of the same size
    _publish(run)
    assert is_current(read_run(run.path))
    assert _shown(run)["0004"] is None
    path.write_bytes(whole)
    assert not is_current(read_run(run.path))
    assert _shown(run)["0004"] is not None
    assert read_run(run.path).statistics.why == ()


def test_a_copy_is_not_worked_out_anew_with_its_predictions_or_without(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    _publish(run)
    copied = tmp_path / "copy"
    shutil.copytree(run.path, copied, copy_function=shutil.copyfile)
    monkeypatch.setattr(statistics_module, "read_predictions", pytest.fail)
    assert read_run(copied).statistics == run.statistics
    for path in copied.glob("trials/*/validation.npy"):
        path.unlink()
    assert read_run(copied).statistics == run.statistics
    assert is_current(read_run(copied))
