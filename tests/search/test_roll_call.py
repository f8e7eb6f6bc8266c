"""A real cluster whose nodes have installations of their own: they are compared before a trial."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import ray
from ray.cluster_utils import Cluster

from neurosweep.errors import CodeMismatchError
from search.workers import roll_call
from search.workers.code_hash import code_hash
from search.workers.nodes import live_nodes
from search.workers.roll_call import RollCall

pytestmark = pytest.mark.timeout(240)

ROOT = Path(__file__).parents[2]
PACKAGES = ("neurosweep", "reports", "scans", "search", "spaces", "trainables")


@pytest.fixture(scope="module")
def cluster():
    """A head without a place for trials, where the driver is, and a node like it."""
    nodes = Cluster()
    nodes.add_node(num_cpus=0, include_dashboard=False)
    nodes.add_node(num_cpus=1, env_vars={"PYTHONPATH": str(ROOT)})
    yield nodes
    nodes.shutdown()


@pytest.fixture
def connected(cluster, tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path / "run")  # Ray puts the driver's folder first on workers' paths
    ray.init(address=cluster.address, log_to_driver=False)
    yield cluster
    ray.shutdown()


@pytest.fixture
def another(connected):
    """Adds a node with that import path, and takes it away again."""
    added = []

    def add(path):
        added.append(connected.add_node(num_cpus=2, env_vars={"PYTHONPATH": str(path)}))

    yield add
    for node in added:
        connected.remove_node(node)


class Told:
    def __init__(self):
        self.notes, self.nodes = [], []

    def roll_call(self, **settings):
        return RollCall(self.notes.append, self.nodes.append, **settings)


@pytest.fixture
def told():
    return Told()


def test_a_node_like_the_driver_is_written_down_and_the_head_is_left_alone(connected, told):
    told.roll_call().begin()
    assert told.notes == []
    ((node,),) = told.nodes
    assert node["cpus"] == 1
    assert node["python"] == "{}.{}.{}".format(*sys.version_info)
    assert abs(node["clock_offset"]) < 30
    assert sorted(node.cpus for node in live_nodes()) == [0, 1]


def test_a_node_with_other_code_ends_the_run_before_it_begins(another, told, tmp_path):
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / "theirs" / package)
    (tmp_path / "theirs" / "trainables" / "more.py").touch()
    another(tmp_path / "theirs")
    with pytest.raises(CodeMismatchError) as raised:
        told.roll_call().begin()
    code_hash.cache_clear()
    theirs = code_hash(tmp_path / "theirs")
    code_hash.cache_clear()
    assert f"has the hash {code_hash()}, that of the worker on " in str(raised.value)
    assert f"has {theirs}. Install" in str(raised.value)
    assert len(told.nodes[-1]) == 2  # both answered


def test_a_node_whose_own_packages_hide_ours_is_refused(another, told, tmp_path):
    (tmp_path / "theirs" / "search").mkdir(parents=True)
    (tmp_path / "theirs" / "search" / "__init__.py").write_text("found = 'elsewhere'\n")
    another(tmp_path / "theirs")
    with pytest.raises(CodeMismatchError, match="cannot import neurosweep: ModuleNotFoundError"):
        told.roll_call().begin()


def test_a_clock_an_hour_off_is_told_and_the_run_goes_on(connected, told, monkeypatch):
    # The node's clock cannot be set: it is the driver's that is an hour behind here.
    behind = SimpleNamespace(time=lambda: time.time() - 3600, monotonic=time.monotonic)
    monkeypatch.setattr(roll_call, "time", behind)
    told.roll_call().begin()
    (note,) = told.notes
    assert "s ahead of this machine's" in note
    assert abs(told.nodes[-1][0]["clock_offset"] - 3600) < 30


def test_a_node_that_does_not_answer_is_told_and_the_run_goes_on(connected, told):
    began = time.monotonic()
    told.roll_call(limit=0.0).begin()
    assert time.monotonic() - began < 20
    assert ["did not answer within 0 s" in note for note in told.notes] == [True]
    assert told.nodes == []


def test_a_node_that_comes_later_is_asked_once(another, told):
    roll = told.roll_call(every=0.1)
    roll.begin()
    another(ROOT)
    end = time.monotonic() + 60
    while len(told.nodes) < 2 and time.monotonic() < end:
        time.sleep(0.15)
        roll.look()
    assert [node["cpus"] for node in told.nodes[-1]] == [1, 2]
    for _ in range(5):
        time.sleep(0.15)
        roll.look()
    assert len(told.nodes) == 2


DRIVER = """
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[3])  # as an installed command finds our packages
from search.workers.cluster import connected


def look():
    import sys
    import reports, search
    return sys.path, reports.__file__, search.__file__


with connected(sys.argv[1], Path(sys.argv[2])):
    import ray
    print(*ray.get(ray.remote(num_cpus=1)(look).remote()), sep="\\n")
"""


def test_nothing_of_the_folder_the_driver_starts_in_reaches_the_workers(cluster, tmp_path):
    theirs, run, command = (tmp_path / name for name in ("theirs", "run", "bin"))
    for package in ("reports", "search"):
        (theirs / package).mkdir(parents=True)
        (theirs / package / "__init__.py").write_text("raise ImportError('not ours')\n")
    run.mkdir()
    command.mkdir()
    (command / "neurosweep").write_text(DRIVER)
    words = [str(command / "neurosweep"), cluster.address, str(run), str(ROOT)]
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, *words], cwd=theirs, env=clean, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    paths, of_reports, of_search = done.stdout.splitlines()[-3:]
    assert str(theirs) not in paths
    assert of_reports == str(ROOT / "reports" / "__init__.py")
    assert of_search == str(ROOT / "search" / "__init__.py")
