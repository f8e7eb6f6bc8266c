import keras_tuner
import pytest
from keras_tuner.engine import hyperparameters as kinds

from neurosweep.errors import SpaceError
from spaces.domain import Kind, domain_of


def test_a_logarithmic_step_multiplies_so_it_becomes_an_index():
    domain = domain_of(kinds.Int("batch", 2, 32, step=2, sampling="log"))
    assert (domain.kind, domain.values) == (Kind.ORDERED, (2, 4, 8, 16, 32))


def test_a_step_that_does_not_divide_the_range_becomes_an_index():
    domain = domain_of(kinds.Int("width", 6, 13, step=3))
    assert (domain.kind, domain.values) == (Kind.ORDERED, (6, 9, 12))


def test_stepped_real_numbers_are_the_decimals_that_were_written():
    domain = domain_of(kinds.Float("share", 0, 0.5, step=0.1))
    assert domain.values == (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
    assert 0.3 in domain


def test_numbers_out_of_order_are_categories():
    assert domain_of(kinds.Choice("kernel", [7, 3, 5])).kind is Kind.CHOICE
    assert domain_of(kinds.Choice("kernel", [3, 5, 7])).kind is Kind.ORDERED


@pytest.mark.parametrize(
    ("hyperparameter", "inside", "outside"),
    [
        (kinds.Int("n", 1, 9, step=2), [1, 9], [0, 2, 11, True, 1.0, "1"]),
        (kinds.Float("r", 0.0, 1.0), [0, 0.5, 1.0], [-0.1, 1.1, True, "0.5", None]),
        (kinds.Boolean("b"), [True, False], [1, 0, "True"]),
        (kinds.Choice("c", [0, 1]), [0, 1], [True, False, 2]),
        (kinds.Fixed("f", True), [True], [1, False]),
    ],
)
def test_only_values_of_the_right_type_in_the_range_belong(hyperparameter, inside, outside):
    domain = domain_of(hyperparameter)
    assert all(value in domain for value in inside)
    assert not any(value in domain for value in outside)


class Matrix(kinds.HyperParameter):
    """A kind of a user's own."""


@pytest.mark.parametrize(
    ("hyperparameter", "message"),
    [
        (kinds.Float("m", 0.8, 0.99, sampling="reverse_log"), "reverse_log' for 'm'"),
        (kinds.Int("n", 1, 1_000_000, step=4), "at most 10000 values, received 1 to 1000000"),
        (kinds.Float("r", 0.0, float("inf")), "finite ends, received 0.0 to inf for 'r'"),
        (kinds.Choice("c", ["a", "a"]), "each value once, received .* for 'c'"),
        (Matrix("w"), "received Matrix for 'w'"),
    ],
)
def test_what_optuna_cannot_be_asked_for_is_refused_by_name(hyperparameter, message):
    with pytest.raises(SpaceError, match=message):
        domain_of(hyperparameter)


def test_kerastuner_turns_switches_in_a_choice_into_numbers():
    """Why a switch is declared as Boolean; if this fails, `declare_range` can be simpler."""
    hp = keras_tuner.HyperParameters()
    hp.Choice("switch", [False, True])
    assert hp.space[0].values == [0, 1]
    assert type(hp.space[0].values[0]) is int
