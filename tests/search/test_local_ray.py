"""A Ray of this machine alone: what is started, and what is left out."""

import psutil
import pytest

from search.workers.cluster import connected
from search.workers.local_ray import lean_start


def commands_of_ray():
    return [" ".join(one.cmdline()) for one in psutil.Process().children(recursive=True)]


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Ray leaves sockets open at its end
def test_a_local_ray_does_without_the_parts_of_its_dashboard(tmp_path):
    with connected(None, tmp_path, cpus=1):
        raylet = next(text for text in commands_of_ray() if "/raylet " in text)
        assert "--minimal" in raylet.partition("dashboard/agent.py")[2]


def test_ray_is_as_it_was_after_the_start():
    from ray._private import utils as parts_of_ray

    before = parts_of_ray.get_dashboard_dependency_error
    with lean_start():
        assert parts_of_ray.get_dashboard_dependency_error() is not None
    assert parts_of_ray.get_dashboard_dependency_error is before
