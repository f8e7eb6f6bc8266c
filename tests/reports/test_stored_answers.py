"""Probabilities in a run directory: what is read, and what is refused."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from fake_run import FakeRun, fake_run

from neurosweep.errors import RunDirectoryError
from reports import Run, read_run
from reports.predictions import class_names, clean_rows, read_probabilities, true_labels

ID = "0010-ft"


def write_array(run: Run, array: object, name: str = "test") -> None:
    content = io.BytesIO()
    np.save(content, np.asarray(array), allow_pickle=True)
    (run.path / "trials" / ID / f"{name}.npy").write_bytes(content.getvalue())


def even(images: int = 320, classes: int = 4) -> np.ndarray:
    return np.full((images, classes), 1 / classes, np.float32)


def test_answers_and_labels_come_to_the_recorded_figures(run: Run):
    assert run.evaluation is not None
    labels, clean = true_labels(run, "test"), clean_rows(run)
    for finalist in run.evaluation.finalists:
        found = read_probabilities(run, finalist.trial_id, "test")
        assert found.dtype == np.float32
        right = found.argmax(axis=1) == labels
        assert right.mean() == finalist.test_accuracy
        assert right[clean].mean() == finalist.test_accuracy_clean
    assert clean.sum() == run.evaluation.test_images_clean


def test_a_trial_without_the_file_has_none(run: Run):
    assert read_probabilities(run, "0004", "test") is None


def test_classes_are_known_before_the_test_set_is_opened(write: Callable[[FakeRun], Run]):
    fake = fake_run()
    fake.finalists = []
    run = write(fake)
    assert class_names(run) == fake.classes
    assert np.bincount(true_labels(run, "validation")).tolist() == [60] * 4


def test_a_split_of_a_class_that_the_run_has_not_is_refused(run: Run):
    run.info["data"]["classes"] = ["glioma"]
    (run.path / "evaluation.json").unlink()
    fresh = read_run(run.path)
    fresh.info["data"]["classes"] = ["glioma"]
    with pytest.raises(RunDirectoryError, match=r"has the classes glioma; received 'meningioma'"):
        true_labels(fresh, "test")


def test_without_a_split_nobody_knows_what_the_images_are(run: Run):
    (run.path / "split.parquet").unlink()
    with pytest.raises(RunDirectoryError, match="received none"):
        true_labels(read_run(run.path), "test")


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (even(319), r"float32 of shape \(319, 4\)"),
        (even(classes=3), r"float32 of shape \(320, 3\)"),
        (even().astype(np.float64), "float64"),
        (np.zeros((320, 4), object), "object"),
        (np.where(np.eye(320, 4, dtype=bool), np.nan, even()), "NaN or infinite"),
        (even() * 2, "sum to 1"),
        (even() - 1, "numbers from -0.75"),
        (even() * 8, "numbers from 2 to 2"),
    ],
)
def test_what_is_no_array_of_probabilities_is_refused(run: Run, array: np.ndarray, told: str):
    write_array(run, array.astype(array.dtype))
    message = rf"must hold float32 probabilities of 320 images for 4 classes; received .*{told}"
    with pytest.raises(RunDirectoryError, match=message):
        read_probabilities(run, ID, "test")


def header(shape: str) -> bytes:
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"PK\x03\x04 something else",
        header("(320, 4)"),  # and nothing behind it
        header("(320, 4)") + b"\0" * (320 * 4 * 4 + 1),
        header("(10**12, 4)"),
        header("(1000000000000, 4)"),
    ],
)
def test_a_file_that_is_none_or_claims_what_it_has_not_is_refused(run: Run, content: bytes):
    (run.path / "trials" / ID / "test.npy").write_bytes(content)
    with pytest.raises(RunDirectoryError, match=r"test\.npy must hold float32 probabilities"):
        read_probabilities(run, ID, "test")
