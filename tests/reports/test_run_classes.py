"""Where the order of a run's classes is read from, the same for every figure."""

from collections.abc import Callable

import pytest
from fake_run import FakeRun

from reports import Run, read_run
from reports.classes import class_names
from reports.predictions import true_labels


@pytest.mark.parametrize("known", ["run.yaml", "the evaluation", "the split"])
def test_predictions_and_figures_have_the_same_classes(
    fake: FakeRun, write: Callable[[FakeRun], Run], known: str
):
    if known != "run.yaml":
        del fake.info["data"]["classes"]
    if known == "the split":
        fake.finalists, fake.folds = [], {}
    run = write(fake)
    truth = true_labels(run, "validation")
    assert truth is not None
    assert class_names(run) == truth.classes == fake.classes


def test_before_there_is_anything_there_is_no_class(fake: FakeRun, write: Callable[[FakeRun], Run]):
    del fake.info["data"]["classes"]
    fake.finalists, fake.folds = [], {}
    run = write(fake)
    (run.path / "split.parquet").unlink()
    assert class_names(read_run(run.path)) == ()
