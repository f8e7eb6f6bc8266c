"""How a Ray of this machine alone is started: what a search needs, and no more."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

__all__ = ["lean_start", "local_options"]


def local_options(cpus: int | None) -> dict[str, Any]:
    """Options of `ray.init` for a Ray that nobody else reaches.

    Args:
        cpus: CPUs it has; None for those of this machine.
    """
    return {
        "address": "local",
        "num_cpus": cpus,
        "include_dashboard": False,
        "dashboard_host": "127.0.0.1",
    }


@contextlib.contextmanager
def lean_start() -> Iterator[None]:
    """Within the block, Ray starts as if the packages of its dashboard were not installed.

    Where they are (`ray[default]`), Ray 2.60 loads them into two processes of every local Ray,
    also without a dashboard, and waits for it: seconds before the first trial, for nothing.
    """
    from ray._private import utils as parts_of_ray

    before = parts_of_ray.get_dashboard_dependency_error
    parts_of_ray.get_dashboard_dependency_error = lambda: ImportError("left out of a local Ray")
    try:
        yield
    finally:
        parts_of_ray.get_dashboard_dependency_error = before
