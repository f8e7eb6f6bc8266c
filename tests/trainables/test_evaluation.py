from dataclasses import replace

import numpy as np
import pytest
from trainables_samples import go_on, make_recipe

import trainables
from neurosweep.errors import DataError
from trainables import metrics
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
    assert 0 < evaluation.latency_ms < 1000
    assert evaluation.parameters == sum(weight.size for weight in weights)


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
