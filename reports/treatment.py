"""What the split did about images that are copies of each other, said in sentences."""

from collections.abc import Iterator, Mapping
from typing import Any

from reports.run import Run

__all__ = ["treatment"]


def treatment(run: Run) -> tuple[str, ...]:
    """Describe the split as run.yaml and the split table have it; empty before there is one."""
    data = run.info.get("data")
    if not run.counts or not isinstance(data, Mapping):
        return ()
    return (*_leaks(run, data), *_grouping(run, data), *_folds(data))


def _leaks(run: Run, data: Mapping[str, Any]) -> Iterator[str]:
    dropped = sum(run.counts.get("dropped", {}).values())
    if data.get("leaks") == "drop":
        yield (
            f"leaks: drop. {dropped:,} images that are twins of test images were taken out of "
            "training; they train, validate and test nothing."
        )
    elif data.get("leaks") == "keep":
        yield (
            "leaks: keep. Every image stays in its part, whether or not it has a twin among the "
            "test images."
        )


def _grouping(run: Run, data: Mapping[str, Any]) -> Iterator[str]:
    if data.get("groups") is not None:
        yield f"Images of one group, as {data['groups']} has them, count as copies of each other."
    if run.groups is None:
        return
    both = run.groups.get("train", frozenset()) & run.groups.get("validation", frozenset())
    if both:
        yield (
            f"Groups of copies that stand both in training and in validation: {len(both):,}. The "
            "validation accuracy is too good by what they add."
        )
    elif "validation" in run.groups:
        yield "No image of validation has a copy or near-copy in training."


def _folds(data: Mapping[str, Any]) -> Iterator[str]:
    if data.get("folds"):
        yield (
            "For cross-validation, training and validation together were divided into "
            f"{data['folds']} folds."
        )
