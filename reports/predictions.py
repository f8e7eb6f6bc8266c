"""What a model answered, image by image: `trials/ID/test.npy` and `validation.npy`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurosweep.errors import RunDirectoryError
from reports.run import Run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["class_names", "clean_rows", "read_probabilities", "true_labels"]

# Rows of probabilities are sums of float32 in one precision or another.
_ROUNDING = 1e-2


def class_names(run: Run) -> tuple[str, ...]:
    """The classes in the order of the probabilities' columns; empty before they were recorded."""
    if run.evaluation is not None:
        return run.evaluation.classes
    data = run.info.get("data")
    told = data.get("classes") if isinstance(data, dict) else None
    return tuple(map(str, told)) if isinstance(told, list) else ()


def true_labels(run: Run, part: str) -> "NDArray[np.int64]":
    """The true classes of a part's images, as positions in `class_names`.

    Args:
        run: The run.
        part: train, validation or test.

    Returns:
        (images,), in the order of the split.

    Raises:
        RunDirectoryError: The split is missing or damaged, or has a class that the run has not.
    """
    import numpy as np

    position = {name: at for at, name in enumerate(class_names(run))}
    labels = _column(run, "label", part)
    unknown = sorted(set(labels) - set(position))
    if unknown:
        raise RunDirectoryError(
            f"{run.path / 'split.parquet'} has the classes {', '.join(position)}; received "
            f"{unknown[0]!r} as well. Restore the file."
        )
    return np.array([position[label] for label in labels], np.int64)


def clean_rows(run: Run) -> "NDArray[np.bool_] | None":
    """Which test images are clean: their group is in neither training nor validation.

    Returns:
        (test images,), in the order of the split; None where the split does not say.

    Raises:
        RunDirectoryError: The split is missing or damaged.
    """
    import numpy as np

    if run.groups is None:
        return None
    seen = run.groups.get("train", frozenset()) | run.groups.get("validation", frozenset())
    return np.array([group not in seen for group in _column(run, "group", "test")], np.bool_)


def read_probabilities(run: Run, trial_id: str, part: str) -> "NDArray[np.float32] | None":
    """Read a trial's probabilities for the images of a part.

    Args:
        run: The run.
        trial_id: The trial, as its record has it.
        part: validation or test.

    Returns:
        (images, classes), rows in the order of the split; None where the trial has no such file.

    Raises:
        RunDirectoryError: The file is no array of finite float32 probabilities, or is for other
            images or classes than the run's.
    """
    path = run.path / "trials" / trial_id / f"{part}.npy"
    if not path.exists():
        return None
    shape = (len(_column(run, "label", part)), len(class_names(run)))
    array = _load(path, shape)
    wrong = _wrong(array, shape)
    if wrong:
        raise _damaged(path, shape, wrong)
    return array


def _column(run: Run, name: str, part: str) -> list[Any]:
    if run.split is None:
        raise RunDirectoryError(
            f"what the images are is told by {run.path / 'split.parquet'}; received none. "
            "Restore the file."
        )
    columns = (run.split.column(one).to_pylist() for one in (name, "part"))
    return [value for value, of in zip(*columns, strict=True) if of == part]


def _load(path: Path, shape: tuple[int, int]) -> "NDArray[np.float32]":
    """Read the array behind its header, which is looked at first: it may claim any size."""
    import numpy as np
    from numpy.lib import format as npy

    room = 4 * shape[0] * shape[1]
    try:
        with path.open("rb") as file:
            version = npy.read_magic(file)
            reader = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            found, _, kind = reader(file)
            if found != shape or kind != np.float32:
                raise _damaged(path, shape, f"{kind} of shape {found}")
            if path.stat().st_size - file.tell() != room:
                raise _damaged(path, shape, "a file that was cut off or has something behind it")
            file.seek(0)
            return np.load(file, allow_pickle=False)  # type: ignore[no-any-return]
    except (OSError, ValueError, EOFError) as error:
        raise _damaged(path, shape, f"something else ({error})") from error


def _wrong(array: "NDArray[np.float32]", shape: tuple[int, int]) -> str:
    import numpy as np

    if not np.isfinite(array).all():
        return "NaN or infinite numbers"
    if array.size and (array.min() < 0 or array.max() > 1 + _ROUNDING):
        return f"numbers from {array.min():.3g} to {array.max():.3g}"
    if shape[0] and np.abs(array.sum(axis=1, dtype=np.float64) - 1).max() > _ROUNDING:
        return "rows that do not sum to 1"
    return ""


def _damaged(path: Path, shape: tuple[int, int], received: str) -> RunDirectoryError:
    return RunDirectoryError(
        f"{path} must hold float32 probabilities of {shape[0]:,} images for {shape[1]} classes; "
        f"received {received}. Restore the file, or delete it to have its figures left out."
    )
