"""One operation per variable moves it as Keras' dozen do."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from test_optimizers import PLAIN

from trainables.optimizers import build_optimizer


def moved(settings, *, fused):
    generator = np.random.default_rng(0)
    variables = [
        keras.Variable(generator.normal(size=shape).astype(np.float32), name=name)
        for name, shape in (("kernel", (40, 8)), ("bias", (8,)))
    ]
    optimizer = build_optimizer(settings, steps=30, fused=fused)
    for _ in range(30):
        gradients = [
            keras.ops.convert_to_tensor(generator.normal(size=one.shape).astype(np.float32))
            for one in variables
        ]
        optimizer.apply(gradients, variables)
    return [np.asarray(one) for one in (*variables, *optimizer.variables)]


@pytest.mark.parametrize("name", ["adam", "adamw"])
@pytest.mark.parametrize("schedule", ["constant", "cosine"])
@pytest.mark.parametrize("decay", [0.0, 1e-2])
def test_thirty_steps_come_to_what_keras_comes_to(name, schedule, decay):
    settings = replace(
        PLAIN, optimizer=name, schedule=schedule, weight_decay=decay, learning_rate=0.01
    )
    ours, theirs = moved(settings, fused=True), moved(settings, fused=False)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_other_optimizers_are_keras_own():
    plain, fused = (
        build_optimizer(replace(PLAIN, optimizer="sgd"), steps=1, fused=fused)
        for fused in (False, True)
    )
    assert type(plain) is type(fused) is keras.optimizers.SGD
