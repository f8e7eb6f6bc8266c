import numpy as np
from trainables_samples import go_on, make_recipe

import trainables
from trainables import FineTune


def test_a_recipe_without_fine_tuning_is_fitted(dataset):
    recipe = make_recipe(epochs=1)
    replayed = trainables.rerun(recipe, dataset)
    fitted = trainables.fit(recipe, dataset, go_on)
    assert np.array_equal(replayed.validation_probabilities, fitted.validation_probabilities)
    assert replayed.before_val_accuracy is None


def test_a_recipe_with_fine_tuning_is_fitted_and_tuned(dataset):
    recipe = make_recipe(epochs=2, fine_tune=FineTune(epochs=1, patience=1))
    seen = []
    replayed = trainables.rerun(recipe, dataset, lambda record: seen.append(record) or True)
    fitted = trainables.fit(recipe, dataset, go_on)
    tuned = trainables.fine_tune(recipe, fitted.weights, dataset, go_on)
    assert np.array_equal(replayed.validation_probabilities, tuned.validation_probabilities)
    assert [record["epoch"] for record in seen] == [1, 2, 1]
