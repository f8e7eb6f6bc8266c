"""A network trained in half precision is measured as its float32 twin would be, to the last bit."""

import keras
import keras_tuner
import numpy as np
import pytest
from test_family_contract import CASES, CUSTOM

from spaces import BACKBONES, Task
from trainables import Recipe, Statistics
from trainables.assemble import build_core, build_measured
from trainables.families import FAMILIES
from trainables.measure import Meter

STATISTICS = Statistics(mean=(127.5,), std=(73.6,))
HALF = "mixed_bfloat16"
# Their own kind of preprocessing each; the others take minutes.
QUICK = (*CUSTOM, "MobileNetV2", "EfficientNetB0", "EfficientNetV2B0")


def recipe_of(name):
    record = BACKBONES.get(name)
    size = record.minimum_size if record else 32
    task = Task(image_size=size, channels=1, classes=("a", "b", "c"))
    hp = keras_tuner.HyperParameters()
    if record is None:
        FAMILIES[name](task).declare_hyperparameters(hp)
        return Recipe(configuration={"family": name, **hp.values}, task=task, epochs=1, seed=0)
    configuration = {
        "family": "transfer",
        "transfer/backbone": name,
        "transfer/pooling": "average",
        "transfer/dropout": 0.3,
        "transfer/fc_layers": 1,
        "transfer/width_1": 8,
        "transfer/class_weights": "none",
        "transfer/activation": "relu",
    }
    return Recipe(configuration=configuration, task=task, epochs=1, seed=0, weights="random")


def probabilities(recipe, core):
    size = recipe.task.image_size
    pixels = np.random.default_rng(0).integers(0, 256, (3, size, size, 1), dtype=np.uint8)
    return Meter(build_measured(recipe, core, STATISTICS))(pixels)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.long) for name in CASES],
)
def test_it_is_measured_as_its_float32_twin(name):
    keras.utils.set_random_seed(0)
    recipe = recipe_of(name)
    core = build_core(recipe, precision=HALF, fused_batch_norm=True)
    policies = [layer.dtype_policy for layer in core.layers]
    measured = probabilities(recipe, core)
    # Training steps, traced before or after, are in half precision as before.
    assert [layer.dtype_policy for layer in core.layers] == policies
    assert HALF in {policy.name for policy in policies}
    twin = build_core(recipe, weights=core.get_weights(), fused_batch_norm=True)
    assert measured.tobytes() == probabilities(recipe, twin).tobytes()
    keras.backend.clear_session()
