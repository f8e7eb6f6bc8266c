"""How trials are placed on GPUs that exist for Ray's scheduler alone."""

import json
import time

import pytest
import ray
from kills import RAY, Meanwhile, Trials, wait_until

from search.experiment import Resources
from search.stages.context import StageWorkers
from search.studies.study import trial_seed
from search.workers.cluster import Capacity, plan_workers
from trainables import Runtime

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module", autouse=True)
def one_gpu():
    # A variable named here would win over the one that Ray sets for an actor.
    environment = {"PYTHONPATH": RAY["runtime_env"]["env_vars"]["PYTHONPATH"]}
    ray.init(
        **{**RAY, "runtime_env": {"env_vars": environment}},
        num_cpus=4,
        num_gpus=1,
        include_dashboard=False,
        address="local",
    )
    yield
    ray.shutdown()


def test_four_trials_on_halves_of_a_gpu_run_two_at_a_time_each_with_its_half(tmp_path):
    planned = plan_workers(Resources(gpus_per_trial=0.5), Capacity(cpus=4, gpus=1))
    workers, resources = planned
    trials = Trials(tmp_path, 4)
    begun = []

    def count():
        wait_until(lambda: trials.begun(0) and trials.begun(1))
        time.sleep(2.0)  # a third would begin now, for there are CPUs for it
        begun.extend(bool(trials.begun(number)) for number in range(4))
        trials.let_all_go()

    with Meanwhile(count, at_last=trials.let_all_go):
        trials.search(workers=workers, resources=resources)
    assert begun == [True, True, False, False]
    assert trials.names() == ["t0000", "t0001", "t0002", "t0003"]
    seen = [tmp_path / f"{trial_seed(0, number)}.gpus" for number in range(4)]
    assert [json.loads(path.read_text()) for path in seen] == [["0", 0.5]] * 4


@pytest.mark.parametrize(("gpus", "named"), [(0.0, ""), (0.25, "0"), (1.0, "0")])
def test_the_worker_of_a_stage_has_the_gpus_of_a_trial(gpus, named):
    with StageWorkers(Runtime(threads=1), {"CPU": 1.0, "GPU": gpus}, tasks="child_tasks") as worker:
        assert worker.run("run", {"action": "seen"}) == (named, gpus)


def test_a_worker_that_asks_for_more_than_there_is_gets_no_place():
    with StageWorkers(Runtime(threads=1), {"CPU": 1.0, "GPU": 2.0}, tasks="child_tasks") as worker:
        assert not worker.ready(2.0)
