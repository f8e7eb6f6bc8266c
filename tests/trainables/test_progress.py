import math

import pytest

from neurosweep.errors import DivergedError
from trainables.progress import Limits, Progress


def record(epoch, *, accuracy=0.5, val_loss=1.0, loss=1.0):
    return {
        "epoch": epoch,
        "loss": loss,
        "accuracy": 0.5,
        "val_loss": val_loss,
        "val_accuracy": accuracy,
        "seconds": 0.1,
        "learning_rate": 1e-3,
    }


def follow(scores, **limits):
    """Add (accuracy, loss) epoch by epoch; the reason to stop after each, and the progress."""
    progress = Progress(Limits(**{"epochs": 10, "patience": 3, **limits}))
    reasons = []
    for epoch, (accuracy, loss) in enumerate(scores, start=1):
        progress.add(record(epoch, accuracy=accuracy, val_loss=loss))
        reasons.append(progress.end(stopped=False))
    return reasons, progress


@pytest.mark.parametrize(
    ("scores", "kept"),
    [
        ([(0.5, 1.0), (0.6, 2.0), (0.4, 0.1)], 2),
        ([(0.5, 1.0), (0.5, 0.9), (0.5, 0.95)], 2),
        ([(0.5, 1.0), (0.5, 1.0)], 1),
    ],
    ids=["accuracy", "loss breaks a tie", "the earlier of equals"],
)
def test_the_best_epoch_is_kept(scores, kept):
    assert follow(scores)[1].kept_epoch == kept


def test_where_the_loss_counts_its_best_epoch_is_kept_and_waited_for():
    scores = [(0.5, 1.0), (0.6, 2.0), (0.4, 0.1), (0.9, 0.5), (0.9, 0.1), (0.3, 0.2)]
    reasons, progress = follow(scores, keep_by="val_loss", patience=2)
    assert progress.kept_epoch == 5
    assert reasons[-1] is None


def test_patience_counts_epochs_since_the_kept_one():
    reasons, _ = follow([(0.5, 1), (0.6, 1), (0.5, 1), (0.5, 1), (0.5, 1)])
    assert reasons == [None, None, None, None, "early_stopping"]


def test_the_last_allowed_epoch_finishes():
    reasons, _ = follow([(0.5, 1), (0.5, 1)], epochs=2)
    assert reasons == [None, "finished"]


def test_a_replay_stops_where_the_row_was_stopped():
    reasons, _ = follow([(0.5, 1), (0.6, 1)], stop_epoch=2)
    assert reasons == [None, "stopped"]


def test_a_stop_from_outside_counts_only_if_training_would_go_on():
    progress = Progress(Limits(epochs=2, patience=3))
    progress.add(record(1))
    assert progress.end(stopped=True) == "stopped"
    progress.add(record(2))
    assert progress.end(stopped=True) == "finished"


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("key", ["loss", "val_loss"])
def test_a_loss_that_is_lost_is_refused(key, value):
    progress = Progress(Limits(epochs=2, patience=3))
    with pytest.raises(DivergedError, match=rf"finite {key}; received {value} in epoch 1"):
        progress.add(record(1, **{key: value}))
    assert progress.history == []
