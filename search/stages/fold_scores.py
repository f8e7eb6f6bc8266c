"""What cross-validation has measured so far: `cross_validation.json`, written whole each time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from neurosweep.errors import RunDirectoryError
from search.runs.run_directory import RunDirectory

__all__ = ["FoldScores"]

_FILE = "cross_validation.json"


class FoldScores:
    """The scores of each finalist by fold; those of an earlier sitting are taken up.

    The file holds `folds`, `images` (those that are learned from) and `finalists`: per finalist
    its `trial_id`, and `done`, `accuracies` and `losses` side by side in the order of the folds,
    where `done` are the numbers of the folds that were measured; `seconds` are those of all.
    """

    def __init__(
        self, run: RunDirectory, split: pa.Table, folds: int, trial_ids: Sequence[str]
    ) -> None:
        """Reads what is there.

        Args:
            run: The run directory.
            split: The run's split, with folds.
            folds: Their number.
            trial_ids: The finalists, in the order in which they are to stand in the file; what an
                earlier sitting measured of others is left out.

        Raises:
            RunDirectoryError: if the file is there and cannot be read.
        """
        self._run = run
        self._folds = folds
        parts = split["part"].to_pylist()
        self._images: int = parts.count("train") + parts.count("validation")
        self._train: int = parts.count("train")
        before = _read(run)
        self._scores = {trial_id: before.get(trial_id, {}) for trial_id in trial_ids}

    @property
    def count(self) -> int:
        """Rounds measured, of all finalists."""
        return sum(len(by_fold) for by_fold in self._scores.values())

    @property
    def growth(self) -> float:
        """How much longer a round takes than a trial: training images there by those here."""
        return self._images * (self._folds - 1) / self._folds / self._train

    def missing(self, trial_id: str) -> list[int]:
        """The folds of a finalist that are not measured yet, ascending."""
        return [fold for fold in range(self._folds) if fold not in self._scores[trial_id]]

    def add(self, trial_id: str, fold: int, score: dict[str, float]) -> None:
        """Keeps a score (`accuracy`, `loss`, `seconds`) and writes the file."""
        self._scores[trial_id][fold] = score
        self.write()

    def write(self) -> None:
        """Writes the file whole."""
        self._run.write_json(
            _FILE,
            {
                "folds": self._folds,
                "images": self._images,
                "finalists": [_row(name, scores) for name, scores in self._scores.items()],
            },
        )


def _row(trial_id: str, scores: dict[int, dict[str, float]]) -> dict[str, Any]:
    done = sorted(scores)
    return {
        "trial_id": trial_id,
        "done": done,
        "accuracies": [scores[fold]["accuracy"] for fold in done],
        "losses": [scores[fold]["loss"] for fold in done],
        "seconds": sum(scores[fold]["seconds"] for fold in done),
    }


def _read(run: RunDirectory) -> dict[str, dict[int, dict[str, float]]]:
    """Returns the scores of an earlier sitting by finalist and fold."""
    path = run.path / _FILE
    if not path.exists():
        return {}
    try:
        rows = json.loads(path.read_text("utf-8"))["finalists"]
        return {row["trial_id"]: _by_fold(row) for row in rows}
    except (ValueError, KeyError, TypeError) as error:
        raise RunDirectoryError(
            f"{path} cannot be read ({error}); was it edited? Delete it to measure its folds again"
        ) from None


def _by_fold(row: dict[str, Any]) -> dict[int, dict[str, float]]:
    """Undoes `_row`; the seconds were added up, so each fold gets an equal part."""
    columns = zip(row["done"], row["accuracies"], row["losses"], strict=True)
    return {
        int(fold): {
            "accuracy": accuracy,
            "loss": loss,
            "seconds": row["seconds"] / len(row["done"]),
        }
        for fold, accuracy, loss in columns
    }
