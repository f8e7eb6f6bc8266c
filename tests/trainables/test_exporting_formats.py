"""Each format gives model.keras' answers, and is run by its own runtime without our packages."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from export_samples import CLASSES, custom_winner, ensemble_winner, save_winner, transfer_winner

from neurosweep.errors import NeurosweepError, UserError
from trainables import load_winner
from trainables.exporting import formats, keras_file
from trainables.exporting.checking import check_images, compare
from trainables.exporting.export import export_as
from trainables.exporting.formats import FORMATS, format_named, require

ROOT = Path(__file__).parents[2]

# What small networks are held to, in every format; deep ones are held to the format's own.
STRICT = 1e-5

KINDS = {
    "grey": custom_winner,
    "backbone": lambda folder: transfer_winner(folder, "MobileNetV2", size=48),
    "ensemble": ensemble_winner,
}


@pytest.fixture(scope="module")
def winners(tmp_path_factory):
    return {kind: make(tmp_path_factory.mktemp(kind)) for kind, make in KINDS.items()}


@pytest.fixture(scope="module")
def exports(winners, tmp_path_factory):
    """Every kind of winner in every format, made when first asked for."""
    made = {}

    def export(kind, name):
        if (kind, name) not in made:
            folder = tmp_path_factory.mktemp(f"{kind}-{name}")
            allowed = None if kind == "backbone" or name == "tflite" else STRICT
            made[kind, name] = (
                folder,
                export_as(FORMATS[name], winners[kind], folder, tolerance=allowed),
            )
        return made[kind, name]

    return export


@pytest.mark.parametrize("kind", KINDS)
def test_the_samples_answers_differ_from_image_to_image(kind, winners):
    model = load_winner(winners[kind]).model
    answers = np.concatenate([np.asarray(model(images)) for images in check_images()])
    assert np.ptp(answers, axis=0).max() > 0.05


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *((kind, name) for kind in ("grey", "ensemble") for name in FORMATS),
        *(("backbone", name) for name in ("onnx", "tflite")),
    ],
)
def test_a_winner_is_exported_and_compared(kind, name, exports):
    folder, made = exports(kind, name)
    assert made.file == FORMATS[name].file
    allowed = FORMATS[name].tolerance if kind == "backbone" or name == "tflite" else STRICT
    assert made.checked.largest_difference <= allowed == made.checked.tolerance
    assert (made.checked.images, made.checked.sizes) == (21, 7)
    assert json.loads((folder / "labels.json").read_text()) == list(CLASSES)
    about = json.loads((folder / "export.json").read_text())
    assert (about["format"], about["classes"]) == (name, list(CLASSES))
    kept = {"labels.json", "export.json"}
    model = [one for one in folder.rglob("*") if one.is_file() and one.name not in kept]
    assert made.bytes == sum(one.stat().st_size for one in model) > 0


_DOCUMENTED = dict(
    zip(
        FORMATS,
        re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "export.md").read_text(), re.DOTALL),
        strict=True,
    )
)
# What docs/export.md shows, in a process that has the runtime and none of our packages.
_PLAIN = """
import json, sys
sys.path[:] = [path for path in sys.path if "lib" in path]
sys.meta_path[:] = [each for each in sys.meta_path if "editable" not in repr(each)]
for name in ("trainables", "spaces", "scans", "neurosweep"):
    try:
        __import__(name)
    except ImportError:
        continue
    sys.exit(f"{name} can be imported")
import numpy as np
for number in range(2):
    images = np.load(f"{number}.npy")
    exec(sys.argv[1])
    print(json.dumps(np.asarray(probabilities).tolist()))
