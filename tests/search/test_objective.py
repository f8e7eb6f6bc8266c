import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.objective import Aim, Constraint


def test_directions_follow_the_order_of_the_objectives():
    aim = Aim(("missed_positives", "val_accuracy", "latency_ms"))
    assert aim.directions == ("minimize", "maximize", "minimize")
    assert aim.values({"val_accuracy": 0.9, "missed_positives": 2, "latency_ms": 5.0}) == [
        2.0,
        0.9,
        5.0,
    ]


def test_an_objective_that_was_not_measured_makes_no_values():
    assert Aim(("val_accuracy", "latency_ms")).values({"val_accuracy": 0.9}) is None


@pytest.mark.parametrize(
    ("objectives", "figure"),
    [
        (("val_accuracy",), "val_accuracy"),
        (("parameters", "val_loss", "val_accuracy"), "val_loss"),
        (("parameters", "latency_ms"), "val_accuracy"),
    ],
)
def test_epochs_are_compared_by_the_first_objective_that_each_epoch_has(objectives, figure):
    assert Aim(objectives).epoch_figure == figure


def test_only_one_score_tells_after_each_epoch_how_a_trial_stands():
    assert Aim(("val_loss",)).is_known_per_epoch
    assert not Aim(("latency_ms",)).is_known_per_epoch
    assert not Aim(("val_accuracy", "val_loss")).is_known_per_epoch


def test_a_higher_epoch_score_is_better_for_losses_too():
    by_loss = Aim(("val_loss",))
    assert by_loss.epoch_score(0.5, 0.2) > by_loss.epoch_score(0.9, 0.3)
    assert Aim().epoch_score(0.9, 0.3) > Aim().epoch_score(0.5, 0.2)


def test_a_constraint_includes_its_bound():
    most = Constraint.parse("parameters <= 5e6")
    assert most.violation(5_000_000) == 0.0
    assert most.violation(6_000_000) == pytest.approx(0.2)
    assert Constraint.parse("val_accuracy>=0.9").violation(0.95) < 0


def test_broken_constraints_are_told_with_what_breaks_them():
    aim = Aim(
        constraints=(Constraint.parse("parameters <= 5e6"), Constraint.parse("latency_ms<=9"))
    )
    figures = {"parameters": 7_123_456, "latency_ms": 8.0}
    assert aim.broken(figures) == ["7,123,456 breaks parameters <= 5,000,000"]
    assert aim.violations(figures) == [pytest.approx(0.4246912), pytest.approx(-1 / 9)]


def test_what_was_not_measured_breaks_nothing():
    aim = Aim(constraints=(Constraint.parse("latency_ms <= 9"),))
    assert aim.violations({"parameters": 3}) == [0.0]
    assert aim.broken({}) == []


def test_the_tightest_upper_bound_of_parameters_is_known_before_training():
    texts = ("parameters <= 5e6", "parameters <= 4e6", "parameters >= 10", "latency_ms <= 3")
    aim = Aim(constraints=tuple(map(Constraint.parse, texts)))
    assert aim.most_parameters == 4e6
    assert Aim().most_parameters is None
    assert aim.needs == {"val_accuracy", "parameters", "latency_ms"}


@pytest.mark.parametrize(
    "text",
    ["", "parameters", "parameters < 5", "size <= 5", "parameters <= lots", "parameters <= nan"],
)
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match="constraint"):
        Constraint.parse(text)


@given(bound=st.floats(-1e9, 1e9), value=st.floats(-1e9, 1e9))
def test_exactly_what_is_beyond_the_bound_is_a_violation(bound, value):
    assert (Constraint("val_loss", True, bound).violation(value) > 0) is (value > bound)
    assert (Constraint("val_loss", False, bound).violation(value) > 0) is (value < bound)
