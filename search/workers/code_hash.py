"""Whether driver and workers run the same program: one hash over the source of our packages."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import search

__all__ = ["code_hash", "explain_mismatch"]

_PACKAGES = ("neurosweep", "reports", "scans", "search", "spaces", "trainables")


@cache
def code_hash(root: Path | None = None) -> str:
    """Returns 16 hexadecimal digits that differ whenever any source file of ours differs.

    Args:
        root: The folder that holds the packages; None for that of the running program.
    """
    root = root or Path(search.__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def explain_mismatch(drivers: str, *, node: str, own: str | None = None) -> str | None:
    """Says what is wrong where a worker's code is not the driver's; None where it is.

    Args:
        drivers: The driver's hash.
        node: What the worker's node is called.
        own: The worker's hash; None for that of this process.
    """
    own = own or code_hash()
    if own == drivers:
        return None
    return (
        "driver and workers must run the same version of neurosweep, or their results cannot be "
        f"compared; the driver's code has the hash {drivers}, that of the worker on {node} has "
        f"{own}. Install the same version on every node (and end what the nodes still run of the "
        "old one), then go on with --resume"
    )
