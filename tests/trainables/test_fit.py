import gc
import math
import time
from dataclasses import replace

import numpy as np
import pytest
from trainables_samples import TRANSFER, go_on, make_dataset, make_recipe

import trainables
from neurosweep.errors import DataError, DivergedError, InfeasibleError, SpaceError
from trainables import metrics
from trainables.assemble import build_core
from trainables.fitting import start_afresh


@pytest.fixture(scope="module")
def recipe():
    return make_recipe(epochs=4, label_smoothing=0.1)


@pytest.fixture(scope="module")
def result(recipe, dataset):
    return trainables.fit(recipe, dataset, go_on)


def test_it_learns_and_says_so_epoch_by_epoch(result):
    assert [record["epoch"] for record in result.history] == [1, 2, 3, 4]
    assert result.history[-1]["loss"] < result.history[0]["loss"]
    assert {record["learning_rate"] for record in result.history} == {0.01}
    assert all(record["seconds"] > 0 for record in result.history)
    assert (result.epochs, result.stop_reason) == (4, "finished")
    assert result.seconds >= sum(record["seconds"] for record in result.history)


def test_scores_are_those_of_the_stored_probabilities(result, dataset):
    labels = dataset.labels[dataset.validation]
    probabilities = result.validation_probabilities
    assert probabilities.shape == (20, 4)
    assert probabilities.dtype == np.float32
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert result.val_accuracy == np.mean(probabilities.argmax(axis=1) == labels)
    # Plain cross-entropy, although training smooths the labels.
    assert result.val_loss == metrics.cross_entropy(probabilities, labels)


def test_the_kept_epoch_is_the_best_of_the_history(result):
    best = max(result.history, key=lambda record: (record["val_accuracy"], -record["val_loss"]))
    assert result.kept_epoch == best["epoch"]
    assert result.val_accuracy == best["val_accuracy"]
    assert result.val_loss == best["val_loss"]


def test_the_kept_weights_give_the_stored_probabilities(result, recipe, dataset):
    evaluation = trainables.evaluate(recipe, result.weights, dataset, "validation")
    assert np.array_equal(evaluation.probabilities, result.validation_probabilities)
    assert result.parameters == sum(weight.size for weight in result.weights)


def test_a_network_beyond_its_bound_is_not_trained(recipe, dataset, result):
    told = []
    with pytest.raises(
        InfeasibleError, match=r"may have 10 parameters; this one has [\d,]+$"
    ) as it:
        trainables.fit(recipe, dataset, told.append, most_parameters=10)
    assert not told
    assert it.value.parameters == result.parameters
    at_bound = trainables.fit(recipe, dataset, lambda _: False, most_parameters=result.parameters)
    assert at_bound.epochs == 1


def test_the_epoch_of_the_lowest_loss_is_kept_where_that_is_asked_for(recipe, dataset):
    by_loss = trainables.fit(replace(recipe, keep_by="val_loss"), dataset, go_on)
    lowest = min(by_loss.history, key=lambda record: record["val_loss"])
    assert by_loss.kept_epoch == lowest["epoch"]
    assert by_loss.val_loss == lowest["val_loss"]


def test_another_seed_gives_other_numbers(result, recipe, dataset):
    other = trainables.fit(replace(recipe, seed=1, stop_epoch=1), dataset, go_on)
    assert other.history[0]["loss"] != result.history[0]["loss"]
    assert other.val_loss != result.history[0]["val_loss"]


def test_a_false_report_stops_at_once(dataset):
    seen = []

    def report(record):
        seen.append(record)
        return len(seen) < 2

    result = trainables.fit(make_recipe(epochs=5), dataset, report)
    assert (result.epochs, result.stop_reason) == (2, "stopped")
    assert seen == result.history


def test_a_replay_of_a_stopped_row_gives_its_figures(dataset):
    recipe = make_recipe(epochs=5, schedule="cosine", augmentation=True, augmentation_strength=0.5)
    stopped = trainables.fit(recipe, dataset, lambda record: record["epoch"] < 2)
    replayed = trainables.fit(replace(recipe, stop_epoch=2), dataset, go_on)
    assert (replayed.epochs, replayed.stop_reason) == (2, "stopped")
    assert replayed.val_loss == stopped.val_loss
    assert np.array_equal(replayed.validation_probabilities, stopped.validation_probabilities)


