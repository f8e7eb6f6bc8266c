import time
from dataclasses import replace

import numpy as np
import pytest
from trainables_samples import go_on, make_recipe

import trainables
from neurosweep.errors import DataError
from trainables import inference_time, metrics
from trainables.machine import processor
from trainables.measure import measuring_batch


@pytest.fixture(scope="module")
def recipe():
    return make_recipe(epochs=1)


@pytest.fixture(scope="module")
def weights(recipe, dataset):
    return trainables.fit(recipe, dataset, go_on).weights


def test_a_part_is_measured_in_its_own_order(recipe, weights, dataset):
    backwards = replace(dataset, test=dataset.test[::-1])
    forth = trainables.evaluate(recipe, weights, dataset, "test")
    back = trainables.evaluate(recipe, weights, backwards, "test")
    assert forth.probabilities.shape == (20, 4)
    assert np.allclose(forth.probabilities, back.probabilities[::-1], atol=1e-6)


def test_scores_latency_and_size_are_measured(recipe, weights, dataset):
    evaluation = trainables.evaluate(recipe, weights, dataset, "test")
    labels = dataset.labels[dataset.test]
    assert evaluation.accuracy == metrics.accuracy(evaluation.probabilities, labels)
    assert evaluation.loss == metrics.cross_entropy(evaluation.probabilities, labels)
    latency = evaluation.latency
    assert 0 < latency.one.median <= latency.one.p95 < 1000
    assert latency.one.median < latency.batch.median <= latency.batch.p95
    assert latency.device.startswith(processor())
    assert latency.device.endswith((" thread", " threads"))
    assert evaluation.parameters == sum(weight.size for weight in weights)
    # The leaderboard's model_bytes rests on it.
    assert 4 * evaluation.parameters == sum(weight.nbytes for weight in weights)


class Counting:
    """A network that answers at once, or after so many seconds, and keeps what it was given."""

    def __init__(self, seconds=0.0):
        self.seconds = seconds
        self.calls = []

    def __call__(self, images):
        self.calls.append(len(images))
        time.sleep(self.seconds)
        return images


def test_calls_are_many_where_they_are_short_and_enough_where_they_are_long(monkeypatch):
    monkeypatch.setattr(inference_time, "_SECONDS", 0.05)
    quick, slow = Counting(), Counting(seconds=0.004)
    few = np.zeros((3, 8, 8, 1), np.uint8)
    latency = inference_time.measured_latency(quick, few)
    assert set(quick.calls) == {1, 32}
    assert quick.calls.count(32) == 203
    assert inference_time.measured_latency(slow, few).one.median >= 4
    assert slow.calls.count(1) < 20
    monkeypatch.setattr(inference_time, "_SECONDS", 0.0)
    monkeypatch.setattr(inference_time, "_WARM_UP_SECONDS", 0.0)
    slowest = Counting(seconds=0.004)
    inference_time.measured_latency(slowest, few)
    assert slowest.calls == [1] * 6 + [32] * 6
    assert latency.one.median <= latency.one.p95
    assert inference_time.median_of_one(quick, few[:1]) >= 0


def test_the_latency_alone_is_of_the_same_network(recipe, weights, dataset):
    assert 0 < trainables.latency(recipe, weights, dataset) < 1000
    with pytest.raises(DataError):
        trainables.latency(recipe, weights, replace(dataset, validation=dataset.validation[:0]))


def test_an_unknown_part_is_refused(recipe, weights, dataset):
    with pytest.raises(DataError, match="received 'Testing'"):
        trainables.evaluate(recipe, weights, dataset, "Testing")


def test_an_empty_part_is_refused(recipe, weights, dataset):
    with pytest.raises(DataError, match="received an empty 'test'"):
        trainables.evaluate(recipe, weights, replace(dataset, test=dataset.test[:0]), "test")


@pytest.mark.parametrize(("size", "batch"), [(8, 256), (96, 65), (150, 26), (1024, 8)])
def test_the_measuring_batch_depends_on_the_size_alone(size, batch):
    assert measuring_batch(size) == batch
