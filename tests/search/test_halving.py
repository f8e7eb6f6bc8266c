"""Successive halving: who is left after each round, and on how much of the data."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from search.screening.halving import rounds_of

CANDIDATES, KEEP = st.integers(1, 200), st.integers(1, 200)


@given(CANDIDATES, KEEP)
def test_the_last_round_looks_at_everything_and_each_doubles_the_data(candidates, keep):
    shares = [one.share for one in rounds_of(candidates, keep)]
    assert shares[-1] == 1.0
    assert all(2 * before == after for before, after in pairwise(shares))
    assert all(0 < share <= 1 for share in shares)


@given(CANDIDATES, KEEP)
def test_those_that_go_on_become_fewer_and_the_last_are_kept(candidates, keep):
    left = [candidates, *(one.survivors for one in rounds_of(candidates, keep))]
    assert all(after <= before for before, after in pairwise(left))
    assert all(2 * after >= before for before, after in pairwise(left))
    assert left[-1] == min(candidates, keep)
    assert min(left) >= min(candidates, keep)


@given(CANDIDATES, KEEP)
def test_rounds_are_numbered_and_as_many_as_halving_takes(candidates, keep):
    rounds = rounds_of(candidates, keep)
    assert [one.number for one in rounds] == list(range(1, len(rounds) + 1))
    assert {one.of for one in rounds} == {len(rounds)}
    halvings = len(rounds) - 1  # the last round ranks those that are kept on all data
    assert candidates <= keep * 2**halvings
    assert halvings == 0 or candidates > keep * 2 ** (halvings - 1)


def test_thirteen_backbones_of_which_four_are_kept():
    played = [(one.share, one.survivors) for one in rounds_of(13, 4)]
    assert played == [(0.25, 7), (0.5, 4), (1.0, 4)]


def test_no_more_than_are_kept_play_one_round():
    assert [(one.share, one.survivors) for one in rounds_of(3, 4)] == [(1.0, 3)]
