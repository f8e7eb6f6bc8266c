"""Which test images are worth a look, by what the winner said of them. Looks at no image."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_MISCLASSIFIED", "Answers"]

MOST_MISCLASSIFIED = 60
"""So many wrong answers are shown."""

_RIGHT, _WRONG = 2, 2
"""Right and wrong answers of each class of which Grad-CAM is made."""

_MOST_MAPPED = 40
"""So many maps are made in all, of however many classes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """A network's answers on the test set.

    Attributes:
        probabilities: (images, classes), rows in the split's order.
        labels: (images,) positions of the true classes.
        predicted: (images,) positions of the most probable classes.
        negative: Position of the class that means "nothing found"; None where there is none.
    """

    probabilities: NDArray[np.float32]
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    negative: int | None

    @classmethod
    def of(
        cls, probabilities: NDArray[np.float32], labels: NDArray[np.int64], negative: int | None
    ) -> Self:
        """Reads them from what was saved."""
        return cls(
            probabilities=probabilities,
            labels=labels,
            predicted=probabilities.argmax(axis=1),
            negative=negative,
        )

    def is_missed(self, at: int) -> bool:
        """Whether an image is a positive that was called the negative class."""
        return self.negative is not None and bool(
            self.predicted[at] == self.negative != self.labels[at]
        )

    def wrong(self) -> list[int]:
        """All wrong answers: missed positives first, then by the probability of the wrong class."""
        found = [int(at) for at in np.flatnonzero(self.predicted != self.labels)]
        sure = self.probabilities.max(axis=1)
        return sorted(found, key=lambda at: (not self.is_missed(at), -sure[at], at))

    def mapped(self) -> list[int]:
        """Of each class two typical right answers, then the two worst wrong ones.

        Of many classes each has one before any has two; where not even that is possible, those
        with the most wrong answers have one.
        """
        looked_at = self._looked_at()
        errors = Counter(self.labels[self.labels != self.predicted].tolist())
        in_turn = (
            self._by_turns(looked_at[label])[turn : turn + 1]
            for turn in range(_RIGHT + _WRONG)
            for label in sorted(looked_at, key=lambda label: -errors[label])
        )
        chosen = set(islice(chain.from_iterable(in_turn), _MOST_MAPPED))
        return [
            at for right, wrong in looked_at.values() for at in (*right, *wrong) if at in chosen
        ]

    def _looked_at(self) -> dict[int, tuple[list[int], list[int]]]:
        """By class the right and the wrong answers of which Grad-CAM would be made."""
        wrong: defaultdict[int, list[int]] = defaultdict(list)
        for at in self.wrong():
            wrong[int(self.labels[at])].append(at)
        labels = map(int, np.unique(self.labels))
        return {label: (self._typical(label)[:_RIGHT], wrong[label][:_WRONG]) for label in labels}

    @staticmethod
    def _by_turns(looked_at: tuple[list[int], list[int]]) -> list[int]:
        """A right answer and a wrong one by turns."""
        return [at for pair in zip_longest(*looked_at) for at in pair if at is not None]

    def looked_through(self) -> int:
        """The image whose feature maps are shown: a typical right answer, a positive if any is."""
        labels = sorted(map(int, np.unique(self.labels)), key=lambda one: one == self.negative)
        typical = [at for label in labels for at in self._typical(label)[:1]]
        return typical[0] if typical else 0

    def _typical(self, label: int) -> list[int]:
        """Right answers of a class, those first whose probability is nearest to the median."""
        right = np.flatnonzero((self.labels == label) & (self.predicted == label))
        sure = self.probabilities[right, label]
        far = np.abs(sure - np.median(sure)) if len(sure) else sure
        return [int(at) for at in right[np.argsort(far, kind="stable")]]
