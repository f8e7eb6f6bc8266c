"""A trial's answers on a part of the images, where the run has them."""

import numpy as np
from numpy.typing import NDArray

from reports.predictions import (
    Part,
    check_accuracy,
    predictions_file,
    read_predictions,
    true_labels,
)
from reports.run import Run
from reports.scores.answers import Answers

__all__ = ["answers_of", "clean_test_images"]


def answers_of(run: Run, trial_id: str, part: Part, recorded: float | None) -> Answers | None:
    """Read a trial's probabilities beside what is true.

    Args:
        run: The run.
        trial_id: The trial.
        part: validation or test.
        recorded: The accuracy that the run recorded of them.

    Returns:
        Rows in the order of the split; None where the run does not have them, or has no image of
        the part.

    Raises:
        RunDirectoryError: The file or the split is damaged, or it comes to another accuracy.
    """
    path = predictions_file(run, trial_id, part)
    if recorded is None or not path.exists():
        return None
    truth = true_labels(run, part)
    if truth is None:
        return None
    found = Answers(read_predictions(path, truth), truth.labels)
    check_accuracy(path, found.predicted == found.labels, recorded)
    return found


def clean_test_images(run: Run) -> NDArray[np.bool_] | None:
    """Which test images are clean: their group is in neither training nor validation.

    Returns:
        (test images,), in the order of the split; None where the split does not say.

    Raises:
        RunDirectoryError: The split is damaged.
    """
    truth = true_labels(run, "test")
    if truth is None or run.groups is None:
        return None
    seen = run.groups.get("train", frozenset()) | run.groups.get("validation", frozenset())
    return ~np.isin(truth.groups, sorted(seen))