def test_time_spent_reporting_is_not_counted(dataset):
    def slow(record):
        time.sleep(0.4)
        return True

    before = time.perf_counter()
    result = trainables.fit(make_recipe(epochs=2), dataset, slow)
    trained = time.perf_counter() - before - 2 * 0.4
    assert result.seconds <= trained
    assert sum(record["seconds"] for record in result.history) <= trained


def test_patience_ends_training_early(dataset):
    # So small a rate changes no prediction within three epochs, and losses by rounding only.
    recipe = make_recipe(epochs=9, learning_rate=1e-30, optimizer="sgd", patience=2)
    result = trainables.fit(recipe, dataset, go_on)
    assert result.stop_reason == "early_stopping"
    assert result.epochs == result.kept_epoch + 2


def test_a_loss_that_is_lost_ends_training_in_mid_epoch(dataset):
    images = dataset.images.astype(np.uint8)
    broken = replace(dataset, images=images, std=np.array([np.nan], np.float32))
    seen = []
    with pytest.raises(DivergedError, match="finite loss; received nan in epoch 1"):
        trainables.fit(make_recipe(), broken, lambda record: seen.append(record) or True)
    assert seen == []


def test_too_high_a_rate_diverges(dataset):
    recipe = make_recipe(epochs=20, optimizer="sgd", learning_rate=1e30)
    with pytest.raises(DivergedError, match="learning rate is probably too high"):
        trainables.fit(recipe, dataset, go_on)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "rmsprop"])
def test_every_optimizer_trains_with_all_settings_at_once(optimizer, dataset):
    recipe = make_recipe(
        epochs=1,
        optimizer=optimizer,
        schedule="cosine",
        weight_decay=1e-3,
        label_smoothing=0.1,
        augmentation=True,
        augmentation_strength=1.0,
    )
    result = trainables.fit(recipe, dataset, go_on)
    assert math.isfinite(result.val_loss)
    assert result.history[0]["learning_rate"] == pytest.approx(0.0, abs=1e-8)


def test_nothing_of_a_model_stays_in_memory(dataset):
    """Graphs of TensorFlow would keep their weights with them."""

    def symbols():
        gc.collect()
        return sum(type(each).__name__ == "SymbolicTensor" for each in gc.get_objects())

    left = []
    for rate in (1e-2, 2e-2):  # another rate is another graph, since the schedule is part of it
        trainables.fit(make_recipe(epochs=1, learning_rate=rate, schedule="cosine"), dataset, go_on)
        left.append(symbols())
    assert left[1] - left[0] < 10


def test_a_frozen_backbone_stays_and_its_head_learns(tmp_path):
    recipe = make_recipe(epochs=1, size=32, family=TRANSFER, weights="random")
    result = trainables.fit(recipe, make_dataset(size=32, cache=tmp_path), go_on)
    assert len(result.weights) == 4  # kernel and bias of two layers: the head's alone
    start_afresh(recipe.seed)
    first = build_core(recipe)
    changed = [
        not np.array_equal(one, two)
        for one, two in zip(
            first.get_weights(),
            build_core(recipe, weights=result.weights).get_weights(),
            strict=True,
        )
    ]
    assert changed == [False] * (len(changed) - 4) + [True] * 4
    assert result.parameters == first.count_params()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": ("a", "b", "c", "d")}, r"classes \['glioma'.*received .*\['a', 'b'"),
        ({"images": np.zeros((90, 8, 8, 1), np.uint8)}, r"\(16, 16, 1\).*received \(8, 8, 1\)"),
        ({"validation": np.array([], np.int64)}, "received 50 and 0"),
    ],
)
def test_a_data_set_that_does_not_fit_is_refused(change, message, dataset):
    with pytest.raises(DataError, match=message):
        trainables.fit(make_recipe(), replace(dataset, **change), go_on)


def test_an_unknown_family_is_refused(dataset):
    recipe = make_recipe(family={"family": "mini_resnett"})
    with pytest.raises(SpaceError, match="received 'mini_resnett'"):
        trainables.fit(recipe, dataset, go_on)
