"""A trial's share of memory, whatever says how much there is."""

import os

import psutil
import pytest

from search.experiment import Resources
from search.workers.limits import Limits
from search.workers.memory import machine_memory, memory_share, private_memory, readable

GIB = 2**30
TOTAL = psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("node", "resources", "workers", "trials"),
    [
        ({"CPU": 4.0}, {"CPU": 1.0, "GPU": 0.0}, 99, 4),
        ({"CPU": 4.0}, {"CPU": 1.0, "GPU": 0.0}, 2, 2),
        ({"CPU": 16.0, "GPU": 1.0}, {"CPU": 2.0, "GPU": 1.0}, 99, 1),
        ({"CPU": 16.0, "GPU": 1.0}, {"CPU": 1.0, "GPU": 1 / 3}, 99, 3),
        ({"CPU": 5.0}, {"CPU": 2.0, "GPU": 0.0}, 99, 2),
        ({}, {"CPU": 1.0, "GPU": 0.0}, 4, 1),
        ({"CPU": 4.0}, {}, 3, 3),
    ],
)
def test_the_share_is_the_nodes_memory_over_the_trials_at_once_there(
    node, resources, workers, trials
):
    assert memory_share(12 * GIB, node, resources, workers) == 12 * GIB // trials


def test_without_a_control_group_the_machine_counts(tmp_path):
    assert machine_memory(cgroups=tmp_path, own=tmp_path / "none") == TOTAL


def groups(tmp_path, line, **limits):
    for path, limit in limits.items():
        file = tmp_path / path.replace("__", "/").replace("_max", ".max")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{limit}\n")
    (tmp_path / "own").write_text(line)
    return machine_memory(cgroups=tmp_path, own=tmp_path / "own")


def test_the_tightest_control_group_above_counts(tmp_path):
    limits = {"memory_max": "max", "a__memory_max": GIB, "a__b__memory_max": 2 * GIB}
    assert groups(tmp_path, "0::/a/b\n", **limits) == GIB


def test_a_group_that_is_not_visible_inside_a_container_is_that_of_the_container(tmp_path):
    assert groups(tmp_path, "0::/../host/name\n", memory_max=GIB) == GIB


def test_control_groups_of_version_one_count_too(tmp_path):
    folder = tmp_path / "memory" / "docker" / "x"
    folder.mkdir(parents=True)
    (folder / "memory.limit_in_bytes").write_text(str(GIB))
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text(str(2**63 - 4096))
    lines = "5:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n"
    assert groups(tmp_path, lines) == GIB


def test_a_process_has_memory_of_its_own():
    before = private_memory(psutil.Process(os.getpid()))
    held = bytearray(os.urandom(2**20)) * 64
    assert private_memory(psutil.Process(os.getpid())) - before > 0.9 * len(held)


def test_sizes_are_readable():
    assert (readable(6 * GIB + GIB // 2), readable(300 * 2**20)) == ("6.5 GiB", "300 MiB")


def test_limits_are_what_the_experiment_asks_for():
    asked = Resources(memory_per_trial="1.5GiB", epoch_limit="20m")
    limits = Limits.of(asked)
    assert (limits.memory, limits.epoch) == (3 * GIB // 2, 1200.0)
    assert limits.memory_mark is not None
    assert limits.memory_mark < limits.memory
    assert limits.patient().memory is None
    assert Limits.of(Resources(epoch_limit=None)) == Limits(epoch=3600.0, memory=None)


@pytest.mark.parametrize("settings", [{"memory_per_trial": "1MiB"}, {"epoch_limit": "0s"}])
def test_limits_that_cannot_be_are_refused(settings):
    with pytest.raises(ValueError, match="at least 256MiB|a duration is positive"):
        Resources(**settings)
