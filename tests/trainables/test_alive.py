"""Signs of life come after every batch and change nothing."""

import timeit
from dataclasses import replace

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
    assert len(heard) > 11  # its one batch, then each call that is timed
    beats = len(heard)
    alive.watch(None)
    unwatched = trainables.fit(recipe, dataset, go_on)
    assert len(heard) == beats
    for one, other in zip(watched.weights, unwatched.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_beat_costs_nothing_beside_a_batch(heard):
    # A batch takes milliseconds at least; the margin is for a machine that is busy.
    assert timeit.timeit(alive.beat, number=1000) / 1000 < 5e-4


class BreaksOff:
    """A watcher that has had enough at its n-th sign of life."""

    def __init__(self, at):
        self.left = at

    def __call__(self):
        self.left -= 1
        if self.left == 0:
            raise alive.BreakOff


@pytest.fixture
def watched():
    yield alive.watch
    alive.watch(None)


# Five beats an epoch: the second and the last batch of training, and that of validation.
@pytest.mark.parametrize("beat", [12, 14, 15])
def test_a_fit_that_is_broken_off_ends_by_its_last_whole_epoch(dataset, watched, beat):
    recipe = make_recipe(epochs=5)
    watched(BreaksOff(beat))
    broken = trainables.fit(recipe, dataset, go_on)
    watched(None)
    assert (broken.epochs, broken.stop_reason) == (2, "stopped")
    replayed = trainables.fit(replace(recipe, stop_epoch=2), dataset, go_on)
    assert (broken.val_accuracy, broken.val_loss) == (replayed.val_accuracy, replayed.val_loss)
    for one, other in zip(broken.weights, replayed.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_fit_that_is_broken_off_in_its_first_epoch_comes_to_nothing(dataset, watched):
    watched(BreaksOff(3))
    with pytest.raises(alive.BreakOff):
        trainables.fit(make_recipe(epochs=2), dataset, go_on)
    watched(None)
    assert trainables.fit(make_recipe(epochs=1), dataset, go_on).epochs == 1
