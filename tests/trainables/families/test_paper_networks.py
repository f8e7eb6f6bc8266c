"""With the papers' values each family is the papers' network: shapes and counts by hand."""

from itertools import pairwise

import keras_tuner
import pytest

import spaces
from spaces import Task
from trainables.families import FAMILIES

TASK = Task(image_size=150, channels=1, classes=("glioma", "meningioma", "notumor", "pituitary"))


@pytest.fixture(scope="module")
def networks():
    return {name: paper_network(name) for name in ("plain_cnn", "mini_vgg", "mini_resnet")}


def paper_network(name):
    hp = keras_tuner.HyperParameters()
    (hp.values,) = spaces.FAMILIES[name].papers(TASK)
    return FAMILIES[name](TASK).build(hp)


def shapes(model, suffix):
    return [layer.output.shape[1:] for layer in model.layers if layer.name.endswith(suffix)]


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


def conv(kernel, before, filters, *, bias=False):
    return kernel * kernel * before * filters + (filters if bias else 0)


def dense(before, width):
    return before * width + width


def norm(filters):
    return 4 * filters  # scale, offset, moving mean, moving variance


def test_five_conv_feature_maps_are_the_papers(networks):
    wanted = [(150, 150, 64), (75, 75, 128), (37, 37, 256), (18, 18, 512), (9, 9, 512)]
    for part in ("_conv", "_bn", "_relu"):
        assert shapes(networks["plain_cnn"], part)[:5] == wanted


def test_five_conv_blocks_are_conv_norm_relu_pool_then_two_hidden_layers(networks):
    block = ["Conv2D", "BatchNormalization", "ReLU", "MaxPooling2D"]
    head = ["Flatten", "Dense", "ReLU", "Dense", "ReLU", "Dense"]
    assert kinds(networks["plain_cnn"]) == ["InputLayer", *block * 5, *head]


def test_five_conv_parameters(networks):
    filters = [1, 64, 128, 256, 512, 512]
    convs = sum(conv(3, before, after) + norm(after) for before, after in pairwise(filters))
    # 150 is halved five times, rounding down: 75, 37, 18, 9, 4.
    head = dense(4 * 4 * 512, 512) + dense(512, 512) + dense(512, 4)
    assert networks["plain_cnn"].count_params() == convs + head == 8_373_572


def test_mini_vgg_feature_maps(networks):
    assert shapes(networks["mini_vgg"], "_pool") == [(75, 75, 64), (37, 37, 128), (18, 18, 256)]


def test_mini_vgg_has_three_blocks_of_two_convs_and_two_hidden_layers(networks):
    block = ["Conv2D", "ReLU", "Conv2D", "ReLU", "MaxPooling2D"]
    head = ["Flatten", "Dense", "ReLU", "Dense", "ReLU", "Dense"]
    assert kinds(networks["mini_vgg"]) == ["InputLayer", *block * 3, *head]


def test_mini_vgg_parameters(networks):
    convs = (
        (conv(3, 1, 64, bias=True) + conv(3, 64, 64, bias=True))
        + (conv(3, 64, 128, bias=True) + conv(3, 128, 128, bias=True))
        + (conv(3, 128, 256, bias=True) + conv(3, 256, 256, bias=True))
    )
    head = dense(18 * 18 * 256, 512) + dense(512, 512) + dense(512, 4)
    assert networks["mini_vgg"].count_params() == convs + head == 43_876_804


def test_mini_resnet_feature_maps(networks):
    model = networks["mini_resnet"]
    assert model.get_layer("stem_conv").output.shape[1:] == (75, 75, 64)
    assert model.get_layer("stem_pool").output.shape[1:] == (38, 38, 64)
    assert shapes(model, "_add") == [(38, 38, 64), (38, 38, 64)]


def test_mini_resnet_has_five_convs_and_two_identity_blocks_without_projections(networks):
    layers = kinds(networks["mini_resnet"])
    assert (layers.count("Conv2D"), layers.count("Add"), layers.count("Dense")) == (5, 2, 1)
    assert layers[-2:] == ["GlobalAveragePooling2D", "Dense"]


def test_mini_resnet_parameters(networks):
    stem = conv(7, 1, 64) + norm(64)
    blocks = 2 * 2 * (conv(3, 64, 64) + norm(64))
    assert networks["mini_resnet"].count_params() == stem + blocks + dense(64, 4) == 152_132


@pytest.mark.parametrize(
    ("family", "top_block"),
    [
        ("plain_cnn", ("block5_conv", "block5_bn", "fc1", "fc2", "softmax")),
        ("mini_vgg", ("block3_conv1", "block3_conv2", "hidden1", "hidden2", "softmax")),
        (
            "mini_resnet",
            (
                "stage1_block2_conv1",
                "stage1_block2_bn1",
                "stage1_block2_conv2",
                "stage1_block2_bn2",
                "softmax",
            ),
        ),
    ],
)
def test_top_blocks(networks, family, top_block):
    assert FAMILIES[family](TASK).top_block(networks[family]) == top_block


def test_paper_as_network_on_resnet50v2():
    hp = keras_tuner.HyperParameters()
    hp.values = next(
        settings
        for settings in spaces.FAMILIES["transfer"].papers(TASK)
        if settings["transfer/backbone"] == "ResNet50V2"
    )
    family = FAMILIES["transfer"](TASK, weights="random")
    model = family.build(hp)
    assert kinds(model)[-5:] == [
        "GlobalAveragePooling2D",
        "Dropout",
        "Dense",
        "Activation",
        "Dense",
    ]
    trained = [weight.path for weight in model.trainable_weights]
    assert trained == ["head_fc1/kernel", "head_fc1/bias", "softmax/kernel", "softmax/bias"]
    # Keras' ResNet50V2 without its classifier has 23,564,800 parameters.
    assert model.count_params() == 23_564_800 + dense(2048, 256) + dense(256, 4)
    top = family.top_block(model)
    assert all(name.startswith(("conv5_", "post_bn", "head_fc", "softmax")) for name in top)
    assert {"conv5_block1_preact_bn", "conv5_block3_3_conv", "post_bn", "head_fc1"} <= set(top)
