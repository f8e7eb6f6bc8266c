"""What a search may aim at is what a leaderboard can rank by."""

from typing import get_args

from reports.ranking import OBJECTIVES
from search.objective import Figure


def test_both_know_the_same_objectives():
    assert set(get_args(Figure)) == OBJECTIVES
