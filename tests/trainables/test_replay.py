import numpy as np
import pytest
from trainables_samples import go_on, make_dataset, make_recipe

import trainables
from trainables import FineTune

TUNED = make_recipe(epochs=2, fine_tune=FineTune(epochs=1, patience=1))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return make_dataset(cache=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def fitted(dataset):
    return trainables.fit(TUNED, dataset, go_on)


def test_a_recipe_without_fine_tuning_is_fitted(fitted, dataset):
    replayed = trainables.rerun(make_recipe(epochs=2), dataset)
    assert np.array_equal(replayed.validation_probabilities, fitted.validation_probabilities)
    assert replayed.before_val_accuracy is None


def test_a_recipe_with_fine_tuning_is_fitted_and_tuned(fitted, dataset):
    seen = []
    replayed = trainables.rerun(TUNED, dataset, lambda record: seen.append(record) or True)
    tuned = trainables.fine_tune(TUNED, fitted.weights, dataset, go_on)
    assert np.array_equal(replayed.validation_probabilities, tuned.validation_probabilities)
    assert [record["epoch"] for record in seen] == [1, 2, 1]
