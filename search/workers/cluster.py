"""Reaching Ray: a local one started for this run, or a cluster that is up already."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import search
from neurosweep.errors import NeurosweepError
from search.experiment import Experiment, Resources

__all__ = ["Capacity", "connected", "for_fine_tuning", "plan_workers"]


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """CPUs and GPUs in all: what the cluster has, or can grow to where it scales by itself."""

    cpus: float
    gpus: float


@contextlib.contextmanager
def connected(address: str | None, folder: Path, *, cpus: int | None = None) -> Iterator[Capacity]:
    """Connects to Ray for the length of the block.

    Ray puts the driver's folder first on every worker's import path, so this changes into
    `folder` before it starts: a user's own `reports/` must not hide ours.

    Args:
        address: `auto` or an address of a running cluster; None starts a local Ray.
        folder: The run directory.
        cpus: CPUs of a local Ray; None for those of this machine.

    Raises:
        NeurosweepError: if no cluster answers at the address.
    """
    before = Path.cwd()
    os.chdir(folder)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["PYTHONPATH"] = _import_path()  # a local Ray passes it on to its workers
    try:
        _reach(address, cpus)
        yield _capacity()
    finally:
        import ray

        ray.shutdown()
        os.chdir(before)


def plan_workers(resources: Resources, capacity: Capacity) -> tuple[int, dict[str, float]]:
    """Decides how many trials run at once and what each gets.

    A trial of the search gets one GPU at most: a second one would stand idle beside a small network
    or a head. `for_fine_tuning` gives what was asked for to the stage that can use it.

    Raises:
        NeurosweepError: if not even one trial fits the cluster.
    """
    gpus = resources.gpus_per_trial
    if gpus == "auto":
        gpus = 1.0 if capacity.gpus >= 1 else 0.0
    each = {"CPU": float(resources.cpus_per_trial), "GPU": float(min(gpus, 1))}
    fitting = int(capacity.cpus // resources.cpus_per_trial)
    if gpus > 0:
        fitting = min(fitting, int(capacity.gpus / each["GPU"] + 1e-9))
    if fitting < 1 or capacity.gpus < gpus:
        raise NeurosweepError(
            f"a trial needs {each['CPU']:g} CPUs and {gpus:g} GPUs, the cluster has "
            f"{capacity.cpus:g} and {capacity.gpus:g}; lower resources.cpus_per_trial or "
            "resources.gpus_per_trial, or bring up larger workers"
        )
    wanted = fitting if resources.workers == "auto" else min(resources.workers, fitting)
    return wanted, each


def for_fine_tuning(experiment: Experiment, each: Mapping[str, float]) -> dict[str, float] | None:
    """What a worker for fine-tuning alone gets: all GPUs that were asked for, on one node.

    Args:
        experiment: What was asked for.
        each: What a trial of the search gets.

    Returns:
        None where fine-tuning takes no more than a trial: not more was asked for, no backbone takes
        part, or no node has as many.
    """
    import ray

    asked = experiment.resources.gpus_per_trial
    if (
        asked == "auto"
        or asked <= 1
        or experiment.transfer is None
        or not experiment.final.fine_tune
    ):
        return None
    nodes = (node["Resources"] for node in ray.nodes() if node["Alive"])
    enough = max((node.get("GPU", 0.0) for node in nodes), default=0.0) >= asked
    return {**each, "GPU": float(asked)} if enough else None


def _reach(address: str | None, cpus: int | None) -> None:
    import ray

    try:
        ray.init(**_options(address, cpus))
    except ConnectionError as error:
        raise NeurosweepError(
            f"no Ray cluster answers at --address {address}: {error}; start one with "
            "`ray up cluster.yaml`, or leave --address out to use this machine"
        ) from None
    except SystemExit:
        # While it starts, Ray answers SIGTERM with sys.exit(15).
        raise KeyboardInterrupt from None


def _capacity() -> Capacity:
    import ray
    from ray._private.state import state

    now = ray.cluster_resources()
    # A cluster whose workers come on demand has none before the first trial asks for them.
    reachable = state.get_max_resources_from_cluster_config() or {}

    def most(name: str) -> float:
        return float(max(now.get(name, 0.0), reachable.get(name, 0.0)))

    return Capacity(cpus=most("CPU"), gpus=most("GPU"))


def _import_path() -> str:
    root = str(Path(search.__file__).resolve().parents[1])
    others = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    return os.pathsep.join([root, *(part for part in others if part != root)])


def _options(address: str | None, cpus: int | None) -> dict[str, Any]:
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False, "configure_logging": True}
    if address is not None:
        return {**quiet, "address": address}
    return {
        **quiet,
        "address": "local",
        "num_cpus": cpus,
        "include_dashboard": False,
        "dashboard_host": "127.0.0.1",
    }
