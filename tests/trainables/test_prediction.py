import json

import keras
import numpy as np
import pytest

from neurosweep.errors import DataError, RunDirectoryError
from trainables import Winner, load_winner, predict


class Recorder:
    """A model whose first output is the mean of an image; notes the shapes it was given."""

    def __init__(self):
        self.shapes = []

    def __call__(self, images, *, training):
        assert not training
        self.shapes.append(images.shape)
        means = images.mean(axis=(1, 2, 3))
        return np.stack([means, -means], axis=1)


def image(height, width, value):
    return np.full((height, width, 3), value, np.uint8)


def test_equal_sizes_go_together_and_the_order_stays():
    model = Recorder()
    images = [image(4, 5, 1), image(2, 2, 2), image(4, 5, 3), image(2, 2, 4), image(5, 4, 5)]
    outputs = predict(Winner(model=model, classes=("a", "b")), images)
    assert outputs[:, 0].tolist() == [1, 2, 3, 4, 5]
    assert sorted(model.shapes) == [(1, 5, 4, 3), (2, 2, 2, 3), (2, 4, 5, 3)]


def test_a_batch_is_bounded_in_images_and_in_pixels():
    model = Recorder()
    winner = Winner(model=model, classes=("a", "b"))
    predict(winner, [image(2, 2, 0)] * 70)
    assert [shape[0] for shape in model.shapes] == [64, 6]
    model.shapes.clear()
    predict(winner, [image(1500, 1000, 0)] * 3)
    assert [shape[0] for shape in model.shapes] == [2, 1]


def test_no_images_give_no_rows():
    assert predict(Winner(model=Recorder(), classes=("a", "b")), []).shape == (0, 2)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((4, 4), np.uint8), r"received uint8 of shape \(4, 4\)"),
        (np.zeros((4, 4, 1), np.uint8), r"\(4, 4, 1\)"),
        (np.zeros((0, 4, 3), np.uint8), r"\(0, 4, 3\)"),
        (np.zeros((4, 4, 3), np.float32), "received float32"),
        (np.broadcast_to(np.uint8(0), (20_000, 20_000, 3)), "received 20000 by 20000"),
    ],
)
def test_what_is_no_image_is_refused(wrong, message):
    with pytest.raises(DataError, match=message):
        predict(Winner(model=Recorder(), classes=("a", "b")), [image(4, 4, 0), wrong])


@pytest.fixture
def folder(tmp_path):
    model = keras.Sequential([keras.Input((None, None, 3)), keras.layers.GlobalAveragePooling2D()])
    model.save(tmp_path / "model.keras")
    (tmp_path / "labels.json").write_text(json.dumps(["a", "b", "c"]))
    return tmp_path


def test_a_winner_knows_its_classes(folder):
    assert load_winner(folder).classes == ("a", "b", "c")


@pytest.mark.parametrize("name", ["model.keras", "labels.json"])
@pytest.mark.parametrize("content", [None, "no"], ids=["missing", "damaged"])
def test_a_folder_that_is_no_winner_is_refused(name, content, folder):
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)
    with pytest.raises(RunDirectoryError, match=r"holds model\.keras and labels\.json"):
        load_winner(folder)


def test_labels_of_another_model_are_refused(folder):
    (folder / "labels.json").write_text(json.dumps(["a", "b"]))
    with pytest.raises(RunDirectoryError, match="received 2 names for 3 outputs"):
        load_winner(folder)
