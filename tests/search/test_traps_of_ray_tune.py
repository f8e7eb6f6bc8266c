"""What Ray Tune does, on the pinned version, where one would expect another thing.

Our search is built round each of these. A test that fails here after an upgrade names what to look
at again; none of them runs code of ours.
"""

import math
import os
import signal
import warnings
from pathlib import Path

import optuna
import pytest
import ray
from kills import LOCAL
from ray import tune
from ray.tune.schedulers import AsyncHyperBandScheduler
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

pytestmark = pytest.mark.timeout(280)


class Trial(tune.Trainable):
    """Ends with its first result, which says in which process it ran."""

    def setup(self, config):
        self._config = config

    def reset_config(self, new_config):
        self._config = new_config
        return not new_config.get("refuses")

    def step(self):
        return {"done": True, "pid": os.getpid(), "score": self._config.get("score", 1.0)}


class Given(Searcher):
    """Hands out what it was given, then FINISHED."""

    def __init__(self, *given):
        super().__init__(metric="score", mode="max")
        self.given = list(given)
        self.asked_after_the_end = 0
        self._over = False

    def suggest(self, trial_id):
        self.asked_after_the_end += self._over
        self._over = not self.given
        return self.given.pop(0) if self.given else Searcher.FINISHED

    def on_trial_complete(self, trial_id, result=None, error=False):
        pass

    def save(self, path):
        pass

    def restore(self, path):
        pass

    def __getstate__(self):
        return {}


class Heard(tune.Callback):
    """What callbacks are told: results and errors."""

    def __init__(self):
        self.results, self.errors = [], []

    def on_trial_result(self, *, result, **_):
        self.results.append(result)

    def on_trial_error(self, *, trial, **_):
        self.errors.append(Path(trial.error_file).read_text())

    def __getstate__(self):
        return {}


def sigterm_of_ours(*_):
    raise KeyboardInterrupt


@pytest.fixture(scope="module")
def handler_after_ray(tmp_path_factory):
    """Starts Ray; returns who answers SIGTERM from then on."""
    before = signal.signal(signal.SIGTERM, sigterm_of_ours)
    ray.init(**LOCAL)
    yield signal.getsignal(signal.SIGTERM)
    ray.shutdown()
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def fit(handler_after_ray, tmp_path, monkeypatch):
    monkeypatch.setenv("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    monkeypatch.setenv("RAY_AIR_NEW_OUTPUT", "0")

    def run(*given, callbacks=(), **settings):
        searcher, heard = Given(*given), Heard()
        tuner = tune.Tuner(
            # One place in all: the second trial can only get the first one's actor, or its place.
            tune.with_resources(Trial, {"CPU": LOCAL["num_cpus"]}),
            tune_config=tune.TuneConfig(search_alg=searcher, num_samples=-1, **settings),
            run_config=tune.RunConfig(
                name="traps",
                storage_path=str(tmp_path),
                callbacks=[heard, *callbacks],
                # Else a class without save_checkpoint fails at the end of each trial.
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                verbose=0,
            ),
        )
        return tuner.fit(), searcher, heard

    return run


def test_ray_takes_sigterm_for_itself(handler_after_ray):
    assert handler_after_ray is not sigterm_of_ours


def test_actors_are_kept_only_where_that_is_asked_for(fit):
    """And a searcher that said FINISHED is never asked again: a lost trial would be lost."""
    _, searcher, heard = fit({"number": 1}, {"number": 2}, reuse_actors=True)
    assert [len(heard.results), len({result["pid"] for result in heard.results})] == [2, 1]
    assert searcher.asked_after_the_end == 0
    _, _, heard = fit({"number": 1}, {"number": 2})
    assert len({result["pid"] for result in heard.results}) == 2


def test_a_trial_that_its_actor_refuses_is_aborted_unheard_and_gets_no_fresh_actor(fit):
    grid, _, heard = fit({"number": 1}, {"refuses": True}, reuse_actors=True)
    assert (grid.num_terminated, grid.num_errors) == (1, 1)
    assert (len(heard.results), heard.errors) == (1, [])


def test_an_exception_of_a_callback_is_taken_for_the_trials_own(fit):
    class Callback(tune.Callback):
        def on_trial_complete(self, **_):
            raise ValueError("the disk is full")

        def __getstate__(self):
            return {}

    grid, _, heard = fit({"number": 1}, callbacks=[Callback()])
    assert grid.num_errors == 1
    assert "the disk is full" in heard.errors[0]


def test_a_score_that_is_nan_is_no_failure(fit):
    grid, _, heard = fit({"score": math.nan})
    assert (grid.num_errors, math.isnan(heard.results[0]["score"])) == (0, True)


def test_asha_never_hears_of_a_trial_without_its_time_attribute():
    asha = AsyncHyperBandScheduler(metric="score", mode="max", time_attr="progress", max_t=9)
    assert asha.on_trial_result(None, None, {"score": 0.0}) == "CONTINUE"


def test_rays_own_optuna_adapter_leaves_a_nan_running_and_takes_a_stopped_trial_for_complete():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        space = {"x": optuna.distributions.FloatDistribution(0.0, 1.0)}
        adapter = OptunaSearch(space, metric="score", mode="max")
    for name, score in (("nan", math.nan), ("stopped", 0.5)):
        adapter.suggest(name)
        adapter.on_trial_result(name, {"score": score, "training_iteration": 1})
        adapter.on_trial_complete(name, {"score": score, "training_iteration": 1})
    states = [trial.state.name for trial in adapter._ot_study.trials]
    assert states == ["RUNNING", "COMPLETE"]
