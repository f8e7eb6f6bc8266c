"""winner/: what plain Keras makes of it, and that its pixels and numbers are ours."""

import json
import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest
import yaml
from PIL import Image
from trainables_samples import (
    CLASSES,
    RESNET,
    TRANSFER,
    make_dataset,
    make_recipe,
)

import scans
from neurosweep.errors import RunDirectoryError
from trainables import Statistics, export_winner, load_winner, predict, read_config
from trainables.assemble import build_core, build_measured
from trainables.measure import Meter

# Keras 3.15 saves its variables through an __array__ that NumPy 2 calls outdated.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning:keras"
)

STATISTICS = {
    1: Statistics(mean=(90.5,), std=(60.25,)),
    3: Statistics(mean=(90.5, 80.0, 70.0), std=(60.0, 50.0, 40.0)),
}
SIZES = [(16, 16), (40, 56), (101, 67), (9, 12)]


def photo(width, height, seed=0):
    """A colourful image with smooth and noisy parts."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    waves = [120 + 100 * np.sin(rows / (3 + c) + columns / (7 - c)) for c in range(3)]
    noisy = np.stack(waves, axis=-1) + generator.normal(0, 20, (height, width, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def export(folder, *, channels=1, family=RESNET, size=16, weights="none"):
    """Export a network with arbitrary weights; its recipe and those weights."""
    recipe = make_recipe(channels=channels, family=family, size=size, weights=weights)
    keras.utils.set_random_seed(3)
    initial = build_core(recipe).get_weights()
    generator = np.random.default_rng(0)
    trained = [
        each + 0.1 * np.abs(generator.standard_normal(each.shape)).astype(each.dtype)
        for each in initial
    ]
    export_winner(recipe, trained, STATISTICS[channels], folder, scores={"val_accuracy": 0.5})
    return recipe, trained


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """By channels: folder, recipe, weights."""
    folders = {channels: tmp_path_factory.mktemp(f"winner{channels}") for channels in (1, 3)}
    return {each: (folder, *export(folder, channels=each)) for each, folder in folders.items()}


@pytest.fixture(scope="module")
def grey(exported):
    return exported[1]


@pytest.mark.parametrize("channels", [1, 3])
def test_files_of_their_original_size_give_the_trained_networks_numbers(
    channels, exported, tmp_path
):
    folder, recipe, weights = exported[channels]
    core = build_core(recipe, weights=weights)
    meter = Meter(build_measured(recipe, core, STATISTICS[channels]))
    winner = load_winner(folder)
    for width, height in SIZES:
        path = tmp_path / f"{width}.png"
        Image.fromarray(photo(width, height)).save(path)
        color = "grey" if channels == 1 else "rgb"
        decoded = scans.decode(path, image_size=16, color=color)
        raw = scans.decode(path, image_size=None, color="rgb")
        assert raw.shape == (height, width, 3)
        assert predict(winner, [raw])[0] == pytest.approx(meter(decoded[None])[0], abs=1e-4)


def up_to_scaling(model):
    """The published model's pixels before they are scaled."""
    return keras.Model(model.input, model.get_layer("standardise").input)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_resize_inside_is_pillows(channels, size, exported, tmp_path):
    inside = up_to_scaling(load_winner(exported[channels][0]).model)
    path = tmp_path / "photo.png"
    Image.fromarray(photo(*size)).save(path)
    decoded = scans.decode(path, image_size=16, color="grey" if channels == 1 else "rgb")
    pixels = np.asarray(inside(photo(*size)[None]))[0]
    difference = np.abs(pixels - decoded)
    # Whole numbers both; sums in another order may round a tie the other way.
    assert difference.max() <= 1
    assert np.mean(difference > 0) < 0.01


def test_grey_inside_is_pillows_to_the_last_bit(grey):
    folder, *_ = grey
    model = load_winner(folder).model
    inside = keras.Model(model.input, model.get_layer("to_grey").output)
    image = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(image).convert("L"))
    assert np.array_equal(np.floor(inside(image[None]))[0, :, :, 0], expected)


def test_without_being_told_it_infers(grey):
    model = load_winner(grey[0]).model
    images = photo(40, 30)[None]
    before = [np.copy(each) for each in model.get_weights()]
    untold = np.asarray(model(images))
    assert np.array_equal(untold, model(images, training=False))
    assert all(map(np.array_equal, before, model.get_weights()))


