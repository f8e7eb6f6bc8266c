import pytest

import spaces

ALL = {name: {} for name in spaces.FAMILIES}


def papers(task, families, training=None):
    space = spaces.declare_space(task, families, training or {})
    return dict(spaces.paper_configurations(space, task, families))


def test_all_papers_settings_lie_in_the_default_space(task):
    found = papers(task, ALL)
    assert list(found)[:3] == [
        "paper B: 5-Conv CNN",
        "paper B: Mini-VGGNet",
        "paper B: Mini-ResNet",
    ]
    assert list(found)[3:] == [f"paper A: {name}" for name in spaces.DEFAULT_BACKBONES]


def test_paper_b_trains_with_adam_and_no_augmentation(task):
    for configuration in papers(task, ALL).values():
        assert configuration["training/optimizer"] == "adam"
        assert configuration["training/augmentation"] is False
        assert configuration["training/learning_rate"] == 1e-3
        assert configuration["training/batch_size"] == 32
        assert configuration["training/weight_decay"] == 0.0


def test_paper_bs_filters(task):
    configuration = papers(task, {"plain_cnn": {}})["paper B: 5-Conv CNN"]
    filters = [configuration[f"plain_cnn/filters_{step}"] for step in range(1, 6)]
    assert filters == [64, 128, 256, 512, 512]


def test_only_selected_backbones_get_paper_as_head(task):
    found = papers(task, {"transfer": {"backbones": ["VGG16", "ResNet50V2"]}})
    assert set(found) == {"paper A: VGG16", "paper A: ResNet50V2"}


@pytest.mark.parametrize(
    ("families", "training"),
    [
        ({"plain_cnn": {"filters": {"max": 128}}}, {}),
        ({"plain_cnn": {"blocks": 3}}, {}),
        ({"mini_vgg": {}}, {"optimizer": "sgd"}),
        ({"mini_vgg": {}}, {"augmentation": True}),
    ],
)
def test_settings_that_do_not_fit_are_left_out(task, families, training):
    assert papers(task, families, training) == {}


def test_a_paper_that_does_not_fit_the_image_size_is_left_out():
    small = spaces.Task(image_size=48, channels=1, classes=("a", "b"))
    assert set(papers(small, {"plain_cnn": {}, "mini_vgg": {}})) == {"paper B: Mini-VGGNet"}


def test_what_the_papers_leave_open_follows_the_experiment(task):
    training = {"patience": 2, "batch_size": 64, "learning_rate": 0.003}
    (configuration,) = papers(task, {"mini_resnet": {}}, training).values()
    assert configuration["training/patience"] == 2
    assert configuration["training/batch_size"] == 64
    assert configuration["training/learning_rate"] == 0.003


@pytest.mark.parametrize(
    ("paper", "ours"),
    [
        ("paper B: Mini-VGGNet", {"mini_vgg/dropout", "mini_vgg/batch_norm"}),
        (
            "paper B: Mini-ResNet",
            {
                *("mini_resnet/stem_filters", "mini_resnet/stem_kernel", "mini_resnet/kernel_1"),
                *("mini_resnet/stem_stride", "mini_resnet/stem_pool", "mini_resnet/filters_1"),
            },
        ),
        (
            "paper A: ResNet50V2",
            {f"transfer/{name}" for name in ("dropout", "width_1", "activation", "class_weights")},
        ),
        (
            "paper A: VGG16",
            {
                *("transfer/backbone", "transfer/dropout", "transfer/width_1"),
                *("transfer/activation", "transfer/class_weights"),
            },
        ),
    ],
)
def test_what_the_papers_leave_open_is_named(task, paper, ours):
    training = {
        "training/learning_rate",
        "training/schedule",
        "training/batch_size",
        "training/weight_decay",
        "training/label_smoothing",
        "training/patience",
    }
    assert set(spaces.left_open_by_papers(papers(task, ALL)[paper])) == ours | training
