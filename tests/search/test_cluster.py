import os
import signal
import sys
from pathlib import Path

import pytest

from neurosweep.errors import CodeMismatchError, NeurosweepError, UserError
from search.experiment import Resources
from search.experiment_file import parse_experiment
from search.workers import cluster
from search.workers.cluster import Capacity, connected, for_fine_tuning, plan_workers
from search.workers.nodes import Node
from search.workers.room import Growth, Room


@pytest.mark.parametrize(
    ("resources", "capacity", "workers", "each"),
    [
        ({}, (2, 0), 2, {"CPU": 1.0, "GPU": 0.0}),
        ({"cpus_per_trial": 2}, (5, 0), 2, {"CPU": 2.0, "GPU": 0.0}),
        ({"workers": 1}, (8, 0), 1, {"CPU": 1.0, "GPU": 0.0}),
        ({"workers": 99}, (4, 0), 4, {"CPU": 1.0, "GPU": 0.0}),
        ({"cpus_per_trial": 4}, (32, 4), 4, {"CPU": 4.0, "GPU": 1.0}),
        ({"gpus_per_trial": 0.25}, (32, 2), 8, {"CPU": 1.0, "GPU": 0.25}),
        ({"gpus_per_trial": 0}, (4, 1), 4, {"CPU": 1.0, "GPU": 0.0}),
        ({"gpus_per_trial": 1 / 3}, (16, 1), 3, {"CPU": 1.0, "GPU": 1 / 3}),
        ({"gpus_per_trial": 2}, (16, 4), 4, {"CPU": 1.0, "GPU": 1.0}),
    ],
)
def test_workers_fill_what_is_scarce(resources, capacity, workers, each):
    cpus, gpus = capacity
    planned = plan_workers(Resources(**resources), Capacity(cpus=cpus, gpus=gpus))
    assert planned == (workers, each)


def test_a_trial_that_fits_nowhere_is_told_before_it_waits_for_ever():
    with pytest.raises(
        NeurosweepError, match="1 CPUs and 2 GPUs on one node, the cluster has 8 and 1"
    ):
        plan_workers(Resources(gpus_per_trial=2), Capacity(cpus=8, gpus=1))


EACH = {"CPU": 2.0, "GPU": 1.0}


def node_with(gpus):
    return Node(id="a", hostname="x", address="10.0.0.1", cpus=4.0, gpus=float(gpus))


BACKBONES = "families: {transfer: {}}\nresources: {gpus_per_trial: 2}"


@pytest.mark.parametrize(
    ("text", "nodes", "gpus"),
    [
        (BACKBONES, (1, 2), 2.0),
        (BACKBONES, (1, 1), None),
        (BACKBONES, (), None),
        (BACKBONES.replace("2}", "0.5}"), (1, 2), None),
        (BACKBONES.replace("2}", "auto}"), (1, 2), None),
        (BACKBONES.replace("transfer", "mini_vgg"), (1, 2), None),
        (BACKBONES + "\nfinal: {fine_tune: false}", (1, 2), None),
    ],
)
def test_fine_tuning_has_the_gpus_that_it_can_use_if_a_node_has_them(
    monkeypatch, text, nodes, gpus
):
    was = Capacity.of([Room(cpus=32, gpus=8)])  # a node that is gone by now
    monkeypatch.setattr(cluster, "live_nodes", lambda: [node_with(gpus) for gpus in nodes])
    own = for_fine_tuning(parse_experiment(text, source="given"), EACH, was)
    assert own == (None if gpus is None else {"CPU": 2.0, "GPU": gpus})


@pytest.mark.parametrize(("cpus", "gpus", "enough"), [(8, 2, True), (8, 1, False), (1, 2, False)])
def test_fine_tuning_has_the_gpus_of_a_node_that_may_yet_come(monkeypatch, cpus, gpus, enough):
    growth = Growth(kinds=[Room(cpus=4), Room(cpus=cpus, gpus=gpus)], most=2)
    capacity = Capacity.of([Room(cpus=4)], growth=growth)
    monkeypatch.setattr(cluster, "live_nodes", lambda: [node_with(1)])
    own = for_fine_tuning(parse_experiment(BACKBONES, source="given"), EACH, capacity)
    assert own == ({"CPU": 2.0, "GPU": 2.0} if enough else None)


