"""A trial is computed in its family's variant, and a replay in the recorded one."""

import os
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import keras
import numpy as np
import pytest
from trainables_samples import go_on, make_dataset, make_recipe

from trainables import Runtime, fit, runtime
from trainables.accumulation import trained_model
from trainables.bench import compiled
from trainables.layers import FusedBatchNormalization, all_layers
from trainables.runtime import recorded_runtime
from trainables.settings import TrainingSettings

OWN = {"precision": "mixed_bfloat16", "fused_batch_norm": True}


def trained_under(monkeypatch, chosen, recipe):
    monkeypatch.setattr(runtime, "_started", chosen)
    return fit(recipe, make_dataset(), go_on).validation_probabilities


def test_a_replay_under_the_recorded_runtime_comes_to_the_same_digits(monkeypatch):
    search = Runtime(threads=1, families={"mini_resnet": OWN})
    recipe = make_recipe(epochs=1)
    first = trained_under(monkeypatch, search, recipe)
    alone = Runtime(**recorded_runtime(search.record(), "mini_resnet"))
    np.testing.assert_array_equal(trained_under(monkeypatch, alone, recipe), first)
    other = trained_under(monkeypatch, replace(search, families={}), recipe)
    assert not np.array_equal(other, first)


def test_the_networks_of_a_family_are_built_as_it_says(monkeypatch):
    built = []

    def watch(recipe, **how):
        core = build(recipe, **how)
        built.append((how, any(isinstance(x, FusedBatchNormalization) for x in all_layers(core))))
        return core

    from trainables import fitting

    build = fitting.build_core
    monkeypatch.setattr(fitting, "build_core", watch)
    trained_under(monkeypatch, Runtime(threads=1, families={"mini_resnet": OWN}), make_recipe())
    assert built == [(OWN, True)]


@pytest.fixture
def _without_determinism(monkeypatch):
    """As Keras sees it: this process has it on for all tests."""
    asked = import_module("tensorflow.python.framework.config")
    monkeypatch.setattr(asked, "is_op_determinism_enabled", lambda: False)


@pytest.mark.usefixtures("_without_determinism")
@pytest.mark.parametrize(
    ("xla", "strength", "parts", "expected"),
    [(True, 0.0, 1, True), (False, 0.0, 1, False), (True, 0.5, 1, False), (True, 0.0, 2, False)],
)
def test_xla_compiles_what_it_can(xla, strength, parts, expected):
    inputs = keras.Input((4,))
    outputs = keras.layers.Dense(2, activation="softmax")(inputs)
    model = trained_model(inputs, outputs, name="one", parts=parts)
    settings = replace(
        TrainingSettings.read(make_recipe().configuration), augmentation_strength=strength
    )
    chosen = Runtime(threads=1, deterministic=False, xla=xla)
    assert compiled(model, keras.optimizers.Adam(), settings, chosen).jit_compile is expected


def test_a_trial_that_xla_compiles_comes_to_what_others_do():
    """In a process of its own: determinism, which XLA cannot have, is never switched off again."""
    code = """
import numpy as np
from trainables import Runtime, fit, runtime, start
from trainables_samples import go_on, make_dataset, make_recipe
start(Runtime(threads=1, deterministic=False))
plain = fit(make_recipe(epochs=1), make_dataset(), go_on).validation_probabilities
runtime._started = Runtime(threads=1, deterministic=False, xla=True)
fast = fit(make_recipe(epochs=1), make_dataset(), go_on).validation_probabilities
np.testing.assert_allclose(fast, plain, atol=2e-3)
from trainables import measure_precision, precision
precision._SECONDS_PER_VARIANT = 0.05
found = measure_precision(family="mini_vgg", image_size=16, channels=1, with_xla=True)
print(sum(name.endswith("+xla") for name in found["images_per_second"]))
"""
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parents[1])])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert (done.stdout, done.returncode) == ("1\n", 0), done.stderr
