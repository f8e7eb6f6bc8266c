"""Fine-tuning on two devices comes to what it comes to on one; here they are halves of a CPU."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from neurosweep.errors import NeurosweepError
from trainables import devices
from trainables.mirrored import mirrored

CODE = """
import sys
from dataclasses import replace
from pathlib import Path
import numpy as np
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from trainables import FineTune, Runtime, fine_tune, runtime, start
from trainables import devices
from trainables.assemble import build_core
from trainables_samples import TRANSFER, go_on, make_dataset, make_recipe

cache, precision = sys.argv[1:3]
start(Runtime(threads=1, precision=precision))
dataset = make_dataset(images=70, size=32, channels=3, cache=Path(sys.argv[3]))
dataset = replace(dataset, train=np.arange(33), validation=np.arange(33, 70))  # the last batch: 1
plan = FineTune(
    epochs=1, patience=1, learning_rate=1e-3, rate_decay=0.5, weight_decay=0.01, cache=cache
)
family = {**TRANSFER, "transfer/dropout": 0.0, "transfer/class_weights": "balanced"}
recipe = make_recipe(
    size=32, channels=3, family=family, weights="random", label_smoothing=0.1, fine_tune=plan
)
weights = build_core(recipe).get_weights()


def tuned(names, parts=1):
    devices._mirrored = names
    own = replace(recipe, fine_tune=replace(plan, accumulation=parts))
    result = fine_tune(own, weights, dataset, go_on)
    print([round(each["loss"], 4) for each in result.history])
    return result


one, two, parts = tuned(()), tuned(("CPU:0", "CPU:1")), tuned(("CPU:0", "CPU:1"), parts=2)
near = 1e-3 if precision == "float32" else 2e-2
for other in (two, parts):
    for theirs, ours in zip(one.history, other.history, strict=True):
        for name in ("loss", "accuracy", "val_loss"):
            np.testing.assert_allclose(ours[name], theirs[name], rtol=near, atol=near)
    for theirs, ours in zip(one.weights, other.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=near, atol=near)
assert any((a != b).any() for a, b in zip(one.weights, weights))
print("equal")
"""


@pytest.mark.timeout(560)
@pytest.mark.parametrize(
    ("cache", "precision"), [("float32", "float32"), ("none", "mixed_float16")]
)
def test_two_devices_come_to_what_one_comes_to(cache, precision, tmp_path):
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parents[1])])
    done = subprocess.run(
        [sys.executable, "-c", CODE, cache, precision, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.stdout.endswith("equal\n"), done.stdout + done.stderr[-3000:]


@pytest.mark.parametrize(
    ("gpus", "names"), [(None, ()), (0.5, ()), (1.0, ()), (2.0, ("GPU:0", "GPU:1"))]
)
def test_only_who_was_given_several_gpus_trains_on_several(monkeypatch, gpus, names):
    import tensorflow as tf

    monkeypatch.setattr(devices, "_mirrored", ())
    monkeypatch.setattr(devices, "_total_memory", lambda _: 16 * 2**30)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: ["a", "b"])
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", lambda *_: None)
    monkeypatch.setattr(tf.config, "set_logical_device_configuration", lambda *_: None)
    devices.share_gpus(gpus)
    assert devices.devices_to_mirror() == names


def test_devices_that_are_not_there_are_refused_and_not_waited_for(monkeypatch):
    monkeypatch.setattr(devices, "_mirrored", ("GPU:0", "GPU:7"))
    with pytest.raises(NeurosweepError, match=r"\['GPU:0', 'GPU:7'\] are not among \['CPU:0'\]"):
        mirrored()
