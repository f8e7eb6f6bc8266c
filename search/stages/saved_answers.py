"""What networks said of a part's images, as the run keeps it: read with care before it is used."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import scans
from neurosweep.errors import RunDirectoryError
from reports.predictions import Part, Truth, check_accuracy, read_predictions
from search.runs.run_directory import RunDirectory
from search.stages.context import groups_of, true_labels

__all__ = ["SavedAnswers", "read_answers", "truth_of"]

_NAMED = 10  # trials of which it is said by name that their predictions are no use


def truth_of(source: scans.Source, part: Part) -> Truth:
    """What is true of a part's images; where their groups are not known, each is one of its own."""
    labels, groups = true_labels(source, part), groups_of(source, part)
    rows = source.split.select(["file", "part"]).to_pylist()
    return Truth(
        part=part,
        files=tuple(row["file"] for row in rows if row["part"] == part),
        labels=labels,
        groups=np.arange(len(labels)) if groups is None else groups,
        classes=tuple(source.classes),
    )


def read_answers(
    run: RunDirectory, trial_id: str, truth: Truth, recorded: float
) -> NDArray[np.float32]:
    """Reads what a trial said of a part's images, (images, classes), in the split's order.

    Args:
        run: The run directory.
        trial_id: Whose answers.
        truth: The part, and what is true of it.
        recorded: The accuracy that the run recorded of these answers, 0 to 1.

    Raises:
        RunDirectoryError: There are none, they are damaged, or come to another accuracy.
    """
    path = run.path / "trials" / trial_id / f"{truth.part}.npy"
    answers = read_predictions(path, truth)
    check_accuracy(path, answers.argmax(axis=1) == truth.labels, recorded)
    return answers


class SavedAnswers:
    """Reads answers of many trials, and remembers which are no use instead of ending the run."""

    def __init__(self, run: RunDirectory, truth: Truth) -> None:
        self.truth = truth
        self._run = run
        self._problems: dict[str, str] = {}

    def read(self, trial_id: str, recorded: float) -> NDArray[np.float32] | None:
        """A trial's answers, (images, classes); None where they cannot be used."""
        try:
            return read_answers(self._run, trial_id, self.truth, recorded)
        except RunDirectoryError as error:
            self._problems[trial_id] = str(error)
            return None

    @property
    def problem(self) -> str | None:
        """What was wrong with the first that were no use, and the names of more; None if none."""
        if not self._problems:
            return None
        (_, first), *others = self._problems.items()
        if not others:
            return first
        named = ", ".join(name for name, _ in others[:_NAMED])
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        return f"{first} The same holds for {named}{more}."
