import keras_tuner
import pytest

from neurosweep.errors import SpaceError
from spaces.ranges import Choices, Real, Whole, declare_range, flag, narrow

BLOCKS = Whole(low=3, high=6, default=5, limits=(2, 8))
RATE = Real(low=1e-5, high=1e-2, default=1e-3, limits=(1e-7, 1.0), log=True)
SHARE = Real(low=0.0, high=0.6, default=0.0, limits=(0.0, 0.95))
FILTERS = Choices(values=(16, 32, 64, 128), default=64, limits=(1, 1024))
POOL = Choices(values=("max", "average"), default="max")


def test_search_leaves_the_default_range():
    assert narrow(BLOCKS, "search", "blocks") is BLOCKS


@pytest.mark.parametrize(
    ("allowed", "narrowing", "values", "default"),
    [
        (BLOCKS, 4, (4,), 4),
        (BLOCKS, 8, (8,), 8),  # beyond the default range, within the limits
        (RATE, 1, (1.0,), 1.0),
        (RATE, "1e-3", (1e-3,), 1e-3),  # YAML 1.1 reads 1e-3 as text
        (FILTERS, [64, 8], (8, 64), 64),
        (FILTERS, [8, 24], (8, 24), 24),
        (FILTERS, {"max": 32}, (16, 32), 32),
        (FILTERS, {"min": 8, "max": 32, "step": 8}, (8, 16, 24, 32), 32),
        (POOL, "average", ("average",), "average"),
        (flag(default=False), True, (True,), True),
        (flag(default=False), [False, True], (False, True), False),
    ],
)
def test_scalars_lists_and_stepped_choices_become_choices(allowed, narrowing, values, default):
    narrowed = narrow(allowed, narrowing, "name")
    assert (narrowed.values, narrowed.default) == (values, default)
    assert [type(value) for value in narrowed.values] == [type(value) for value in values]


def test_a_range_keeps_scale_and_moves_the_default_inside():
    narrowed = narrow(RATE, {"max": 1e-4}, "rate")
    assert (narrowed.low, narrowed.high, narrowed.default, narrowed.log) == (1e-5, 1e-4, 1e-4, True)


def test_a_stepped_range_starts_at_its_lower_end_if_the_default_is_off_the_grid():
    narrowed = narrow(BLOCKS, {"min": 2, "max": 8, "step": 2}, "blocks")
    assert (narrowed.values, narrowed.default) == ((2, 4, 6, 8), 2)


@pytest.mark.parametrize(
    ("allowed", "narrowing", "message"),
    [
        (BLOCKS, 9, "blocks can be a whole number from 2 to 8, received 9"),
        (BLOCKS, True, "blocks can be a whole number from 2 to 8, received True"),
        (BLOCKS, 3.5, "received 3.5"),
        (BLOCKS, None, "received None"),
        (BLOCKS, "many", "received 'many'"),
        (RATE, "fast", "blocks can be a number from 1e-07 to 1.0, received 'fast'"),
        (BLOCKS, {"min": 5, "max": 4}, "smaller to its larger end, received min = 5 and max = 4"),
        (BLOCKS, {"low": 3}, "keys min, max and step, received {'low': 3}"),
        (BLOCKS, {}, "keys min, max and step, received {}"),
        (BLOCKS, {"step": 0}, "A step is a number above 0, received 0"),
        (RATE, {"step": 0.1}, "logarithmic scale has no step"),
        (BLOCKS, [], "at least one value and each value once"),
        (BLOCKS, [3, 3], "at least one value and each value once"),
        (POOL, {"min": 1}, "is one of .* and has no range"),
        (POOL, "min", "can be one of max, average, received 'min'"),
        (FILTERS, {"max": 512}, "picks among blocks's default choices"),
        (FILTERS, {"min": 33, "max": 63}, "picks among blocks's default choices"),
        (FILTERS, {"min": 64, "max": 32}, "smaller to its larger end"),
        (flag(default=True), 1, "received 1"),
    ],
)
def test_a_narrowing_that_cannot_be_is_refused_by_name(allowed, narrowing, message):
    with pytest.raises(SpaceError, match=message):
        narrow(allowed, narrowing, "blocks")


@pytest.mark.parametrize(
    ("allowed", "kind"),
    [
        (BLOCKS, "Int"),
        (RATE, "Float"),
        (SHARE, "Float"),
        (FILTERS, "Choice"),
        (flag(default=True), "Boolean"),
        (Choices(values=(3,), default=3), "Fixed"),
        (Whole(low=2, high=2, default=2, limits=(1, 3)), "Fixed"),
    ],
)
def test_each_range_is_declared_with_its_default(allowed, kind):
    hp = keras_tuner.HyperParameters()
    declare_range(hp, "name", allowed)
    assert type(hp.space[0]).__name__ == kind
    assert hp.get("name") == allowed.default
    assert type(hp.get("name")) is type(allowed.default)
