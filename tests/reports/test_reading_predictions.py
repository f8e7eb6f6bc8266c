"""Predictions are read from files that others may have changed."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from fake_run import FakeRun, fake_run

from neurosweep.errors import RunDirectoryError
from reports import Run, read_run
from reports.predictions import check_accuracy, read_predictions, true_labels

GOOD = np.full((240, 4), 0.25, np.float32)


@pytest.fixture
def truth(run: Run):
    return true_labels(run, "validation")


def test_what_is_saved_is_read(truth, tmp_path: Path):
    array = np.random.default_rng(0).dirichlet(np.ones(4), 240).astype(np.float32)
    for name, saved in (("c", array), ("f", np.asfortranarray(array))):
        np.save(tmp_path / f"{name}.npy", saved)
        assert np.array_equal(read_predictions(tmp_path / f"{name}.npy", truth), array)


def test_labels_follow_the_order_of_the_split(run: Run):
    for part, images in (("validation", 240), ("test", 320)):
        truth = true_labels(run, part)
        assert truth is not None
        assert truth.shape == (images, 4)
        assert truth.labels.tolist() == sorted([0, 1, 2, 3] * (images // 4))
        assert truth.files[0] == f"{part}/glioma/0.png"
    assert true_labels(run, "validation").classes == tuple(run.info["data"]["classes"])


def test_without_a_split_there_are_no_labels(write: Callable[[FakeRun], Run]):
    run = write(fake_run())
    (run.path / "split.parquet").unlink()
    assert true_labels(read_run(run.path), "validation") is None


def test_runs_of_earlier_versions_have_sorted_classes_and_no_groups(
    write: Callable[[FakeRun], Run],
):
    fake = fake_run()
    del fake.info["data"]
    run = write(fake)
    path = run.path / "split.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["group"]), path)
    truth = true_labels(read_run(run.path), "validation")
    assert truth.classes == ("glioma", "meningioma", "notumor", "pituitary")
    assert len(set(truth.groups.tolist())) == 240


def test_a_label_that_is_no_class_is_refused(run: Run):
    run.info["data"]["classes"] = ["glioma", "meningioma", "notumor"]
    with pytest.raises(RunDirectoryError, match=r"are the run's classes .*received pituitary"):
        true_labels(run, "validation")


def test_a_class_that_is_missing_in_a_part_keeps_its_column(run: Run):
    path = run.path / "split.parquet"
    table = pq.read_table(path)
    rows = zip(table["part"].to_pylist(), table["label"].to_pylist(), strict=True)
    pq.write_table(table.filter([row != ("test", "glioma") for row in rows]), path)
    truth = true_labels(read_run(run.path), "test")
    assert truth.shape == (240, 4)
    assert set(truth.labels.tolist()) == {1, 2, 3}


class _Unpickled:
    def __reduce__(self):
        return (pytest.fail, ("it was unpickled",))


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (GOOD[:239], r"shape \(239, 4\) and type float32"),
        (GOOD[:, :3], r"shape \(240, 3\)"),
        (GOOD.T, r"shape \(4, 240\)"),
        (GOOD.astype(np.float16), "type float16"),
        (GOOD.astype(np.float64), "type float64"),
        (np.full_like(GOOD, np.nan), "no probabilities, 0 to 1"),
        (np.full_like(GOOD, np.inf), "no probabilities, 0 to 1"),
        (np.full_like(GOOD, -0.1), "no probabilities, 0 to 1"),
        (np.full_like(GOOD, 3.0), "no probabilities, 0 to 1"),
        (np.array(_Unpickled(), object), "type object"),
    ],
)
def test_what_does_not_fit_is_refused(truth, tmp_path: Path, array, told: str):
    path = tmp_path / "validation.npy"
    np.save(path, array, allow_pickle=True)
    with pytest.raises(RunDirectoryError, match=told) as raised:
        read_predictions(path, truth)
    assert "must hold 240 x 4 probabilities as float32, a row for each validation" in str(
        raised.value
    )
    assert "Restore it from a copy of the run." in str(raised.value)


def _saved(tmp_path: Path) -> bytes:
    np.save(tmp_path / "good.npy", GOOD)
    return (tmp_path / "good.npy").read_bytes()


def _claims(shape: str) -> bytes:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda good: good[:-4], "959 numbers: it was cut off"),
        (lambda good: good[:-3], "multiple of element size"),
        (lambda good: good + b"\0" * 10_000, "bytes instead of at most"),
        (lambda good: good[:7], "EOF"),
        (lambda _: b"", "EOF"),
        (lambda _: b"nothing of ours" * 20, "magic string is not correct"),
        (lambda good: good[:6] + b"\x09\x00" + good[8:], r"version \(9, 0\)"),
        (lambda _: pickle.dumps(_Unpickled()), "magic string|EOF"),
        (lambda _: _claims("(10000000000000, 4)"), r"shape \(10000000000000, 4\)"),
        (lambda _: _claims("(-1, 4)"), r"shape \(-1, 4\)"),
        (lambda _: _claims("((((") + b"\0" * 50, "EOF in multi-line statement"),
        (lambda _: _claims("(" * 2000 + ")" * 2000), "a row for each validation image"),
    ],
)
def test_a_damaged_file_is_refused(truth, tmp_path: Path, change, told: str):
    path = tmp_path / "validation.npy"
    path.write_bytes(change(_saved(tmp_path)))
    with pytest.raises(RunDirectoryError, match=told):
        read_predictions(path, truth)


def test_a_folder_or_nothing_is_refused(truth, tmp_path: Path):
    with pytest.raises(RunDirectoryError, match="No such file"):
        read_predictions(tmp_path / "absent.npy", truth)
    with pytest.raises(RunDirectoryError, match="instead of at most|Is a directory"):
        read_predictions(tmp_path, replace(truth, part="test"))


def test_predictions_in_another_order_do_not_come_to_the_accuracy(tmp_path: Path):
    right = np.array([True] * 9 + [False])
    check_accuracy(tmp_path, right, 0.9)
    check_accuracy(tmp_path, right, 0.9 + 1e-9)
    with pytest.raises(RunDirectoryError, match="accuracy of 0.8000 .* come to 0.9000"):
        check_accuracy(tmp_path, right, 0.8)
