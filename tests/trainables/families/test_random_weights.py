"""Random weights of a backbone: the same everywhere, and no one's seed but their own."""

import dataclasses
import random
import subprocess
import sys

import keras
import keras_tuner
import numpy as np
import pytest

from spaces import BACKBONES, Task
from trainables.backbone_weights import RANDOM_WEIGHTS_SEED
from trainables.families import Transfer
from trainables.families.backbone import build_backbone

TASK = Task(image_size=32, channels=3, classes=("a", "b"))
NAME = "MobileNetV2"


def backbone(seed):
    keras.utils.set_random_seed(seed)
    return build_backbone(BACKBONES[NAME], keras.Input((32, 32, 3)), weights="random")


def network(seed):
    hp = keras_tuner.HyperParameters()
    hp.values = {
        "transfer/backbone": NAME,
        "transfer/pooling": "average",
        "transfer/dropout": 0.5,
        "transfer/fc_layers": 1,
        "transfer/width_1": 8,
        "transfer/class_weights": "none",
        "transfer/activation": "relu",
    }
    keras.utils.set_random_seed(seed)
    return Transfer(TASK, weights="random").build(hp)


def checksum(model):
    return sum(float(np.abs(weight).sum(dtype=np.float64)) for weight in model.get_weights())


def test_they_do_not_depend_on_the_callers_seed():
    for one, two in zip(backbone(1).get_weights(), backbone(2).get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_they_are_drawn_at_all():
    kernel = backbone(0).get_layer("block_13_expand").kernel
    assert np.std(kernel) > 0


def test_they_are_the_same_in_another_process():
    code = (
        "import keras; keras.utils.set_random_seed(99)\n"
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_random_weights import backbone, checksum\n"
        "print(checksum(backbone(7)))"
    )
    folder = __file__.rpartition("/")[0]
    done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == checksum(backbone(5))


def test_the_head_follows_the_callers_seed():
    one, same, other = (network(seed).get_layer("head_fc1").get_weights()[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("fails", [False, True])
def test_the_callers_random_state_is_left_as_it_was(fails):
    keras.utils.set_random_seed(11)
    wanted = random.getstate()
    if fails:
        wrong = dataclasses.replace(BACKBONES[NAME], constructor="keras.applications.NoNet")
        with pytest.raises(AttributeError, match="NoNet"):
            build_backbone(wrong, keras.Input((32, 32, 3)), weights="random")
    else:
        build_backbone(BACKBONES[NAME], keras.Input((32, 32, 3)), weights="random")
    assert random.getstate() == wanted


def test_the_seed_is_a_name_others_may_rely_on():
    assert RANDOM_WEIGHTS_SEED == 0
