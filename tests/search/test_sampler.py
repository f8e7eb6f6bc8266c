import numpy as np
import pytest
from optuna.trial import TrialState
from sampler_contest import worse_by_chance
from small_spaces import FAILED, Driven, completed, finite, kinds, one_group, pruned

from reports import Status
from search.sampling import key_of
from search.sampling import sampler as sampler_module
from search.sampling.ending import Ending

SEEDS = 10


def share_of_b(seed, ending_of, *, signs=(1,), trials=50):
    """Share of kind `b` among the trials after the first 20; an ending of None is not told."""
    driven = Driven(one_group(), seed=seed, signs=signs)
    drawn = []
    for _ in range(trials):
        asked = driven.ask()
        drawn.append(asked[1]["kind"])
        ending = ending_of(asked[1]["kind"] == "b", float(driven.rng.random()))
        if ending is None:
            driven.sampler.forget(key_of(asked[1]))
        else:
            driven.tell(asked, ending)
    return drawn[20:].count("b") / (trials - 20)


def significantly_less(ending_of, control, **options):
    """Whether `b` is drawn less than in the control, seed by seed.

    False alarms, were the seeds not fixed: one in a hundred.
    """
    ours = np.array([share_of_b(seed, ending_of, **options) for seed in range(SEEDS)])
    theirs = np.array([share_of_b(seed, control, **options) for seed in range(SEEDS)])
    return worse_by_chance(theirs - ours) < 0.01


def test_after_failures_of_one_kind_fewer_of_it_are_drawn_than_if_failures_teach_nothing():
    assert significantly_less(
        lambda b, noise: FAILED if b else completed(noise),
        lambda b, noise: None if b else completed(noise),  # as Optuna takes FAIL
    )


def test_of_a_kind_that_violates_a_constraint_fewer_are_drawn_however_good_it_is():
    assert significantly_less(
        lambda b, noise: completed(b + noise, violations=(1.0 if b else -1.0,)),
        lambda b, noise: completed(b + noise),
    )


def test_of_a_kind_that_is_stopped_early_fewer_are_drawn_than_if_its_score_passed_for_a_whole_one():
    assert significantly_less(
        lambda b, noise: pruned(1, 1 + noise) if b else completed(noise),
        lambda b, noise: completed(b + noise),  # as Ray's OptunaSearch tells it
    )


@pytest.mark.parametrize("seed", range(3))
def test_a_trial_that_ended_before_its_first_score_teaches_nothing(seed):
    unknown = Ending(status=Status.PRUNED, violations=(-1.0,))
    told = share_of_b(seed, lambda b, noise: unknown if b else completed(noise))
    untold = share_of_b(seed, lambda b, noise: None if b else completed(noise))
    assert told == untold
    too_large = Ending(status=Status.PRUNED, violations=(1.0,))
    assert share_of_b(seed, lambda b, noise: too_large if b else completed(noise)) < untold


def test_with_several_objectives_the_stopped_teach_too():
    assert significantly_less(
        lambda b, noise: pruned(1, 1 + noise) if b else completed(noise, noise),
        lambda b, noise: completed(b + noise, noise - b),
        signs=(1, -1),
    )


def test_several_objectives_are_followed_towards_their_front():
    assert significantly_less(
        lambda b, noise: completed(noise - b, noise + b),
        lambda b, noise: completed(noise, noise),  # noqa: ARG005 - b is as good as the rest
        signs=(1, -1),
    )


def test_when_all_failed_the_failing_kinds_are_no_model_to_follow():
    driven = Driven(one_group())
    for _ in range(30):
        driven.tell(driven.ask(), FAILED)
    driven.ask()
    assert driven.sampler._studies[0].below == 0


def test_what_a_group_is_shown_is_bounded_whatever_the_history(monkeypatch):
    monkeypatch.setattr(sampler_module, "_SHOWN", 20)
    monkeypatch.setattr(sampler_module, "_SHOWN_RUNNING", 5)
    monkeypatch.setattr(sampler_module, "_FULL", 40)
    driven = Driven(kinds())
    largest = 0
    for number in range(150):
        asked = driven.ask()
        if number % 3:  # a third keeps running for ever
            driven.tell(asked, completed(float(driven.rng.random())))
        largest = max(largest, *(study.size for study in driven.sampler._studies))
    assert largest <= 43  # a full one, and one trial's asking, holding and ending


def test_the_best_of_the_whole_history_stay_in_view(monkeypatch):
    monkeypatch.setattr(sampler_module, "_SHOWN", 20)
    monkeypatch.setattr(sampler_module, "_FULL", 40)
    driven = Driven(kinds())
    values = {}
    for _ in range(120):
        asked = driven.ask()
        value = float(driven.rng.random())
        values[key_of(asked[1])] = value
        driven.tell(asked, completed(value))
    driven.ask()
    best = sorted(values.values(), reverse=True)[:12]
    shown = driven.sampler._studies[0]._study.get_trials(deepcopy=False)
    assert set(best) <= {trial.value for trial in shown}
    assert driven.sampler._studies[0].below == len(best)


def test_a_repeated_configuration_is_shown_once_with_its_mean():
    driven = Driven(kinds())
    for _ in range(12):
        asked = driven.ask()
        driven.tell(asked, completed(0.5))
    driven.tell(asked, completed(0.9))
    driven.ask()
    values = [t.value for t in driven.sampler._studies[0]._study.get_trials(deepcopy=False)]
    assert [v for v in values if v is not None] == [0.5] * 11 + [pytest.approx(0.7)]


def test_the_same_seed_and_calls_give_the_same_proposals():
    def drawn(seed):
        driven = Driven(kinds(), seed=seed)
        found = []
        for number in range(30):
            asked = driven.ask()
            found.append(asked[1])
            driven.tell(asked, FAILED if number % 7 == 3 else completed(float(driven.rng.random())))
        return found

    assert drawn(3) == drawn(3) != drawn(4)


def test_a_running_trial_is_shown_as_such_until_it_ends():
    driven = Driven(one_group())
    for _ in range(12):
        driven.tell(driven.ask(), completed(float(driven.rng.random())))
    asked = [driven.ask() for _ in range(5)]
    study = driven.sampler._studies[0]._study
    assert len(study.get_trials(states=(TrialState.RUNNING,))) == 5
    for drawn in asked:
        driven.tell(drawn, completed(0.5))
    assert not study.get_trials(states=(TrialState.RUNNING,))


@pytest.mark.parametrize("modelled", [True, False])
def test_a_finite_space_is_proposed_whole_and_then_no_more(modelled):
    driven = Driven(finite())
    driven.sampler._modelled = modelled
    found = set()
    for number in range(7):
        asked = driven.ask()
        found.add(key_of(asked[1]))
        driven.tell(asked, completed(float(number)))
    assert len(found) == 7
    assert driven.proposer.fresh() is None
    assert driven.proposer.fresh() is None
