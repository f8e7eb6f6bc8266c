"""What a cluster can grow to, as the file says that its autoscaler was started with.

Ray itself keeps no such figure: `get_max_resources_from_cluster_config` knows it on one vendor's
platform alone. The autoscaler's process is on the head, and names the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import yaml

from search.workers.room import Growth, Room

__all__ = ["autoscaler_file", "read_growth"]

_ENTRY = "monitor.py"  # both autoscalers run as a script of this name
_FILE, _CLUSTER = "--autoscaling-config=", "--gcs-address="


def autoscaler_file(port: str) -> str | None:
    """The text of the file that an autoscaler on this machine was started with.

    Args:
        port: That of the cluster's head, which tells its autoscaler from those of others.

    Returns:
        None where no autoscaler runs, or one that was started without a file.

    Raises:
        OSError: The file cannot be read.
    """
    for process in psutil.process_iter(["cmdline"]):
        words: list[str] = process.info["cmdline"] or []
        if not any(Path(word).name == _ENTRY for word in words):
            continue
        if not any(one.startswith(_CLUSTER) and one.endswith(f":{port}") for one in words):
            continue
        for word in words:
            if word.startswith(_FILE):
                return Path(word.removeprefix(_FILE)).expanduser().read_text("utf-8")
    return None


def read_growth(text: str) -> Growth | None:
    """Reads what may come from a cluster file, as Ray fills it out when it starts the cluster.

    Kinds whose size the file leaves to the machine cannot be counted before they are there.

    Returns:
        None where it names no kind of node that may come.

    Raises:
        ValueError: It is no cluster file.
    """
    try:
        said = yaml.safe_load(text)
        most = int(said["max_workers"])
        kinds = [
            _room(kind, most)
            for name, kind in said["available_node_types"].items()
            if name != said["head_node_type"]
        ]
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
        line = str(error).partition("\n")[0]
        raise ValueError(f"its file is no cluster file: {type(error).__name__}: {line}") from None
    known = [room for room in kinds if room.cpus > 0 and room.nodes > 0]
    return Growth(kinds=known, most=most) if known and most > 0 else None


def _room(kind: Mapping[str, Any], most: int) -> Room:
    size = kind.get("resources") or {}
    return Room(
        cpus=float(size.get("CPU", 0)),
        gpus=float(size.get("GPU", 0)),
        nodes=min(most, int(kind.get("max_workers", most))),
    )
