"""winner/model.keras of every backbone: loads in plain Keras, and gives what its parts give.

All are exported here and loaded in one other process, in which no package of ours can be imported.
"""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

import scans
from spaces import BACKBONES, Task
from trainables import Recipe, Statistics, export_winner
from trainables.assemble import build_core

# All nineteen are built twice and loaded once in the one fixture: a quarter of an hour is too short
# for that where other programs have the cores.
pytestmark = pytest.mark.timeout(1800)

WIDTH = 8
# Larger than any network's input, smaller, and never square.
SIZES = ((160, 120), (97, 143), (60, 40))
UNUSED = Statistics(mean=(127.5,), std=(73.6,))  # backbones scale by themselves

PLAIN = '''
import json, os, sys

OURS = {"neurosweep", "search", "spaces", "scans", "trainables", "reports"}

class Hidden:
    """Stands for an environment without this program."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in OURS:
            raise ImportError(f"{name} is not installed here")
        return None

sys.meta_path.insert(0, Hidden())
folder, names = sys.argv[1], sys.argv[2:]

import keras
import numpy as np
from PIL import Image

photos = sorted(name for name in os.listdir(folder) if name.endswith(".png"))
said = {}
for name in names:
    model = keras.saving.load_model(f"{folder}/{name}/model.keras", safe_mode=True)
    rows = []
    for photo in photos:
        pixels = np.asarray(Image.open(f"{folder}/{photo}").convert("RGB"))
        rows.append(np.asarray(model(pixels[None]))[0])
    np.save(f"{folder}/{name}.npy", np.stack(rows))
    layers = list(model._flatten_layers())
    said[name] = {
        "packages": sorted({type(layer).__module__.partition(".")[0] for layer in layers}),
        "policies": sorted({layer.dtype_policy.name for layer in layers}),
    }
    keras.utils.clear_session()
print(json.dumps({"models": said, "imported": sorted(OURS & set(sys.modules))}))
'''


def recipe_of(name, *, channels):
    task = Task(
        image_size=BACKBONES[name].minimum_size, channels=channels, classes=("a", "b", "c", "d")
    )
    configuration = {
        "family": "transfer",
        "transfer/backbone": name,
        "transfer/pooling": "average",
        "transfer/fc_layers": 1,
        "transfer/dropout": 0.3,
        "transfer/width_1": WIDTH,
        "transfer/activation": "relu",
        "transfer/class_weights": "none",
    }
    return Recipe(configuration=configuration, task=task, epochs=1, seed=0, weights="random")


def make_lively(core, pixels):
    """Set weights by which a network of random ones tells the photos apart.

    Random features are next to nothing, but in proportion: the head brings what differs between
    the photos to a deviation of about 1. Batch norm scales unevenly, so that none may be lost.
    """
    generator = np.random.default_rng(0)
    for weight in core.weights:
        if weight.path.endswith(("/gamma", "/moving_variance")):
            weight.assign(np.asarray(weight) * generator.uniform(0.8, 1.25, weight.shape))
    pooled = keras.Model(core.input, core.get_layer("head_pool").output)
    features = np.asarray(pooled(pixels, training=False), dtype=np.float64)
    kernel = generator.standard_normal((features.shape[1], WIDTH))
    kernel /= (features @ kernel).std(axis=0)
    core.get_layer("head_fc1").set_weights([kernel, -(features @ kernel).mean(axis=0)])
    last = [0.2 * generator.standard_normal((WIDTH, 4)), np.linspace(-0.2, 0.2, 4)]
    core.get_layer("softmax").set_weights(last)


def photo(width, height, seed):
    """Waves and noise; each photo has its own brightness and colour."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    colour = generator.uniform(30, 220, 3)
    waves = [colour[c] + 60 * np.sin(rows / (5 + c) + columns / (9 - c)) for c in range(3)]
    noisy = np.stack(waves, axis=-1) + generator.normal(0, 10, (height, width, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def decoded(task, photos):
    """As for training: the photos at the network's size, in its colours."""
    color = "grey" if task.channels == 1 else "rgb"
    pixels = [scans.decode(path, image_size=task.image_size, color=color) for path in photos]
    return np.stack(pixels).astype(np.float32)


def publish(name, photos, folder, *, channels):
    """Export a backbone with a head; what the two give for the photos."""
    recipe = recipe_of(name, channels=channels)
    keras.utils.set_random_seed(0)
    core = build_core(recipe)
    pixels = decoded(recipe.task, photos)
    make_lively(core, pixels)
    wanted = np.asarray(core(pixels, training=False))
    export_winner(recipe, core.get_weights(), UNUSED, folder)
    return wanted


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """What the parts give, what the files give elsewhere, and what that process says."""
    folder = tmp_path_factory.mktemp("published")
    photos = []
    for seed, size in enumerate(SIZES):
        photos.append(folder / f"{seed}.png")
        Image.fromarray(photo(*size, seed)).save(photos[-1])
    wanted = {
        name: publish(name, photos, folder / name, channels=1 + 2 * (place % 2))
        for place, name in enumerate(BACKBONES)
    }
    done = subprocess.run(
        [sys.executable, "-I", "-c", PLAIN, str(folder), *BACKBONES],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    given = {name: np.load(folder / f"{name}.npy") for name in BACKBONES}
    return wanted, given, json.loads(done.stdout)


def test_no_package_of_ours_was_there(published):
    *_, said = published
    assert said["imported"] == []


@pytest.mark.parametrize("name", BACKBONES)
def test_a_published_file_gives_what_its_parts_give(name, published):
    wanted, given, _ = published
    assert given[name].shape == (len(SIZES), 4)
    # The photos matter, so what is lost on the way would show.
    assert np.ptp(wanted[name], axis=0).max() > 0.02
    np.testing.assert_allclose(given[name], wanted[name], rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", BACKBONES)
def test_a_published_file_holds_keras_own_layers_in_float32(name, published):
    said = published[2]["models"][name]
    assert said == {"packages": ["keras"], "policies": ["float32"]}
