import keras_tuner
import pytest

import spaces
from neurosweep.errors import SpaceError


def names(space):
    return [hp.name for hp in space.space]


def bounds(space, name):
    return [row for row in spaces.describe(space) if row["name"] == name]


def test_family_comes_first_then_each_family_then_training(task):
    declared = names(spaces.declare_space(task, {name: {} for name in spaces.FAMILIES}, {}))
    scopes = list(dict.fromkeys(name.partition("/")[0] for name in declared))
    assert scopes == ["family", "plain_cnn", "mini_vgg", "mini_resnet", "transfer", "training"]


def test_training_hyperparameters_have_the_names_others_rely_on(task):
    declared = names(spaces.declare_space(task, {"mini_vgg": {}}, {"epochs": 30}))
    assert {name for name in declared if name.startswith("training/")} == {
        "training/optimizer",
        "training/learning_rate",
        "training/schedule",
        "training/batch_size",
        "training/weight_decay",
        "training/label_smoothing",
        "training/augmentation",
        "training/augmentation_strength",
        "training/patience",
    }


def test_inactive_families_have_no_values(task):
    space = spaces.declare_space(task, {"mini_vgg": {}, "plain_cnn": {}}, {})
    assert space.get("family") == "mini_vgg"
    assert not any(name.startswith("plain_cnn/") for name in space.values)


def test_a_null_narrowing_is_an_empty_one(task):
    assert names(spaces.declare_space(task, {"mini_vgg": None}, {})) == names(
        spaces.declare_space(task, {"mini_vgg": {}}, {})
    )


def test_the_architectures_own_example_of_narrowing(task):
    space = spaces.declare_space(task, {"mini_resnet": {"filters": {"max": 64}}}, {})
    filters = [hp for hp in space.space if hp.name.startswith("mini_resnet/filters")]
    assert len(filters) == 4
    assert max(max(hp.values) for hp in filters) == 64


def test_a_fixed_optimiser_leaves_one_learning_rate(task):
    space = spaces.declare_space(task, {"mini_vgg": {}}, {"optimizer": "sgd"})
    (row,) = bounds(space, "training/learning_rate")
    assert (row["range"], row["condition"]) == ("0.0001 to 0.3, logarithmic", "")


def test_a_value_fixes_the_learning_rate_under_every_optimiser(task):
    space = spaces.declare_space(task, {"mini_vgg": {}}, {"learning_rate": 0.01})
    assert [row["range"] for row in bounds(space, "training/learning_rate")] == ["0.01", "0.01"]


def test_without_augmentation_there_is_no_strength(task):
    space = spaces.declare_space(task, {"mini_vgg": {}}, {"augmentation": False})
    assert "training/augmentation_strength" not in names(space)


def test_cached_features_take_augmentation_from_copies_and_images_as_they_come(task):
    families = {"mini_vgg": {}, "transfer": {"copies": 2}}
    space = spaces.declare_space(task, families, {})
    told = [(row["range"], row["condition"]) for row in bounds(space, "training/augmentation")]
    assert told == [
        ("False, True", "family = mini_vgg"),
        ("False, True", "family = transfer"),
    ]
    (strength,) = bounds(space, "training/augmentation_strength")
    assert strength["condition"] == "family = mini_vgg and training/augmentation = True"


def test_without_copies_heads_have_no_augmentation(task):
    space = spaces.declare_space(task, {"transfer": {}}, {})
    assert [row["range"] for row in bounds(space, "training/augmentation")] == ["False"]
    assert "training/augmentation_strength" not in names(space)


def test_each_layer_of_a_head_has_its_own_width(task):
    space = spaces.declare_space(task, {"transfer": {"fc_layers": [1, 2, 3], "width": 64}}, {})
    widths = {
        f"transfer/width_{step}": bounds(space, f"transfer/width_{step}") for step in (1, 2, 3)
    }
    assert {name: row["range"] for name, (row,) in widths.items()} == dict.fromkeys(widths, "64")
    conditions = [row["condition"].partition(" and ")[2] for (row,) in widths.values()]
    assert conditions == ["", "transfer/fc_layers = 2 or 3", "transfer/fc_layers = 3"]


def test_image_size_limits_depth():
    small = spaces.Task(image_size=32, channels=1, classes=("a", "b"))
    space = spaces.declare_space(small, {"plain_cnn": {}, "mini_resnet": {}}, {})
    assert bounds(space, "plain_cnn/blocks")[0]["range"] == "3 to 4"
    assert bounds(space, "mini_resnet/stages")[0]["range"] == "1 to 3"


def test_large_images_need_deep_networks():
    large = spaces.Task(image_size=512, channels=1, classes=("a", "b"))
    space = spaces.declare_space(large, {"plain_cnn": {}, "mini_vgg": {}}, {})
    assert bounds(space, "plain_cnn/blocks")[0]["range"] == "4 to 6"
    assert bounds(space, "mini_vgg/blocks")[0]["range"] == "4 to 5"


