"""How many trials fit: on nodes, not on sums; now, and when all have come that may."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from neurosweep.errors import NeurosweepError
from search.experiment import Resources
from search.workers.cluster import plan_workers
from search.workers.growth import autoscaler_file, read_growth
from search.workers.room import Capacity, Growth, Room

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("room", "cpus", "gpus", "trials"),
    [
        (Room(cpus=8), 1, 0, 8),
        (Room(cpus=3), 2, 0, 1),
        (Room(cpus=8, gpus=1), 1, 1, 1),
        (Room(cpus=8, gpus=1), 2, 0.25, 4),
        (Room(cpus=8, gpus=1), 1, 1 / 3, 3),
        (Room(cpus=8, gpus=2), 1, 0.6, 2),  # one on each: none is on both
        (Room(cpus=2, gpus=4), 1, 1, 2),
        (Room(cpus=8), 1, 1, 0),
    ],
)
def test_trials_of_one_node(room, cpus, gpus, trials):
    assert room.trials(cpus, gpus) == trials


def test_what_two_nodes_have_left_over_holds_no_trial():
    capacity = Capacity.of([Room(cpus=3), Room(cpus=3)])
    assert (capacity.cpus, capacity.places(2, 0)) == (6, 2)
    with pytest.raises(NeurosweepError, match="needs 4 CPUs and 0 GPUs on one node"):
        plan_workers(Resources(cpus_per_trial=4), capacity)


def grown(head=0.0, **kinds):
    """A cluster that has only its head yet."""
    growth = Growth(kinds=list(kinds.values()), most=8)
    room = Room(cpus=head)
    return Capacity.of([room], head=room, growth=growth)


def test_a_cluster_without_a_worker_has_the_room_it_can_grow_to():
    capacity = grown(one=Room(cpus=4, gpus=1, nodes=8))
    assert capacity.to_dict() == {"cpus": 32, "gpus": 8}
    assert plan_workers(Resources(), capacity) == (8, {"CPU": 1.0, "GPU": 1.0})
    assert plan_workers(Resources(gpus_per_trial=0), capacity)[0] == 32
    assert plan_workers(Resources(workers=3), capacity)[0] == 3


def test_the_limit_of_all_nodes_together_holds_for_kinds_with_limits_of_their_own():
    capacity = grown(spot=Room(cpus=4, nodes=6), on_demand=Room(cpus=2, nodes=6))
    assert capacity.cpus == 6 * 4 + 2 * 2
    assert capacity.places(1, 0) == 28
    assert capacity.places(4, 0) == 6  # none on the smaller kind
    assert capacity.places(2, 0) == 14


def test_gpus_are_counted_where_the_nodes_that_have_them_are_few():
    capacity = grown(cpu=Room(cpus=16, nodes=8), gpu=Room(cpus=8, gpus=1, nodes=2))
    assert (capacity.cpus, capacity.gpus) == (128, 2)
    assert plan_workers(Resources(), capacity) == (2, {"CPU": 1.0, "GPU": 1.0})


def test_the_room_of_a_head_that_runs_trials_comes_on_top():
    assert grown(head=2.0, one=Room(cpus=1, nodes=8)).places(1, 0) == 10


def test_nodes_that_are_there_count_where_they_are_more_than_the_file_knows():
    there = [Room(cpus=0), Room(cpus=64)]
    growth = Growth(kinds=[Room(cpus=1, nodes=4)], most=4)
    assert Capacity.of(there, head=there[0], growth=growth).places(1, 0) == 64


def test_why_a_cluster_cannot_be_counted_is_said_where_nothing_fits():
    capacity = Capacity.of([Room(cpus=0)], doubt="its file is gone")
    with pytest.raises(NeurosweepError, match="It may be able to grow, but its file is gone"):
        plan_workers(Resources(), capacity)


def test_our_own_cluster_file_says_what_may_come():
    growth = read_growth((ROOT / "cluster.yaml").read_text())
    assert growth is not None
    assert growth.most == 8
    assert [room.nodes for room in growth.kinds] == [8, 8, 4]
    assert {(room.cpus, room.gpus) for room in growth.kinds} == {(8, 1)}


def file(**changes):
    kinds = {
        "head": {"resources": {"CPU": 4}},
        "spot": {"resources": {"CPU": 8}, "max_workers": 20},
        "unknown": {"resources": {}},
        "never": {"resources": {"CPU": 8}, "max_workers": 0},
        "unlimited": {"resources": {"CPU": 2, "GPU": 1}},
    }
    said = {"max_workers": 5, "head_node_type": "head", "available_node_types": kinds}
    return yaml.safe_dump({**said, **changes})


def test_kinds_that_cannot_come_or_have_no_known_size_are_left_out():
    growth = read_growth(file())
    assert growth == Growth(kinds=[Room(cpus=8, nodes=5), Room(cpus=2, gpus=1, nodes=5)], most=5)
    assert read_growth(file(max_workers=0)) is None


@pytest.mark.parametrize(
    "text",
    ["", "a: [", "3", file(max_workers=None), file(available_node_types=3), "max_workers: 3"],
)
def test_what_is_no_cluster_file_is_refused(text):
    with pytest.raises(ValueError, match="its file is no cluster file"):
        read_growth(text)


@pytest.fixture
def autoscaler(tmp_path):
    """A process that looks like the autoscaler of the cluster at port 4711."""
    script = tmp_path / "monitor.py"
    script.write_text("import sys\nsys.stdin.read()\n")
    (tmp_path / "cluster.json").write_text("what may come")
    words = ["--gcs-address=10.0.0.1:4711", f"--autoscaling-config={tmp_path / 'cluster.json'}"]
    process = subprocess.Popen([sys.executable, str(script), *words], stdin=subprocess.PIPE)
    yield process
    process.communicate(b"")


def test_the_autoscaler_is_that_of_the_cluster_and_names_its_file(autoscaler):
    assert autoscaler_file("4711") == "what may come"
    assert autoscaler_file("711") is None
    assert autoscaler_file("4712") is None
