"""What the pinned Ray's own OptunaSearch does wrong, and that ours does right.

The searcher is driven by hand, as Tune would drive it; no Ray is started. If one of the first
tests fails after an upgrade, Ray mended it.
"""

import pickle

import optuna
import pytest
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState
from ray.tune.search.optuna import OptunaSearch
from small_spaces import kinds

from search.studies.study import Study

SPACE = {"x": optuna.distributions.FloatDistribution(0.0, 1.0)}


def searcher(space=None, **options):
    return OptunaSearch(space or SPACE, metric="score", mode="max", seed=0, **options)


def result(step, score):
    return {"score": score, "training_iteration": step}


def trials(search):
    return search._ot_study.trials


def test_a_trial_that_the_scheduler_stopped_is_told_as_complete_with_its_truncated_score():
    search = searcher()
    search.suggest("a")
    search.on_trial_result("a", result(1, 0.3))
    search.on_trial_complete("a", result(2, 0.4))  # so Tune ends one that ASHA stopped
    (trial,) = trials(search)
    assert (trial.state, trial.value) == (TrialState.COMPLETE, 0.4)
    assert trial.intermediate_values == {1: 0.3}  # the stopping step is not among them


def test_a_crashed_trial_is_told_as_failed_from_which_tpe_learns_nothing():
    search = searcher()
    search.suggest("a")
    search.on_trial_complete("a", None, error=True)
    assert trials(search)[0].state is TrialState.FAIL


def test_a_nan_score_leaves_the_trial_running_for_ever():
    search = searcher()
    search.suggest("a")
    search.on_trial_complete("a", result(1, float("nan")))
    assert trials(search)[0].state is TrialState.RUNNING


def test_a_trial_that_tune_restarts_under_a_new_id_is_unknown():
    search = searcher()
    search.suggest("a")
    with pytest.raises(KeyError):
        search.on_trial_result("restarted", result(1, 0.5))


def test_a_result_after_a_resume_of_a_trial_that_ended_is_dropped():
    search = searcher()
    search.suggest("a")
    search.on_trial_complete("a", result(1, 0.5))
    search.on_trial_complete("a", result(9, 0.9))
    assert trials(search)[0].value == 0.5


def test_a_space_that_is_a_closure_cannot_be_saved(tmp_path):
    def closure(trial):
        trial.suggest_float("x", 0, 1)

    with pytest.raises((AttributeError, pickle.PicklingError)):
        searcher(closure).save(str(tmp_path / "state"))


def test_its_sampler_is_not_grouped():
    assert searcher()._ot_study.sampler._group is False


def test_its_pruner_is_the_one_that_never_prunes():
    assert isinstance(searcher()._ot_study.pruner, optuna.pruners.NopPruner)


def test_points_with_rewards_need_a_space_that_is_no_function():
    search = searcher(lambda _: None)
    with pytest.raises(TypeError, match="not yet supported"):
        search.add_evaluated_point({"x": 0.5}, 0.7)


def test_the_same_configuration_is_proposed_again_and_again():
    one = {"x": optuna.distributions.CategoricalDistribution(["only"])}
    search = OptunaSearch(one, metric="score", mode="max", seed=0, storage=InMemoryStorage())
    assert search.suggest("a") == search.suggest("b")


def test_ours_does_each_of_these_right(tmp_path):
    ours = Study(tmp_path / "j", kinds(), sampler="tpe", seed=0)
    for _ in range(3):
        ours.ask()
    ours.report(0, 1, 0.3)
    ours.report(0, 2, 0.4)
    ours.prune(0)
    ours.fail(1, "out of memory")
    ours.complete(2, [float("nan")])
    stopped, crashed, diverged = ours._journal.trials()
    assert stopped.state is TrialState.PRUNED
    assert stopped.intermediate_values == {1: 0.3, 2: 0.4}
    assert crashed.state is diverged.state is TrialState.FAIL
    assert [known.standing.tier.name for known in ours._sampler._by_number] == [
        "PRUNED",
        "FAILED",
        "FAILED",
    ]
