"""Early stopping with a rung per epoch: who goes on, who is stopped, and why."""

import math
import time

import numpy as np
import pytest

from search.books.rungs import Rungs, grace_of


def decide(rungs, name, scores, allowed, *, begin=1):
    """Passes a trial's epochs until it is stopped; the last decision."""
    for epoch, score in enumerate(scores, begin):
        decision = rungs.decide(name, epoch, allowed, score)
        if not decision.goes_on:
            break
    return decision


@pytest.mark.parametrize(("allowed", "grace"), [(1, 1), (3, 1), (5, 1), (6, 2), (10, 2), (30, 6)])
def test_the_grace_is_a_fifth_of_the_epochs_rounded_up(allowed, grace):
    assert grace_of(allowed) == grace


def test_nothing_is_stopped_before_the_grace_nor_after_the_last_epoch():
    rungs = Rungs()
    for number in range(50):
        assert all(rungs.decide(f"good{number}", e, 10, 0.9).goes_on for e in range(1, 11))
    assert rungs.decide("bad", 1, 10, 0.1).goes_on
    assert not rungs.decide("bad", 2, 10, 0.1).goes_on
    # Had it been let on, its last epoch would end it in order.
    assert rungs.decide("bad", 10, 10, 0.1).goes_on


def test_the_first_trial_always_goes_on_and_a_single_epoch_ends_in_order():
    assert decide(Rungs(), "first", [0.0] * 30, 30).goes_on
    assert Rungs().decide("only", 1, 1, math.nan).goes_on


def test_the_reason_names_the_score_the_epoch_and_the_places():
    rungs = Rungs()
    for number in range(11):
        rungs.decide(f"t{number}", 1, 5, 0.8)
    decision = rungs.decide("late", 1, 5, 0.71234)
    assert not decision.goes_on
    assert decision.reason == "0.7123 after epoch 1 is not among the best 7 of 12"
    assert rungs.decide("good", 1, 5, 0.9).reason == ""


def test_equal_scores_go_on():
    rungs = Rungs()
    assert all(rungs.decide(f"t{n}", e, 10, 0.5).goes_on for e in range(1, 11) for n in range(40))


def test_the_best_score_so_far_is_compared_not_the_last():
    rungs = Rungs()
    for number in range(20):
        decide(rungs, f"t{number}", [0.5, 0.5], 10)
    assert decide(rungs, "early", [0.9, 0.1], 10).goes_on
    assert not decide(rungs, "never", [0.4, 0.1], 10).goes_on


def test_a_score_that_is_no_number_is_the_worst():
    rungs = Rungs()
    for number in range(20):
        rungs.decide(f"t{number}", 1, 5, 0.0)
    decision = rungs.decide("nan", 1, 5, math.nan)
    assert not decision.goes_on
    assert decision.reason.startswith("-inf after epoch 1")


@pytest.mark.parametrize("together", [True, False])
def test_survival_falls_as_in_asha_whether_trials_run_together_or_one_after_another(together):
    count, allowed = 2000, 30
    scores = np.random.default_rng(0).permutation(count) / count
    rungs = Rungs()
    past = dict.fromkeys(range(1, allowed + 1), 0)
    names = range(count)
    if together:
        alive = set(names)
        for epoch in past:
            alive = {n for n in alive if rungs.decide(str(n), epoch, allowed, scores[n]).goes_on}
            past[epoch] = len(alive)
    else:
        for n in names:
            for epoch in past:
                if not rungs.decide(str(n), epoch, allowed, scores[n]).goes_on:
                    break
                past[epoch] += 1
    assert past[5] == count
    # 1/2, 1/4, 1/8 at ASHA's own rungs; the order of arrival is random, so a little more gets past.
    for epoch, share in ((6, 1 / 2), (8, 6 / 16), (12, 1 / 4), (24, 1 / 8)):
        assert share - 0.02 <= past[epoch] / count <= share + 0.03
    assert past[30] == past[29]


def test_the_best_of_all_is_never_stopped():
    rungs = Rungs()
    for number in range(200):
        assert decide(rungs, f"t{number}", [number / 200] * 30, 30).goes_on  # each the best so far


def test_a_trial_that_passes_an_epoch_again_replaces_what_it_had_there():
    once, again = Rungs(), Rungs()
    for rungs in (once, again):
        for number in range(11):
            rungs.decide(f"t{number}", 1, 5, 0.8)
    again.decide("lost", 1, 5, 0.9)
    again.decide("lost", 2, 5, 0.95)
    # Started anew, its better first attempt is worth nothing.
    assert again.decide("lost", 1, 5, 0.7) == once.decide("lost", 1, 5, 0.7)
    assert again.decide("lost", 2, 5, 0.7) == once.decide("lost", 2, 5, 0.7)


def test_earlier_sittings_are_remembered():
    lived, resumed = Rungs(), Rungs()
    curves = np.random.default_rng(1).uniform(size=(40, 10))
    for n, curve in enumerate(curves):
        decide(lived, f"t{n}", curve, 10)
        lived.ended(f"t{n}")
    ran = {}
    again = Rungs()
    for n, curve in enumerate(curves):
        ran[n] = []
        for epoch, score in enumerate(curve, 1):
            ran[n].append((epoch, score))
            if not again.decide(f"t{n}", epoch, 10, score).goes_on:
                break
    for n, epochs in ran.items():
        resumed.resume(f"t{n}", 10, epochs)
        resumed.ended(f"t{n}")
    for score in np.linspace(0, 1, 21):
        late = [lived.decide(f"x{score}", 2, 10, score), resumed.decide(f"x{score}", 2, 10, score)]
        assert late[0] == late[1]


def test_trials_are_compared_with_those_that_are_allowed_as_many_epochs():
    rungs = Rungs()
    for number in range(20):
        decide(rungs, f"t{number}", [0.9] * 5, 5)
    assert decide(rungs, "longer", [0.1] * 30, 30).goes_on


def test_an_epoch_beyond_the_allowed_ones_is_refused():
    for epoch in (0, 6):
        with pytest.raises(ValueError, match=f"from 1 to the 5 allowed; received {epoch}"):
            Rungs().decide("t", epoch, 5, 0.5)


def test_a_decision_does_not_slow_down_with_the_trials_seen():
    def cost(seen):
        rungs = Rungs()
        scores = np.random.default_rng(0).uniform(size=seen).tolist()
        for n, score in enumerate(scores):
            rungs.decide(str(n), 6, 30, score)
            rungs.ended(str(n))
        turns = []
        for turn in range(5):
            began = time.perf_counter()
            for n in range(200):
                rungs.decide(f"{turn}-{n}", 6, 30, scores[n])
            turns.append(time.perf_counter() - began)
        return min(turns)

    assert cost(20_000) < 10 * cost(200)  # a list that is sorted anew costs a hundred times as much


def test_what_only_running_trials_need_is_forgotten():
    rungs = Rungs()
    for number in range(100):
        decide(rungs, f"t{number}", [0.5] * 10, 10)
        rungs.ended(f"t{number}")
    assert not rungs._running
