"""Reaching Ray: a local one started for this run, or a cluster that is up already."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import search
from neurosweep.errors import CodeMismatchError, NeurosweepError
from search.experiment import Experiment, Resources
from search.workers.growth import autoscaler_file, read_growth
from search.workers.joining import kept_nodes, wait_for_nodes
from search.workers.local_ray import lean_start, local_options
from search.workers.nodes import Node, gcs_port, live_nodes, on_node
from search.workers.room import Capacity, Growth, Room
from search.workers.stated_growth import MAY_GROW, read_stated_growth

__all__ = ["Capacity", "connected", "for_fine_tuning", "plan_workers"]

_ANSWER_LIMIT = 60.0  # seconds for the head to say what its autoscaler's file says


@contextlib.contextmanager
def connected(
    address: str | None,
    folder: Path,
    *,
    cpus: int | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> Iterator[Capacity]:
    """Connects to Ray for the length of the block.

    Ray puts the driver's folder first on every worker's import path, so this changes into
    `folder` before it starts: a user's own `reports/` must not hide ours.

    Args:
        address: `auto` or an address of a running cluster; None starts a local Ray.
        folder: The run directory.
        cpus: CPUs of a local Ray; None for those of this machine.
        note: Tells a person, of nodes that are waited for.

    Raises:
        NeurosweepError: if no cluster answers at the address.
        CodeMismatchError: if it has another Python or Ray.
        UserError: if what the environment says of the cluster's growth is nonsense.
    """
    stated = None if address is None else _stated()
    before = Path.cwd()
    os.chdir(folder)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["PYTHONPATH"] = _import_path()  # a local Ray passes it on to its workers
    try:
        _reach(address, cpus)
        yield _capacity(note, stated)
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
    fitting = capacity.places(each["CPU"], each["GPU"])
    if fitting < 1 or capacity.gpus < gpus:
        raise NeurosweepError(
            f"a trial needs {each['CPU']:g} CPUs and {gpus:g} GPUs on one node, the cluster "
            f"has {capacity.cpus:g} and {capacity.gpus:g} in all; lower resources.cpus_per_trial "
            f"or resources.gpus_per_trial, or bring up larger workers{_but(capacity.doubt)}"
        )
    wanted = fitting if resources.workers == "auto" else min(resources.workers, fitting)
    return wanted, each


def for_fine_tuning(
    experiment: Experiment, each: Mapping[str, float], capacity: Capacity
) -> dict[str, float] | None:
    """What a worker for fine-tuning alone gets: all GPUs that were asked for, on one node.

    Args:
        experiment: What was asked for.
        each: What a trial of the search gets.
        capacity: What may yet come; of what is there, Ray is asked again.

    Returns:
        None where fine-tuning takes no more than a trial: not more was asked for, no backbone takes
        part, or no node has as many, nor one that may come.
    """
    asked = experiment.resources.gpus_per_trial
    if (
        asked == "auto"
        or asked <= 1
        or experiment.transfer is None
        or not experiment.final.fine_tune
    ):
        return None
    rooms = [Room(cpus=node.cpus, gpus=node.gpus) for node in live_nodes()]
    if capacity.growth is not None:
        rooms += capacity.growth.kinds
    enough = any(room.trials(each["CPU"], asked) for room in rooms)
    return {**each, "GPU": float(asked)} if enough else None


def _reach(address: str | None, cpus: int | None) -> None:
    import ray

    quiet = {"logging_level": logging.ERROR, "log_to_driver": False, "configure_logging": True}
    try:
        if address is None:
            with lean_start():
                ray.init(**quiet, **local_options(cpus))
        else:
            ray.init(**quiet, address=address)
    except ConnectionError as error:
        raise NeurosweepError(
            f"no Ray cluster answers at --address {address}: {error}; start one with "
            "`ray up cluster.yaml`, or leave --address out to use this machine"
        ) from None
    except RuntimeError as error:
        if "Version mismatch" not in str(error):
            raise
        told = " ".join(str(error).split())
        raise CodeMismatchError(
            f"driver and cluster must have the same Python and the same Ray; Ray says: {told}. Run "
            "the driver on the cluster's head, or install what the head has"
        ) from None
    except SystemExit:
        # While it starts, Ray answers SIGTERM with sys.exit(15).
        raise KeyboardInterrupt from None


def _stated() -> Growth | None:
    """What this driver's environment says that may come: where it does, no file is looked for."""
    text = os.environ.get(MAY_GROW, "")
    return read_stated_growth(text) if text else None


def _capacity(note: Callable[[str], None], stated: Growth | None = None) -> Capacity:
    head = next((node for node in live_nodes() if node.is_head), None)
    growth, doubt = stated, ""
    try:
        text = None if head is None or stated else _autoscaler_file(head)
        if text is not None:
            wait_for_nodes(kept_nodes(text), lambda: len(live_nodes()), note)
            growth = read_growth(text)
    except (OSError, ValueError) as error:
        doubt = f"what its autoscaler may bring is not known: {error}"
    now = [Room(cpus=node.cpus, gpus=node.gpus) for node in live_nodes()]
    room = None if head is None else Room(cpus=head.cpus, gpus=head.gpus)
    return Capacity.of(now, head=room, growth=growth, doubt=doubt)


def _autoscaler_file(head: Node) -> str | None:
    """What a cluster keeps and may bring; None where nothing is kept and nothing comes."""
    import ray

    port = gcs_port()
    if head.is_here:
        return autoscaler_file(port)
    try:
        asked = on_node(head, autoscaler_file).remote(port)
        text: str | None = ray.get(asked, timeout=_ANSWER_LIMIT)
    except ray.exceptions.RayError as error:
        raise ValueError(f"the head does not say: {str(error).splitlines()[-1]}") from None
    return text


def _but(doubt: str) -> str:
    return f". It may be able to grow, but {doubt}" if doubt else ""


def _import_path() -> str:
    root = str(Path(search.__file__).resolve().parents[1])
    others = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    return os.pathsep.join([root, *(part for part in others if part != root)])
