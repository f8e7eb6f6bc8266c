"""Signs of life come after every batch and change nothing."""

import timeit

import numpy as np
import pytest
from trainables_samples import go_on, make_recipe

import trainables
from trainables import alive


@pytest.fixture
def heard():
    beats = []
    alive.watch(lambda: beats.append(1))
    yield beats
    alive.watch(None)


def test_training_and_measuring_beat_after_each_batch_and_come_to_the_same(dataset, heard):
    recipe = make_recipe(epochs=2)
    watched = trainables.fit(recipe, dataset, go_on)
    # Per epoch four batches of training (50 images, 16 at once) and one of validation.
    assert len(heard) == 2 * (4 + 1)
    trainables.evaluate(recipe, watched.weights, dataset, "test")
    assert len(heard) == 11
    alive.watch(None)
    unwatched = trainables.fit(recipe, dataset, go_on)
    assert len(heard) == 11
    for one, other in zip(watched.weights, unwatched.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_beat_costs_nothing_beside_a_batch(heard):
    # A batch takes milliseconds at least; the margin is for a machine that is busy.
    assert timeit.timeit(alive.beat, number=1000) / 1000 < 5e-4
