from dataclasses import replace
from itertools import pairwise

import keras
import numpy as np
import pytest

from neurosweep.errors import SpaceError
from trainables.optimizers import OPTIMIZERS, SCHEDULES, build_optimizer
from trainables.settings import TrainingSettings

PLAIN = TrainingSettings(
    optimizer="adam",
    learning_rate=0.1,
    schedule="constant",
    batch_size=16,
    weight_decay=0.0,
    label_smoothing=0.0,
    augmentation_strength=0.0,
    patience=3,
)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_optimizer_takes_a_step_against_the_gradient(name, schedule):
    settings = replace(PLAIN, optimizer=name, schedule=schedule, weight_decay=1e-3)
    optimizer = build_optimizer(settings, steps=100)
    weight = keras.Variable(np.ones(3), name="kernel")
    optimizer.apply([keras.ops.ones(3)], [weight])
    assert (np.asarray(weight) < 1).all()


def rates(steps):
    schedule = build_optimizer(replace(PLAIN, schedule="cosine"), steps=steps)._learning_rate
    return [float(schedule(step)) for step in range(steps + 1)]


def test_cosine_rises_then_falls_to_nothing():
    values = rates(200)
    assert values[0] == pytest.approx(0.01)
    assert values.index(max(values)) == 10
    assert max(values) == pytest.approx(0.1)
    assert values[-1] == pytest.approx(0.0, abs=1e-6)
    assert all(later < earlier for earlier, later in pairwise(values[10:]))


@pytest.mark.parametrize("steps", [1, 2, 9, 10])
def test_cosine_fits_into_few_steps(steps):
    assert all(0 <= rate <= 0.1 + 1e-6 for rate in rates(steps))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weight_decay_shrinks_kernels_and_spares_the_rest(name):
    settings = replace(PLAIN, optimizer=name, weight_decay=0.5)
    optimizer = build_optimizer(settings, steps=1)
    names = ("kernel", "bias", "gamma", "beta")
    weights = [keras.Variable(np.ones(2), name=each) for each in names]
    optimizer.apply([keras.ops.zeros(2) for _ in weights], weights)
    values = [float(np.asarray(weight)[0]) for weight in weights]
    # Decoupled: learning rate times decay, whatever the optimiser makes of the gradient.
    assert values == pytest.approx([1 - 0.1 * 0.5, 1, 1, 1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimizer": "adagrad"}, r"training/optimizer is one of .*'sgd'.*received 'adagrad'"),
        ({"schedule": "step"}, r"training/schedule is one of \['constant', 'cosine'\]"),
    ],
)
def test_unknown_names_are_refused(change, message):
    with pytest.raises(SpaceError, match=message):
        build_optimizer(replace(PLAIN, **change), steps=10)


def test_a_missing_hyperparameter_is_named():
    with pytest.raises(SpaceError, match="value for 'training/augmentation'"):
        TrainingSettings.read({"family": "mini_vgg", "training/optimizer": "adam"})
