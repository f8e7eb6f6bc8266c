"""How faults of weight files are told: all of them at once, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trainables.weights.faults import MISSING, Fault
from trainables.weights.listing import LISTING

__all__ = ["faults_message"]


def faults_message(
    faults: Sequence[Fault], *, place: str | Path, asked: int, unreadable: str | None = None
) -> str:
    """Return a message that names every file that cannot be used.

    Args:
        faults: What is wrong.
        place: The folder as the user knows it.
        asked: Number of files that were looked at.
        unreadable: Why the folder's `weights.json` cannot be read, if so.
    """
    return (
        "Pretrained weights must be there and whole before a search starts; "
        f"{_counted(faults, asked)} in {place}:\n{_listed(faults, unreadable)}\n"
        f"{_advice(faults)}Name another folder with families.transfer.weights, or ask for "
        "untrained backbones with families.transfer.weights=random."
    )


def _counted(faults: Sequence[Fault], asked: int) -> str:
    missing = sum(fault.text == MISSING for fault in faults)
    unusable = len(faults) - missing
    counts = [
        f"{number} of {asked} files {what}"
        for number, what in ((missing, "are missing"), (unusable, "cannot be used"))
        if number
    ]
    return " and ".join(counts) or f"{LISTING} cannot be read"


def _listed(faults: Sequence[Fault], unreadable: str | None) -> str:
    lines = [
        f"  {fault.path.name}  from {fault.source}  ({fault.record.name}, about "
        f"{fault.record.weights_mib} MiB): {fault.text}"
        for fault in faults
    ]
    if unreadable is not None:
        lines.append(f"  {LISTING}: {unreadable}; correct it, or delete it and stage again")
    return "\n".join(lines)


def _advice(faults: Sequence[Fault]) -> str:
    if not faults:
        return ""
    return (
        "Put whole files of these names into it, after deleting what cannot be used; where there "
        "is internet, `neurosweep weights stage DIR` fills a folder with them. "
    )
