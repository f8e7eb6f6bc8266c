"""An equal model is not traced again, and trains as in a fresh process, to the last digit."""

import hashlib
import json

import pytest
from test_reproducible_training import in_fresh_processes
from trainables_samples import RESNET, go_on, make_dataset, make_recipe

import trainables
from trainables import traces

SETTINGS = {
    "epochs": 2,
    "augmentation": True,
    "augmentation_strength": 0.5,
    "schedule": "cosine",
    "weight_decay": 1e-3,
}
VGG = {
    "family": "mini_vgg",
    "mini_vgg/blocks": 2,
    "mini_vgg/convs": 1,
    "mini_vgg/filters_1": 4,
    "mini_vgg/filters_2": 4,
    "mini_vgg/hidden_width_1": 8,
    "mini_vgg/hidden_width_2": 8,
    "mini_vgg/dropout": 0.3,
    "mini_vgg/batch_norm": True,
}


def digest_of(result):
    total = hashlib.sha256()
    figures = [
        {name: value for name, value in record.items() if not name.endswith("seconds")}
        for record in result.history
    ]
    total.update(json.dumps(figures).encode())
    for array in (result.validation_probabilities, *result.weights):
        total.update(array.tobytes())
    return total.hexdigest()


def train(seed=0, **settings):
    return trainables.fit(make_recipe(seed=seed, **{**SETTINGS, **settings}), make_dataset(), go_on)


@pytest.fixture
def traced(monkeypatch):
    """How often a model was taken again (True) or kept anew (False)."""
    seen = []
    again = traces.again

    def watch(key, fresh):
        found = again(key, fresh)
        seen.append(found is not fresh)
        return found

    monkeypatch.setattr(traces, "again", watch)
    traces.forget()
    return seen


@pytest.mark.parametrize("family", [RESNET, VGG], ids=["batch norm", "dropout"])
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "rmsprop"])
def test_a_repeat_is_as_if_it_had_been_first(traced, family, optimizer):
    train(seed=1, family=family, optimizer=optimizer)
    repeat = train(seed=2, family=family, optimizer=optimizer)
    assert traced == [False, True]
    traces.forget()
    first = train(seed=2, family=family, optimizer=optimizer)
    assert traced == [False, True, False]
    assert digest_of(repeat) == digest_of(first)
    assert repeat.tracing_seconds < first.tracing_seconds


def test_a_repeat_is_as_in_a_fresh_process(traced):
    train(seed=1, optimizer="adamw")
    assert in_fresh_processes(1, "test_traces", threads=1) == [digest()]
    assert traced == [False, True]


def digest():
    return digest_of(train(seed=2, optimizer="adamw"))


def test_one_that_was_broken_off_leaves_nothing_behind(traced):
    recipe = make_recipe(seed=1, **SETTINGS)

    class BrokenOffError(Exception):
        pass

    def break_off(record):
        raise BrokenOffError

    with pytest.raises(BrokenOffError):
        trainables.fit(recipe, make_dataset(), break_off)
    repeat = train(seed=2)
    assert traced == [False, True]
    traces.forget()
    assert digest_of(repeat) == digest_of(train(seed=2))


@pytest.mark.parametrize(
    "change",
    [
        {"learning_rate": 2e-2},
        {"batch_size": 8},
        {"label_smoothing": 0.1},
        {"weight_decay": 0.0},
        {"augmentation_strength": 0.2},
        {"schedule": "constant"},
        {"epochs": 3},
        {"family": VGG},
    ],
)
def test_what_is_traced_differently_is_traced(traced, change):
    train()
    train(**change)
    assert traced == [False, False]


def test_other_statistics_of_the_pixels_are_traced(traced):
    recipe = make_recipe(seed=1, **SETTINGS)
    trainables.fit(recipe, make_dataset(), go_on)
    trainables.fit(recipe, make_dataset(seed=1), go_on)
    assert traced == [False, False]


def test_only_the_model_trained_last_is_kept(traced):
    train()
    train(family=VGG)
    train()
    assert traced == [False, False, False]
