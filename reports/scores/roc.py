"""The area under the ROC curve: how well probabilities put images of a class before the others."""

import numpy as np
from numpy.typing import NDArray

from reports.scores.answers import Answers

__all__ = ["macro_roc_auc", "roc_auc"]


def macro_roc_auc(answers: Answers) -> float | None:
    """Mean over the classes of the area under each one's ROC curve against all others.

    Each class counts alike (Provost and Domingos 2000; scikit-learn's `roc_auc_score` with
    `multi_class="ovr"` and `average="macro"`).

    Returns:
        0 to 1 inclusive, 0.5 for chance; None where a class has no image or all of them, where
        there is none at all, or an answer is no number.
    """
    if not answers.can_be_scored:
        return None
    places = range(answers.classes)
    areas = [roc_auc(answers.probabilities[:, place], answers.labels == place) for place in places]
    known = [area for area in areas if area is not None]
    return float(np.mean(known)) if len(known) == answers.classes else None


def roc_auc(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> float | None:
    """The share of pairs of a positive and a negative in which the positive has the higher score.

    Equal scores count half. It is the statistic of Mann and Whitney (1947) over the number of
    pairs, which is the area under the ROC curve (Hanley and McNeil 1982).

    Args:
        scores: (images,) finite.
        positive: (images,) flags.

    Returns:
        0 to 1 inclusive; None without a positive or without a negative.
    """
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if positives == 0 or negatives == 0:
        return None
    _, place, equal = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(equal) - (equal - 1) / 2)[place]  # from 1; equal scores share their mean
    above = float(ranks[positive].sum()) - positives * (positives + 1) / 2
    return above / (positives * negatives)