# Plain Keras in an empty folder: no package of ours can be imported there.
_PLAIN = """
import json, sys
import keras, numpy as np
for name in ("trainables", "spaces", "scans", "neurosweep"):
    try:
        __import__(name)
    except ImportError:
        continue
    sys.exit(f"{name} can be imported")
images = np.load(sys.argv[1])
for path in sys.argv[2:]:
    model = keras.saving.load_model(path, safe_mode=True)
    layers = list(model._flatten_layers())
    print(json.dumps({
        "modules": sorted({type(layer).__module__.split(".")[0] for layer in layers}),
        "policies": sorted({layer.dtype_policy.name for layer in layers}),
        "input": [str(model.input.shape), str(model.input.dtype)],
        "probabilities": np.asarray(model(images)).tolist(),
    }))
"""
# Leaves the interpreter its own folders and takes away what an editable install adds.
_HIDE_OURS = (
    "import sys; "
    "sys.path[:] = [path for path in sys.path if 'lib' in path]; "
    "sys.meta_path[:] = [each for each in sys.meta_path if 'editable' not in repr(each)]\n"
)


def in_plain_keras(images, folders, tmp_path):
    """What a process says of each model that has Keras and none of our packages."""
    np.save(tmp_path / "images.npy", images)
    models = [folder / "model.keras" for folder in folders]
    done = subprocess.run(
        [sys.executable, "-I", "-c", _HIDE_OURS + _PLAIN, tmp_path / "images.npy", *models],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_plain_keras_loads_it_without_this_program(grey, tmp_path):
    other = tmp_path / "transfer"
    export(other, family=TRANSFER, size=32, weights="random")
    images = np.stack([photo(50, 40, seed) for seed in range(2)])
    for folder, said in zip(
        (grey[0], other), in_plain_keras(images, (grey[0], other), tmp_path), strict=True
    ):
        assert said["modules"] == ["keras"]
        assert said["policies"] == ["float32"]
        assert said["input"] == ["(None, None, None, 3)", "uint8"]
        ours = predict(load_winner(folder), list(images))
        assert np.allclose(said["probabilities"], ours, atol=1e-6)


def test_a_configuration_names_weights_as_the_user_did(tmp_path):
    recipe = make_recipe()
    told = replace(recipe, weights="s3://bucket/weights", weights_hash="abc")
    weights = build_core(recipe).get_weights()
    export_winner(recipe, weights, STATISTICS[1], tmp_path / "winner", recorded=told)
    assert read_config(tmp_path / "winner" / "config.yaml") == (told, {})


def test_config_and_labels_say_what_it_is(grey):
    folder, recipe, _ = grey
    assert json.loads((folder / "labels.json").read_text()) == list(CLASSES)
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert config["classes"] == list(CLASSES)
    assert config["statistics"] == {"mean": [90.5], "std": [60.25]}
    assert read_config(folder / "config.yaml") == (recipe, {"val_accuracy": 0.5})
    assert sorted(path.name for path in folder.iterdir()) == [
        "architecture.json",
        "config.yaml",
        "labels.json",
        "model.keras",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"is a YAML file; received .*No such file"),
        ("a: [", "is a YAML file"),
        ("- 1", "has the key 'recipe'"),
        ("name: x", "has the key 'recipe'"),
    ],
)
def test_a_configuration_that_is_none_is_refused(text, message, tmp_path):
    path = tmp_path / "config.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(RunDirectoryError, match=message):
        read_config(path)


def test_half_precision_and_fused_weights_become_a_stock_float32_model(tmp_path):
    import trainables

    recipe = make_recipe(epochs=1)
    data = make_dataset()
    core = build_core(recipe, precision="mixed_bfloat16", fused_batch_norm=True)
    assert any(type(layer).__name__ == "FusedBatchNormalization" for layer in core.layers)
    export_winner(recipe, core.get_weights(), Statistics.of(data), tmp_path)
    evaluation = trainables.evaluate(recipe, core.get_weights(), data, "test")
    images = [np.repeat(data.images[row], 3, axis=-1) for row in data.test]
    assert np.allclose(predict(load_winner(tmp_path), images), evaluation.probabilities, atol=1e-4)
