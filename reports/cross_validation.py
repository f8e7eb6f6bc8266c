"""How the finalists do when the images are divided otherwise: `cross_validation.json`.

The file is there only if the experiment asked for folds. Its figures take no part in choosing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import ClassVar

from neurosweep.errors import RunDirectoryError
from reports.files import read_typed

__all__ = ["CrossValidated", "CrossValidation", "read_cross_validation"]


@dataclass(frozen=True, kw_only=True)
class CrossValidated:
    """One finalist, trained anew for each fold and measured on the images left out.

    Attributes:
        trial_id: The finalist.
        accuracies: Of the folds that finished, each from 0 to 1 inclusive.
        losses: Of the same folds; None where one came out as NaN or infinite.
        seconds: Wall time of all of them.
    """

    # Read by pydantic: a NaN has neither a mean nor a place on an axis.
    __pydantic_config__: ClassVar[dict[str, object]] = {"allow_inf_nan": False}

    trial_id: str
    accuracies: tuple[float, ...]
    losses: tuple[float | None, ...]
    seconds: float

    @property
    def mean(self) -> float | None:
        """Mean accuracy; None before a fold finished."""
        return fmean(self.accuracies) if self.accuracies else None

    @property
    def deviation(self) -> float | None:
        """Sample standard deviation of the accuracies; None with fewer than two folds."""
        return stdev(self.accuracies) if len(self.accuracies) > 1 else None


@dataclass(frozen=True, kw_only=True)
class CrossValidation:
    """All finalists that were cross-validated.

    Attributes:
        folds: Into how many parts the images were divided, at least 2.
        images: How many images, those for training and validation together.
        finalists: In the order in which they were trained.
    """

    folds: int
    images: int
    finalists: tuple[CrossValidated, ...]

    def of(self, trial_id: str) -> CrossValidated | None:
        """Give a trial's folds, None if it was not cross-validated."""
        return next((one for one in self.finalists if one.trial_id == trial_id), None)


def read_cross_validation(path: Path) -> CrossValidation | None:
    """Read the file; None if no folds were asked for.

    Raises:
        RunDirectoryError: A figure is missing, of a wrong type or impossible.
    """
    found = read_typed(
        path,
        CrossValidation,
        holds="the finalists' folds",
        advice="Restore the file, or delete it to draw the report without it.",
    )
    for problem in _problems(found) if found else ():
        raise RunDirectoryError(f"{path}: {problem}. Restore or delete the file.")
    return found


def _problems(found: CrossValidation) -> Iterator[str]:
    if found.folds < 2:
        yield f"cross-validation takes at least 2 folds; received {found.folds}"
    for one in found.finalists:
        if len(one.accuracies) > found.folds or len(one.losses) != len(one.accuracies):
            yield (
                f"a finalist has an accuracy and a loss for each of at most {found.folds} folds; "
                f"trial {one.trial_id} has {len(one.accuracies)} and {len(one.losses)}"
            )
        if not all(0 <= accuracy <= 1 for accuracy in one.accuracies):
            yield f"an accuracy is a share from 0 to 1; trial {one.trial_id} has {one.accuracies}"
