"""Where a run's figures come from: versions of what computed them, and on what machine."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib import metadata
from typing import Any

import psutil

from neurosweep import __version__
from search.workers.code_hash import code_hash
from trainables.machine import processor

__all__ = ["hardware", "machine", "program", "resumed", "versions"]

_PACKAGES = ("ray", "optuna", "tensorflow", "keras", "keras-tuner", "pyarrow", "scikit-learn")


def versions() -> dict[str, str]:
    """Versions of this program, of Python and of the packages that decide the figures."""
    found = {"neurosweep": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        found[package] = metadata.version(package)
    return found


def program() -> dict[str, Any]:
    """What run.yaml says of the program: `versions`, and the `code`'s hash."""
    return {"versions": versions(), "code": code_hash()}


def resumed(info: Mapping[str, Any], command: Sequence[str], now: datetime) -> dict[str, Any]:
    """What run.yaml says of later sittings: `resumed_by` their commands, `resumed_with` programs.

    Args:
        info: What run.yaml says before this sitting.
        command: The command line of this sitting.
        now: When it began.
    """
    commands = [*info.get("resumed_by", []), list(command)]
    return {"resumed_by": commands, "resumed_with": _programs(info, now)}


def _programs(info: Mapping[str, Any], now: datetime) -> list[dict[str, Any]]:
    """The programs of later sittings, only those that are unlike the one before."""
    earlier = list(info.get("resumed_with", []))
    last, ours = (earlier or [info])[-1], program()
    if all(last.get(name) == told for name, told in ours.items()):
        return earlier
    return [*earlier, {"began": now.isoformat(timespec="seconds"), **ours}]


def hardware() -> dict[str, Any]:
    """The driver's machine: processor, its CPUs, memory in GiB, system."""
    return {
        "processor": processor(),
        "cpus": psutil.cpu_count(logical=True),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
    }


def machine() -> dict[str, Any]:
    """Versions and hardware together: what figures equal to the last digit depend on."""
    return {"versions": versions(), "hardware": hardware()}