def test_a_sigterm_while_ray_starts_is_an_interrupt(tmp_path, monkeypatch):
    import ray

    before = Path.cwd()
    monkeypatch.setenv("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    # What Ray's own handler does, which stands from the first line of ray.init.
    monkeypatch.setattr(ray, "init", lambda **_: sys.exit(signal.SIGTERM))
    with pytest.raises(KeyboardInterrupt), connected(None, tmp_path):
        pass
    assert Path.cwd() == before


def test_a_cluster_of_another_python_is_refused_with_both(tmp_path, monkeypatch):
    import ray
    from ray._private.utils import check_version_info

    def init(**_):
        """What ray.init does where it reaches a cluster of another Python."""
        check_version_info({"ray_version": ray.__version__, "python_version": "3.11.0"}, "node x")

    monkeypatch.setenv("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setattr(ray, "init", init)
    with (
        pytest.raises(CodeMismatchError, match=r"Python: 3\.11\.0 This process on") as raised,
        connected("auto", tmp_path),
    ):
        pass
    assert raised.value.exit_code == 1
    assert "Run the driver on the cluster's head" in str(raised.value)


@pytest.mark.parametrize(
    ("text", "cpus", "doubt"),
    [
        (None, 4, ""),
        (
            "nonsense: [",
            4,
            "what its autoscaler may bring is not known: its file is no cluster file",
        ),
        (
            "{max_workers: 3, head_node_type: h, available_node_types: "
            "{h: {}, w: {resources: {CPU: 8}}}}",
            26,
            "",
        ),
    ],
)
def test_what_the_autoscalers_file_says_counts_and_what_is_wrong_with_it_is_told(
    monkeypatch, text, cpus, doubt
):
    common = {"hostname": "x", "address": "10.0.0.1", "gpus": 0}
    head = Node(id="a", cpus=2, is_head=True, is_here=True, **common)
    monkeypatch.setattr(cluster, "live_nodes", lambda: [head, Node(id="b", cpus=2, **common)])
    monkeypatch.setattr(cluster, "gcs_port", lambda: "6379")
    monkeypatch.setattr(cluster, "autoscaler_file", lambda _: text)
    capacity = cluster._capacity(lambda _: None)
    assert capacity.cpus == cpus
    assert capacity.doubt.startswith(doubt)
    assert bool(capacity.doubt) == bool(doubt)


HEAD = Node(id="a", hostname="x", address="10.0.0.1", cpus=0, gpus=0, is_head=True, is_here=True)


@pytest.fixture
def head_alone(monkeypatch, tmp_path):
    """A cluster that has no worker yet, and whose autoscaler is not to be seen from here."""
    import ray

    monkeypatch.setenv("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setattr(ray, "init", lambda **_: None)
    monkeypatch.setattr(cluster, "live_nodes", lambda: [HEAD])
    monkeypatch.setattr(cluster, "gcs_port", lambda: "6379")
    monkeypatch.setattr(cluster, "autoscaler_file", lambda _: None)
    return tmp_path


@pytest.mark.parametrize(
    ("said", "workers", "gpus"),
    [
        ("[{CPU: 8, GPU: 1, nodes: 8}]", 8, 1.0),
        ('[{"CPU": 8, "nodes": 3}]', 6, 0.0),
        ("[{CPU: 4, GPU: 1, nodes: 2}, {CPU: 16, GPU: 2, nodes: 1}]", 4, 1.0),
    ],
)
def test_what_the_environment_says_that_may_come_counts_before_a_worker_is_there(
    head_alone, monkeypatch, said, workers, gpus
):
    monkeypatch.setenv("NEUROSWEEP_MAY_GROW", said)
    with connected("auto", head_alone) as capacity:
        planned = plan_workers(Resources(cpus_per_trial=4), capacity)
    assert planned == (workers, {"CPU": 4.0, "GPU": gpus})


def test_without_it_a_head_alone_has_no_room_and_a_local_ray_does_not_look_at_it(
    head_alone, monkeypatch
):
    with connected("auto", head_alone) as capacity:
        assert capacity.growth is None
    monkeypatch.setenv("NEUROSWEEP_MAY_GROW", "nonsense")
    with connected(None, head_alone) as capacity:
        assert capacity.growth is None


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("eight", "it is no list"),
        ("[]", "it is no list"),
        ("[8]", "each kind has CPU and nodes"),
        ("[{CPU: 8}]", "each kind has CPU and nodes"),
        ("[{CPU: 8, nodes: 1, GPUs: 1}]", "no other key"),
        ("[{CPU: many, nodes: 1}]", "CPU is a number"),
        ("[{CPU: true, nodes: 1}]", "CPU is a number"),
        ("[{CPU: .nan, nodes: 1}]", "CPU is a number from 0"),
        ("[{CPU: 8, nodes: 1.5}]", "nodes is a whole number"),
        ("[{CPU: 8, nodes: 0}]", "nodes is a whole number"),
        ("[{CPU: 0, nodes: 1}]", "CPU is more than 0"),
        ("[{CPU: 8, GPU: -1, nodes: 1}]", "GPU is a number from 0"),
        (f"[{{CPU: 8, nodes: {'9' * 400}}}]", "nodes is a number from 0"),
        ("[{CPU: 8, nodes: !!python/object/apply:os.getpid []}]", "could not determine"),
        ("[" * 9_000, "recursion"),
        ("# " * 9_000, "more than 10000 characters"),
        ("[{CPU: 8", "while parsing"),
    ],
)
def test_nonsense_in_the_environment_is_told_before_the_cluster_is_reached(
    monkeypatch, tmp_path, said, why
):
    monkeypatch.setenv("NEUROSWEEP_MAY_GROW", said)
    told = f"NEUROSWEEP_MAY_GROW lists .*{why}"
    with pytest.raises(UserError, match=told) as raised, connected("auto", tmp_path):
        pass
    assert len(str(raised.value)) < 500
