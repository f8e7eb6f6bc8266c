import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosweep.errors import SpaceError
from spaces.ranges import Choices, Whole
from spaces.scope import chosen_ranges, halvings

DEFAULTS = {
    "blocks": Whole(low=1, high=3, default=2, limits=(1, 3)),
    "filters_1": Choices(values=(16, 32), default=32, limits=(1, 512)),
    "filters_2": Choices(values=(32, 64), default=64, limits=(1, 512)),
    "filters_3": Choices(values=(128, 256), default=256, limits=(1, 512)),
}


def values(narrowings):
    chosen = chosen_ranges(DEFAULTS, narrowings, "family")
    return {name: chosen[name].values for name in DEFAULTS if name.startswith("filters")}


def test_a_range_for_all_steps_picks_among_each_steps_own_choices():
    assert values({"filters": {"max": 64}}) == {
        "filters_1": (16, 32),
        "filters_2": (32, 64),
        "filters_3": (16, 32, 64),  # none of its own is left: those of the others
    }


def test_a_list_for_all_steps_holds_for_each():
    assert set(values({"filters": [8, 24]}).values()) == {(8, 24)}


def test_an_exact_name_wins_over_the_name_of_all_steps():
    assert values({"filters_2": 48, "filters": [8]}) == {
        "filters_1": (8,),
        "filters_2": (48,),
        "filters_3": (8,),
    }


def test_the_word_search_changes_nothing():
    assert chosen_ranges(DEFAULTS, {"filters": "search"}, "family") == DEFAULTS


def test_an_unknown_key_is_refused_with_the_nearest_known_one():
    with pytest.raises(SpaceError, match=r"'filter'.* Did you mean filters\?"):
        values({"filter": 8})


@given(size=st.integers(4, 4096), strides=st.lists(st.booleans(), max_size=12))
def test_as_many_halvings_as_allowed_leave_two_pixels(size, strides):
    """Floor (a pool) and ceil (a stride with same padding), in any order."""
    for rounds_up in strides[: halvings(size)]:
        size = -(-size // 2) if rounds_up else size // 2
    assert size >= 2
