"""What models said about each image of a part, read with care, and what is true of it."""

import io
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from neurosweep.errors import RunDirectoryError
from reports.classes import class_names
from reports.rounding import ROUNDING
from reports.run import Run

__all__ = [
    "Part",
    "Truth",
    "check_accuracy",
    "predictions_file",
    "predictions_in",
    "read_predictions",
    "true_labels",
]

Part = Literal["validation", "test"]

_HEADER_BYTES = 4096  # more than the header of any array of two dimensions
# What NumPy's reader of headers, Python's parser among it, raises for what is none.
_NO_ARRAY = (ValueError, EOFError, SyntaxError, TokenError, RecursionError, MemoryError)


@dataclass(frozen=True, eq=False)
class Truth:
    """The images of one part in the split's order, which rows of predictions follow.

    Attributes:
        part: validation or test.
        files: Their names, relative to the folder of images.
        labels: (images,) positions of the true classes.
        groups: (images,) numbers that copies of each other, or images of one patient, share.
        classes: In the order of a network's outputs.
    """

    part: Part
    files: tuple[str, ...]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    classes: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Of an array of predictions: (images, classes)."""
        return len(self.files), len(self.classes)


def true_labels(run: Run, part: Part) -> Truth | None:
    """Read a part's images and classes; None before the data was prepared, or of an empty part.

    Raises:
        RunDirectoryError: The split is damaged, or has a label that is none of the classes.
    """
    if run.split is None:
        return None
    rows = {name: run.split.column(name).to_pylist() for name in run.split.column_names}
    chosen = [place for place, name in enumerate(rows["part"]) if name == part]
    if not chosen:
        return None
    classes = class_names(run)
    position = {name: index for index, name in enumerate(classes)}
    labels = [rows["label"][place] for place in chosen]
    unknown = sorted({str(label) for label in labels if label not in position})
    if unknown:
        raise RunDirectoryError(
            f"labels in {run.path / 'split.parquet'} are the run's classes "
            f"{', '.join(classes)}; received {', '.join(unknown)}. Restore run.yaml and the split "
            "from the same run."
        )
    # Runs of earlier versions do not say which images are copies: each counts for itself.
    groups = rows.get("group", range(len(rows["part"])))
    return Truth(
        part=part,
        files=tuple(str(rows["file"][place]) for place in chosen),
        labels=np.array([position[label] for label in labels], np.int64),
        groups=np.array([groups[place] for place in chosen], np.int64),
        classes=classes,
    )


def predictions_file(run: Run, trial_id: str, part: Part) -> Path:
    """Name the file of a trial's probabilities on a part, whether or not it is there."""
    return predictions_in(run.path, trial_id, part)


def predictions_in(path: Path, trial_id: str, part: Part) -> Path:
    """Name the same file inside a run directory that was not opened."""
    return path / "trials" / trial_id / f"{part}.npy"


def read_predictions(path: Path, truth: Truth) -> NDArray[np.float32]:
    """Read a trial's probabilities.

    The header is looked at before the numbers: a file can claim any shape.

    Args:
        path: A .npy file, written without pickle.
        truth: What it must fit.

    Returns:
        (images, classes), each 0 to 1, in the split's order.

    Raises:
        RunDirectoryError: There is none, it is damaged, of another shape or type, larger than its
            numbers, or holds what is no probability.
    """
    expected = f"{truth.shape[0]:,} x {truth.shape[1]} probabilities as float32"
    try:
        content = _limited(path, truth)
        found = _array(content, truth)
    except (OSError, *_NO_ARRAY) as error:
        told = error.strerror if isinstance(error, OSError) else error
        raise RunDirectoryError(
            f"{path} must hold {expected}, a row for each {truth.part} image; {told}. Restore it "
            "from a copy of the run."
        ) from None
    return found


def check_accuracy(path: Path, right: NDArray[np.bool_], recorded: float) -> None:
    """Refuse predictions that do not come to the accuracy that was recorded of them.

    Rows in another order, or of another split, have the right shape too.

    Args:
        path: Where they are from, for the message.
        right: (images,), whether each image was got right.
        recorded: The share that the run recorded.

    Raises:
        RunDirectoryError: They come to another number of right answers.
    """
    if abs(float(right.mean()) - recorded) * len(right) > 0.5:
        raise RunDirectoryError(
            f"{path} must hold what the recorded accuracy of {recorded:.4f} was worked out from; "
            f"received probabilities that come to {right.mean():.4f}. Restore it and "
            "split.parquet from the same copy of the run."
        )


def _limited(path: Path, truth: Truth) -> bytes:
    most = _HEADER_BYTES + 4 * truth.shape[0] * truth.shape[1]
    size = path.stat().st_size
    if not path.is_file() or size > most:
        raise ValueError(f"received {size:,} bytes instead of at most {most:,}")
    return path.read_bytes()


def _array(content: bytes, truth: Truth) -> NDArray[np.float32]:
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"received version {version} of the format")
    shape, by_column, kind = readers[version](file, max_header_size=_HEADER_BYTES)
    if kind != np.dtype("<f4") or shape != truth.shape:
        raise ValueError(f"received an array of shape {shape} and type {kind}")
    numbers = np.frombuffer(content, np.float32, offset=file.tell())
    if len(numbers) != truth.shape[0] * truth.shape[1]:
        raise ValueError(f"received {len(numbers):,} numbers: it was cut off")
    found = numbers.reshape(shape, order="F" if by_column else "C")
    # Not a number fails both comparisons.
    if not bool(((found >= -ROUNDING) & (found <= 1 + ROUNDING)).all()):
        raise ValueError("received numbers that are no probabilities, 0 to 1")
    return found
