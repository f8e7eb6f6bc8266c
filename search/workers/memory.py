"""Memory: what this machine has, what a trial's share of it is, what a process holds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import psutil

__all__ = ["machine_memory", "memory_share", "private_memory", "readable"]

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUP = Path("/proc/self/cgroup")


def machine_memory(*, cgroups: Path = _CGROUPS, own: Path = _OWN_CGROUP) -> int:
    """Bytes that processes here can have: the machine's, or less where a control group says so.

    Args:
        cgroups: Where control groups are mounted, of version 1 or 2.
        own: The file that names this process's groups.
    """
    limits = [psutil.virtual_memory().total]
    for folder, name in _groups(cgroups, own):
        for group in (folder, *folder.parents):
            limits.extend(_limit(group / name))
            if group == cgroups:
                break
    return min(limits)


def memory_share(
    total: int, node: Mapping[str, float], resources: Mapping[str, float], workers: int
) -> int:
    """Bytes for one trial on a node.

    Args:
        total: Bytes of the node.
        node: What the node has, as Ray names it: CPU, GPU.
        resources: What one trial gets, in the same names.
        workers: Trials at once in the whole cluster; all of them may be on this node.
    """
    fitting = [
        math.floor(node.get(name, 0.0) / amount + 1e-9)
        for name, amount in resources.items()
        if amount > 0
    ]
    return total // max(1, min([workers, *fitting]))


def private_memory(process: psutil.Process) -> int:
    """Bytes of a process that are its own: without mapped files, which the system can take back.

    A decoded cache is mapped by every trial and would otherwise count in each of them.
    """
    info = process.memory_info()
    return int(info.rss - getattr(info, "shared", 0))


def readable(size: int) -> str:
    """A size in text, such as 5.8 GiB."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def _groups(cgroups: Path, own: Path) -> list[tuple[Path, str]]:
    """The folders of this process's groups with the names of their files of limits."""
    found = []
    for line in own.read_text().splitlines() if own.exists() else []:
        _, controllers, path = line.split(":", 2)
        below = path.strip("/")
        if not controllers:
            found.append((cgroups / below, "memory.max"))
        elif "memory" in controllers.split(","):
            found.append((cgroups / "memory" / below, "memory.limit_in_bytes"))
    return found


def _limit(file: Path) -> list[int]:
    """The limit in a file, if there is one: version 2 writes `max` for none."""
    text = file.read_text().strip() if file.is_file() else ""
    return [int(text)] if text.isdigit() else []
