"""The classes of a run, in the order of a network's outputs."""

from collections.abc import Mapping

from reports.run import Run

__all__ = ["class_names"]


def class_names(run: Run) -> tuple[str, ...]:
    """Name the classes as run.yaml has them, else as the evaluation does, else as the split does.

    Returns:
        In the order of a network's outputs, which is the sorted one; empty before the data was
        prepared.

    Raises:
        RunDirectoryError: The split is damaged.
    """
    data = run.info.get("data")
    told = data.get("classes") if isinstance(data, Mapping) else None
    if isinstance(told, list):
        return tuple(map(str, told))
    if run.evaluation is not None:
        return run.evaluation.classes
    if run.split is None:
        return ()
    return tuple(sorted({str(label) for label in run.split.column("label").to_pylist()}))
