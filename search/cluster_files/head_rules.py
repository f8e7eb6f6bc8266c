"""The head: no GPU on it, and no trial."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from search.cluster_files.findings import Finding, error
from search.cluster_files.launcher import LauncherFile
from search.cluster_files.reading import mapping, number

__all__ = ["head_findings"]

_GPU_MACHINE = re.compile(r"(?:p|g|gr)\d\w*\.\w+|(?:a2|a3|a4|g2|g4)-.*", re.IGNORECASE)
"""Instance types of AWS and machine types of Google Cloud that come with GPUs."""

_NO_TRIAL = "a trial on the head takes the driver's memory and ends the search with it: "


def head_findings(file: LauncherFile) -> Iterator[Finding]:
    """Whether Ray may place a trial on the head, and whether a GPU is paid there."""
    offered = mapping(file.head, "resources")
    if not _none(offered, "CPU") and not _none_started(file, "num-cpus"):
        cpus = offered.get("CPU", "all of its")
        yield error(
            "head",
            f"the head offers {cpus} CPUs to trials",
            f"{_NO_TRIAL}resources: {{CPU: 0, GPU: 0}}, and --num-cpus=0 in its `ray start`",
        )
    yield from _gpus(file, offered)


def _gpus(file: LauncherFile, offered: dict[str, Any]) -> Iterator[Finding]:
    machine = _machine(mapping(file.head, "node_config"))
    gpus = number(offered.get("GPU")) or 0
    if machine:
        received = f"the head is a machine with GPUs: {machine}"
    elif gpus > 0:
        received = f"the head offers {gpus:g} GPUs to trials"
    elif file.is_local and not _none_started(file, "num-gpus"):
        received = "the head offers whatever GPUs it has to trials"
    else:
        return
    advice = (
        "take one without"
        if machine
        else "resources: {CPU: 0, GPU: 0}, and --num-gpus=0 in its `ray start`"
    )
    yield error("head", received, f"the driver uses no GPU: {advice}")


def _none(offered: dict[str, Any], name: str) -> bool:
    return name in offered and number(offered[name]) == 0


def _none_started(file: LauncherFile, flag: str) -> bool:
    return bool(file.head_starts) and all(
        number(start.flags.get(flag)) == 0 for start in file.head_starts
    )


def _machine(config: dict[str, Any]) -> str:
    """The name of a machine with GPUs; empty for one without."""
    if config.get("guestAccelerators"):
        return "guestAccelerators"
    kind = str(config.get("InstanceType", config.get("machineType", "")))
    return kind if _GPU_MACHINE.fullmatch(kind.rpartition("/")[2]) else ""