@pytest.mark.parametrize(
    ("size", "families", "training", "message"),
    [
        (150, {}, {}, "at least one family, received none"),
        (150, {"mini_resnext": {}}, {}, r"'mini_resnext'\. Did you mean mini_resnet\?"),
        (150, {"mini_vgg": {"block": 3}}, {}, r"'block'\. Did you mean blocks\?"),
        (150, {"mini_vgg": {"blocks": {"min": 4, "max": 3}}}, {}, "min = 4 and max = 3"),
        (150, {"mini_vgg": {}}, {"optimiser": "adam"}, r"Did you mean optimizer\?"),
        (
            150,
            {"mini_vgg": {}},
            {"optimizer": "lion"},
            "adam, adamw, sgd, rmsprop, received 'lion'",
        ),
        (150, {"mini_vgg": {}}, {"learning_rate": 3}, "training/learning_rate can be a number"),
        (8, {"plain_cnn": {}}, {}, "plain_cnn .* images need 16 pixels, received image_size = 8"),
        (12, {"plain_cnn": {}}, {}, "received image_size = 12"),
        (12, {"plain_cnn": {"blocks": 6}}, {}, "received image_size = 12"),
        (32, {"plain_cnn": {"blocks": 6}}, {}, "whole number from 3 to 4, received 6"),
        (150, {"plain_cnn": {"stride": 2}}, {}, r"With 6 blocks, block 1 .* must have stride 1"),
        (150, {"transfer": {"backbones": ["ResNet50v2"]}}, {}, r"Did you mean ResNet50V2\?"),
        (150, {"transfer": {"backbones": []}}, {}, "at least one backbone, received an empty"),
        (64, {"transfer": {"backbones": ["Xception"]}}, {}, "Xception takes images of at least 71"),
        (150, {"transfer": {"backbones": ["ConvNextTiny"]}}, {}, r"Did you mean ConvNeXtTiny\?"),
        (150, {"transfer": {"backbones": ["NasNetMobil"]}}, {}, r"Did you mean NASNetMobile\?"),
        (16, {"transfer": {}}, {}, "none takes images of 16 pixels"),
        (150, {"transfer": {"fc_layers": 4}}, {}, "transfer/fc_layers can be .* received 4"),
        (150, {"transfer": {"pooling": "mean"}}, {}, "average, max, both, received 'mean'"),
        (150, {"transfer": {}}, {"augmentation": True}, "copies = 0. Set copies to 1"),
    ],
)
def test_what_cannot_be_declared_is_refused(size, families, training, message):
    task = spaces.Task(image_size=size, channels=1, classes=("a", "b"))
    with pytest.raises(SpaceError, match=message):
        spaces.declare_space(task, families, training)


def test_eight_pixels_are_enough_for_the_smallest_networks():
    task = spaces.Task(image_size=8, channels=1, classes=("a", "b"))
    space = spaces.declare_space(task, {"mini_vgg": {}, "mini_resnet": {}}, {})
    assert bounds(space, "mini_vgg/blocks")[0]["range"] == "2"
    assert bounds(space, "mini_resnet/stages")[0]["range"] == "1"


def test_settings_of_transfer_are_no_hyperparameters(task):
    settings = {
        "backbones": ["VGG16", "MobileNetV2"],
        "keep": 4,
        "weights": "random",
        "preprocessing": "native",
        "image_size": "native",
        "copies": 2,
        "screen_both": True,
    }
    space = spaces.declare_space(task, {"transfer": settings}, {})
    assert [name for name in names(space) if name.startswith("transfer/")] == [
        "transfer/backbone",
        "transfer/pooling",
        "transfer/dropout",
        "transfer/fc_layers",
        "transfer/width_1",
        "transfer/width_2",
        "transfer/activation",
        "transfer/class_weights",
    ]
    assert bounds(space, "transfer/backbone")[0]["range"] == "VGG16, MobileNetV2"


def test_default_backbones_leave_out_those_that_need_larger_images():
    small = spaces.Task(image_size=64, channels=1, classes=("a", "b"))
    left = spaces.selected_backbones(small, {})
    assert set(spaces.DEFAULT_BACKBONES) - set(left) == {"InceptionV3", "Xception"}
    assert spaces.selected_backbones(small, {"image_size": "native"}) == spaces.DEFAULT_BACKBONES
    assert spaces.selected_backbones(small, {"image_size": 75}) == spaces.DEFAULT_BACKBONES


def test_the_default_roster_is_paper_as_and_six_more_are_there_by_name():
    assert len(spaces.DEFAULT_BACKBONES) == 13
    assert tuple(spaces.BACKBONES)[:13] == spaces.DEFAULT_BACKBONES
    more = [name for name, record in spaces.BACKBONES.items() if not record.in_roster]
    assert len(more) == 6
    task = spaces.Task(image_size=75, channels=1, classes=("a", "b"))
    assert spaces.selected_backbones(task, {"backbones": more}) == tuple(more)
    assert set(spaces.selected_backbones(task, {})).isdisjoint(more)


def test_a_family_alone_serves_kerastuners_own_tuners(task):
    hp = keras_tuner.HyperParameters()
    spaces.declare_family(hp, "mini_vgg", task)
    assert hp.get("family") == "mini_vgg"
    assert hp.get("mini_vgg/blocks") == 3
