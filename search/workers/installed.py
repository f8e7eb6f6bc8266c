"""Which versions a node has of what decides the figures: they must be the driver's."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib import metadata

__all__ = ["DECIDING", "explain_versions", "installed"]

DECIDING = ("ray", "tensorflow", "keras")
"""Packages that must be the same everywhere. Two TensorFlows train the same recipe to different
figures; Ray refuses another Ray by itself, but a node can be told to let it in."""


def installed() -> dict[str, str]:
    """Versions of Python and of the deciding packages in this process; `none` for what is not."""
    return {"python": platform.python_version(), **{name: _version(name) for name in DECIDING}}


def explain_versions(
    drivers: Mapping[str, str], *, node: str, own: Mapping[str, str] | None = None
) -> str | None:
    """Says what is wrong where a worker has other versions than the driver; None where none is.

    Args:
        drivers: The driver's versions.
        node: What the worker's node is called.
        own: The worker's versions; None for those of this process.
    """
    own = installed() if own is None else own
    other = [
        f"{name} {own.get(name, 'none')} (the driver has {version})"
        for name, version in drivers.items()
        if own.get(name) != version
    ]
    if not other:
        return None
    return (
        "driver and workers must have the same Python, Ray, TensorFlow and Keras, or their results "
        f"cannot be compared; {node} has {', '.join(other)}. Install the versions of "
        "constraints.txt on every node, then go on with --resume"
    )


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "none"
