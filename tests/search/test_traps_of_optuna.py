"""What the pinned Optuna does that our study was built around: each goes with a reason of ours.

If one of these fails after an upgrade, the trap is gone, and what guards against it may go too.
"""

import json
import time
import warnings

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from optuna.trial import TrialState, create_trial
from small_spaces import kinds

import spaces
from search.studies.study import Study

optuna.logging.set_verbosity(optuna.logging.WARNING)


def opened(path):
    return JournalStorage(JournalFileBackend(str(path)))


def conditional(sampler, trials=15):
    study = optuna.create_study(sampler=sampler)
    for _ in range(trials):
        trial = study.ask()
        spaces.suggest(trial, kinds())
        study.tell(trial, 0.0)
    return study


def test_without_groups_the_joint_model_of_a_conditional_space_shrinks_to_what_is_common():
    sampler = optuna.samplers.TPESampler(multivariate=True, seed=0)
    study = conditional(sampler)
    assert set(sampler.infer_relative_search_space(study, study.trials[-1])) == {"kind", "common"}


def test_the_option_group_warns_at_each_construction():
    for _ in range(2):
        with pytest.warns(optuna.exceptions.ExperimentalWarning, match="group"):
            optuna.samplers.TPESampler(multivariate=True, group=True)


def test_ours_models_every_group_without_a_warning(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        study = Study(tmp_path / "j", kinds(), sampler="tpe", seed=0)
        for number in range(15):
            study.ask()
            study.complete(number, [0.0])
    shown = [group._study.trials[0].params.keys() for group in study._sampler._studies[:1]]
    assert shown == [{"kind", "common"}]
    assert len(study._sampler._studies) == 5


def test_tpe_learns_nothing_from_trials_that_failed():
    # Whether they failed or not: the same seed gives the same suggestion.
    suggested = []
    for failures in (0, 30):
        sampler = optuna.samplers.TPESampler(multivariate=True, seed=0, n_startup_trials=0)
        study = optuna.create_study(sampler=sampler)
        distribution = {"x": optuna.distributions.FloatDistribution(0, 1)}
        study.add_trial(create_trial(value=0.0, params={"x": 0.5}, distributions=distribution))
        for _ in range(failures):
            study.add_trial(
                create_trial(state=TrialState.FAIL, params={"x": 0.9}, distributions=distribution)
            )
        suggested.append(study.ask(distribution).params)
    assert suggested[0] == suggested[1]


def test_a_nan_is_refused_and_the_trial_keeps_running():
    study = optuna.create_study()
    trial = study.ask()
    with pytest.raises(ValueError, match="nan is not acceptable"):
        study.tell(trial, float("nan"), TrialState.COMPLETE)
    assert study.trials[0].state is TrialState.RUNNING


def test_several_objectives_have_no_intermediate_values():
    study = optuna.create_study(directions=["maximize", "minimize"])
    with pytest.raises(NotImplementedError):
        study.ask().report(0.5, 1)


def test_a_step_reported_twice_is_ignored_with_a_warning():
    trial = optuna.create_study().ask()
    trial.report(0.5, 1)
    with pytest.warns(UserWarning, match="already reported"):
        trial.report(0.6, 1)


def test_a_torn_journal_loads_once_and_after_a_line_more_never_again(tmp_path):
    journal = tmp_path / "j"
    optuna.create_study(storage=opened(journal), study_name="search").ask()
    journal.write_bytes(journal.read_bytes()[:-5])
    study = optuna.load_study(study_name="search", storage=opened(journal))
    with pytest.raises(AttributeError):  # its line is glued to the torn one and not read back
        study.ask()
    with pytest.raises(json.JSONDecodeError):
        study.ask()
    with pytest.raises(json.JSONDecodeError):
        opened(journal)


def test_a_stale_lock_is_waited_for_until_its_grace_is_over(tmp_path):
    (tmp_path / "j").touch()
    (tmp_path / "j.lock").symlink_to(tmp_path / "j")
    lock = JournalFileSymlinkLock(str(tmp_path / "j"))
    assert lock.grace_period == 30  # seconds, by default
    with pytest.warns(UserWarning, match="too small"):
        short = JournalFileSymlinkLock(str(tmp_path / "j"), grace_period=1)
    began = time.monotonic()
    assert short.acquire()
    assert time.monotonic() - began >= 1


def test_tuples_as_categories_warn():
    with pytest.warns(UserWarning, match="Choices for a categorical"):
        optuna.create_study().ask().suggest_categorical("kernel", [(3, 3), (5, 5)])


def test_plain_optuna_writes_many_lines_for_a_suggestion_and_ours_one(tmp_path):
    plain = optuna.create_study(
        storage=opened(tmp_path / "plain"), sampler=optuna.samplers.RandomSampler(seed=0)
    )
    before = lines(tmp_path / "plain")
    spaces.suggest(plain.ask(), kinds())
    assert lines(tmp_path / "plain") - before > 4
    ours = Study(tmp_path / "ours", kinds(), sampler="random", seed=0)
    before = lines(tmp_path / "ours")
    ours.ask()
    assert lines(tmp_path / "ours") - before == 1


def lines(path):
    return path.read_bytes().count(b"\n")