print(json.dumps([globals().get("labels"), "tensorflow" in sys.modules]))
"""


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_documented_loads_it_without_this_program(name, exports, winners, tmp_path):
    folder, _ = exports("grey", name)
    shutil.copytree(folder, tmp_path / "out")
    generator = np.random.default_rng(7)
    batches = [
        generator.integers(0, 256, shape, dtype=np.uint8)
        for shape in ((3, 30, 50, 3), (1, 70, 20, 3))
    ]
    for number, images in enumerate(batches):
        np.save(tmp_path / f"{number}.npy", images)
    done = subprocess.run(
        [sys.executable, "-I", "-c", _PLAIN, _DOCUMENTED[name]],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    *answers, last = map(json.loads, done.stdout.splitlines()[-3:])
    model = load_winner(winners["grey"]).model
    for images, answer in zip(batches, answers, strict=True):
        np.testing.assert_allclose(answer, np.asarray(model(images)), atol=1e-5)
    has_tensorflow = name in ("keras", "saved_model")
    assert last == [list(CLASSES) if name == "onnx" else None, has_tensorflow]


def test_an_onnx_file_says_what_it_takes(exports):
    import onnxruntime

    folder, _ = exports("ensemble", "onnx")
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    (taken,), (given,) = session.get_inputs(), session.get_outputs()
    assert (taken.name, taken.type) == ("images", "tensor(uint8)")
    assert taken.shape == ["count", "height", "width", 3]
    assert (given.name, given.shape) == ("probabilities", ["count", len(CLASSES)])


def test_grouped_convolutions_and_gelu_are_expressed_in_onnx(tmp_path):
    photos = keras.Input((None, None, 3), dtype="uint8")
    images = keras.layers.Rescaling(1 / 255)(photos)
    images = keras.ops.image.resize(images, (16, 16), antialias=True)
    maps = keras.layers.Conv2D(8, 3, activation="gelu")(images)
    maps = keras.layers.Conv2D(8, 3, groups=8, activation="gelu")(maps)
    pooled = keras.layers.GlobalAveragePooling2D()(maps)
    model = keras.Model(photos, keras.layers.Dense(4, activation="softmax")(pooled))
    winner = save_winner(tmp_path / "winner", model)
    (tmp_path / "out").mkdir()
    made = export_as(FORMATS["onnx"], winner, tmp_path / "out")
    assert made.checked.largest_difference <= 1e-5


def test_what_answers_otherwise_is_not_kept(winners, tmp_path, monkeypatch):
    def other(winner, source, path):
        winner.model.save(path)
        model = keras.saving.load_model(path)
        last = [layer for layer in model.layers[-1].layers if layer.weights][-1]
        last.bias.assign(np.asarray(last.bias) + np.array([0.01, 0, 0, 0]))
        model.save(path)

    monkeypatch.setattr(keras_file, "write_export", other)
    with pytest.raises(NeurosweepError, match=r"differ by up to .*, so it was not kept"):
        export_as(FORMATS["keras"], winners["grey"], tmp_path)
    assert not (tmp_path / "export.json").exists()
    made = export_as(FORMATS["keras"], winners["grey"], tmp_path, tolerance=0.1)
    assert 1e-5 < made.checked.largest_difference < 0.1


@pytest.mark.parametrize(
    "spoilt", [lambda answers: answers * np.nan, lambda answers: answers[:, :-1]]
)
def test_no_numbers_and_other_classes_are_not_kept(spoilt):
    def published(images):
        return np.full((len(images), 4), 0.25, np.float32)

    with pytest.raises(NeurosweepError, match="finite probabilities of shape"):
        compare(lambda images: spoilt(published(images)), published, tolerance=1.0)


def test_an_operation_without_counterpart_is_told(tmp_path):
    photos = keras.Input((None, None, 3), dtype="uint8")
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(photos))
    strange = keras.ops.erfinv(pooled * 0.5)
    winner = save_winner(tmp_path / "w", keras.Model(photos, keras.ops.softmax(strange)), "abc")
    (tmp_path / "out").mkdir()
    with pytest.raises(NeurosweepError, match=r"could not be converted to onnx \(.*Erfinv"):
        export_as(FORMATS["onnx"], winner, tmp_path / "out")


def test_names_and_what_they_need(monkeypatch):
    assert format_named("onnx").file == "model.onnx"
    with pytest.raises(UserError, match=r"keras, saved_model, onnx, tflite.*mean saved_model\?"):
        format_named("savedmodel")
    monkeypatch.setattr(formats, "find_spec", lambda name: None if name == "tf2onnx" else name)
    require(FORMATS["tflite"])
    with pytest.raises(UserError, match=r"tf2onnx, not installed.*-e '\.\[export\]'"):
        require(FORMATS["onnx"])


def test_images_to_check_are_the_same_each_time_and_of_several_sizes():
    first, again = check_images(), check_images()
    assert all(map(np.array_equal, first, again))
    assert len({images.shape for images in first}) == len(first) == 7
    assert all(images.dtype == np.uint8 for images in first)
