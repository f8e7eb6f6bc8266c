"""A cluster that grows and shrinks on this machine, by Ray's fake provider of nodes.

Ray's own `AutoscalingCluster` needs a file that its wheel lacks, and ends every other Ray on the
machine; so the head is started here, with ports and folders of its own, and all it starts is ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil

HEAD = "ray.head.default"
_HEAD_ID = "fffffffffffffffffffffffffffffffffffffffffffffffffff00000"
_ADDRESS = "127.0.0.1"


def cluster_file(
    kinds: Mapping[str, Mapping[str, Any]], *, port: int, max_workers: int = 8, v2: bool = False
) -> dict[str, Any]:
    """A cluster file: a head that runs no trial, and kinds of nodes that come when asked for.

    Args:
        kinds: Per kind of node its `resources`, and `max_workers` where it has a limit of its own.
        port: The head's.
        max_workers: Nodes at once, of all kinds.
        v2: For the second autoscaler.
    """
    common = {"node_config": {}, "min_workers": 0, "max_workers": max_workers}
    nodes = {name: {**common, **kind} for name, kind in kinds.items()}
    return {
        "cluster_name": "fake",
        "max_workers": max_workers,
        "upscaling_speed": 8.0,
        "idle_timeout_minutes": 0.05,
        "provider": {
            "type": "external",  # by its own name it looks for a file that Ray's wheel lacks
            "module": "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider",
            "gcs_address": f"{_ADDRESS}:{port}",
            "launch_multiple": True,
            "use_node_id_as_ip": True,  # they all have one address
            "disable_node_updaters": True,  # and nothing to be set up
            "disable_launch_config_check": True,
            "head_node_id": _HEAD_ID,
        },
        "available_node_types": {
            HEAD: {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
            **nodes,
        },
        "head_node_type": HEAD,
        "auth": {},
        "docker": {},
        "file_mounts": {},
        "cluster_synced_files": [],
        "file_mounts_sync_continuously": False,
        "rsync_exclude": [],
        "rsync_filter": [],
        "initialization_commands": [],
        "setup_commands": [],
        "head_setup_commands": [],
        "worker_setup_commands": [],
        "head_start_ray_commands": [],
        "worker_start_ray_commands": [],
    }


@contextlib.contextmanager
def growing_cluster(
    kinds: Mapping[str, Mapping[str, Any]],
    *,
    max_workers: int = 8,
    v2: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Starts a head whose nodes come when asked for; yields its address.

    Args:
        kinds: As for `cluster_file`.
        max_workers: Nodes at once.
        v2: Whether the second autoscaler looks after them.
        environment: What the head and all nodes have beside this process's own.
    """
    port = free_port()
    # Sockets of Ray lie in there: pytest's own folders have names too long for them.
    with tempfile.TemporaryDirectory(prefix="nsw", ignore_cleanup_errors=True) as folder:
        file = Path(folder) / "cluster.json"
        file.write_text(json.dumps(cluster_file(kinds, port=port, max_workers=max_workers, v2=v2)))
        log = Path(folder) / "head.log"
        with log.open("w") as output:
            head = subprocess.Popen(
                _start(file, folder, port),
                env={**os.environ, **_told(v2), **(environment or {})},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            _wait_for(head, port, log)
            yield f"{_ADDRESS}:{port}"
        finally:
            _end(head)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_ADDRESS, 0))
        return int(probe.getsockname()[1])


def _start(file: Path, folder: str, port: int) -> list[str]:
    ray = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"]
    return [
        *ray,
        f"--autoscaling-config={file}",
        f"--node-ip-address={_ADDRESS}",
        f"--port={port}",
        "--num-cpus=0",
        f"--temp-dir={folder}/ray",
        "--include-dashboard=false",
        "--disable-usage-stats",
        f"--ray-client-server-port={free_port()}",
    ]


def _told(v2: bool) -> dict[str, str]:
    """The environment by which Ray knows that its nodes are no machines."""
    told = {
        "RAY_FAKE_CLUSTER": "1",
        "AUTOSCALER_UPDATE_INTERVAL_S": "1",
        "RAY_AUTH_MODE": "disabled",
        "RAY_enable_autoscaler_v2": str(int(v2)),
    }
    if v2:
        told |= {"RAY_CLOUD_INSTANCE_ID": _HEAD_ID, "RAY_OVERRIDE_NODE_ID_FOR_TESTING": _HEAD_ID}
    return told


def _wait_for(head: subprocess.Popen[bytes], port: int, log: Path, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and head.poll() is None:
        if re.search("Ray runtime started", log.read_text(errors="replace")):
            return
        time.sleep(0.2)
    raise RuntimeError(f"the head did not start on port {port}:\n{log.read_text(errors='replace')}")


def _end(head: subprocess.Popen[bytes]) -> None:
    """Ends the head and all that it and its monitor started, and nothing else."""
    started = psutil.Process(head.pid).children(recursive=True) if head.poll() is None else []
    head.kill()
    for process in started:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    head.wait(timeout=20)
    psutil.wait_procs(started, timeout=20)
