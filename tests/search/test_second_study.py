"""The small study of fine-tunings: what it proposes after successes and after failures."""

import keras_tuner
import pytest

import spaces
from search.studies.second_study import propose_fine_tuning


def play(scores, *, seed=0):
    """What was proposed, with the score that each was given."""
    tried = []
    for score in scores:
        tried.append((propose_fine_tuning(tried, seed=seed), score))
    return [configuration for configuration, _ in tried]


def test_papers_way_comes_first():
    assert propose_fine_tuning([], seed=3) == spaces.PAPER_FINE_TUNING


@pytest.mark.parametrize("failures", [1, 3, 8])
def test_what_failed_is_not_proposed_again(failures):
    proposed = play([0.9, *[None] * failures, 0.95])
    assert len({repr(one) for one in proposed}) == failures + 2
    for one in proposed:
        spaces.validate(one, spaces.declare_fine_tuning())


def test_the_same_history_has_the_same_sequel():
    scores = [0.9, None, 0.95, 0.91, None, 0.8]
    assert play(scores) == play(scores)
    assert play(scores)[1:] != play(scores, seed=1)[1:]


def test_a_space_that_is_used_up_has_nothing_more(monkeypatch):
    def declare():
        hp = keras_tuner.HyperParameters()
        hp.Choice("depth", [0.5, 1.0])
        return hp

    monkeypatch.setattr(spaces, "declare_fine_tuning", declare)
    tried = [({"depth": 1.0}, 0.9)]
    assert propose_fine_tuning(tried, seed=0) == {"depth": 0.5}
    assert propose_fine_tuning([*tried, ({"depth": 0.5}, None)], seed=0) is None
