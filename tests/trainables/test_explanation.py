"""Explanations of trained networks: of images of a data set."""

import keras
import numpy as np
import pytest
from trainables_samples import RESNET, TRANSFER, make_dataset, make_recipe

from trainables import Wanted, evaluate, explain_part, fit
from trainables.assemble import build_core
from trainables.explanation import MOST_SIDE
from trainables.resampling import resampled, shrunk

VGG = {
    "family": "mini_vgg",
    "mini_vgg/blocks": 2,
    "mini_vgg/convs": 1,
    "mini_vgg/batch_norm": False,
    "mini_vgg/filters_1": 8,
    "mini_vgg/filters_2": 8,
    "mini_vgg/hidden_width_1": 16,
    "mini_vgg/hidden_width_2": 16,
    "mini_vgg/dropout": 0.2,
}


def go_on(_):
    return True


@pytest.fixture(scope="module")
def trained():
    """A network that has learned which quarter of the noise is brighter."""
    dataset = make_dataset(images=120, seed=5)
    recipe = make_recipe(family=VGG, epochs=25, patience=25)
    result = fit(recipe, dataset, go_on)
    assert result.val_accuracy > 0.8
    return recipe, result.weights, dataset


def test_a_trained_networks_maps_lie_in_the_quarter_that_decides(trained):
    recipe, weights, dataset = trained
    said = evaluate(recipe, weights, dataset, "test").probabilities
    labels = dataset.labels[dataset.test]
    right = np.flatnonzero(said.argmax(axis=1) == labels)
    explained = explain_part(
        recipe, weights, dataset, "test", Wanted(maps=tuple((n, int(labels[n])) for n in right))
    )
    assert (explained.layer, explained.grid, explained.reason) == ("block2_relu1", (8, 8), None)
    shares = []
    for one, row in zip(explained.maps, right, strict=True):
        quarters = one.values.astype(float).reshape(2, 8, 2, 8).sum(axis=(1, 3)).ravel()
        shares.append(quarters[labels[row]] / max(quarters.sum(), 1))
    # A map that knew nothing would have a quarter there.
    assert np.mean(shares) > 0.6


def test_pictures_maps_and_blocks_come_in_the_order_asked_for(trained):
    recipe, weights, dataset = trained
    wanted = Wanted(pictures=(7, 2), maps=((2, 1), (7, 3), (2, 1)), blocks=2)
    explained = explain_part(recipe, weights, dataset, "validation", wanted)
    rows = dataset.validation
    for picture, at in zip(explained.pictures, (7, 2), strict=True):
        np.testing.assert_array_equal(picture, dataset.images[rows[at]])
    assert [one.of for one in explained.maps] == [1, 3, 1]
    np.testing.assert_array_equal(explained.maps[0].values, explained.maps[2].values)
    assert all(one.values.max() == 255 for one in explained.maps if one.peak > 0)
    assert [block.layer for block in explained.blocks] == ["block1_relu1", "block2_relu1"]
    assert [block.shape for block in explained.blocks] == [(16, 16, 8), (8, 8, 8)]


def test_nothing_asked_for_is_nothing_computed(trained):
    explained = explain_part(*trained, "test", Wanted())
    assert (explained.pictures, explained.maps, explained.blocks) == ((), (), ())


def test_a_network_of_one_place_is_explained_without_a_map():
    far = {"mini_resnet/stem_stride": 8, "mini_resnet/blocks_1": 1}
    recipe = make_recipe(family=RESNET | far, size=8)
    weights = build_core(recipe).get_weights()
    wanted = Wanted(pictures=(0,), maps=((0, 1),), blocks=0)
    explained = explain_part(recipe, weights, make_dataset(size=8), "test", wanted)
    assert (explained.maps, explained.layer, explained.grid) == ((), None, None)
    assert "has none at this image size" in explained.reason
    assert [block.shape[:2] for block in explained.blocks] == [(1, 1), (1, 1)]
    assert len(explained.pictures) == 1


@pytest.mark.parametrize(("pooling", "channels"), [("average", 1), ("max", 3), ("both", 1)])
def test_a_pretrained_network_is_explained_at_its_last_convolution(pooling, channels):
    size = 48
    family = TRANSFER | {"transfer/pooling": pooling}
    recipe = make_recipe(family=family, size=size, channels=channels, weights="random")
    weights = build_core(recipe).get_weights()
    dataset = make_dataset(images=80, size=size, channels=channels)
    explained = explain_part(recipe, weights, dataset, "test", Wanted(maps=((0, 2),), blocks=0))
    assert explained.layer == "out_relu"
    (one,) = explained.maps
    assert (one.of, one.values.shape) == (2, (size, size))
    assert len(explained.blocks) > 1
    keras.backend.clear_session()


def test_large_pictures_are_made_smaller_and_their_maps_with_them():
    pixels = np.full((400, 200, 3), 9, np.uint8)
    small = shrunk(pixels, MOST_SIDE)
    assert small.shape == (MOST_SIDE, MOST_SIDE // 2, 3)
    assert (small == 9).all()
    assert shrunk(small, MOST_SIDE) is small


def test_maps_are_resampled_between_the_middles_of_their_places():
    values = np.array([[0.0, 1.0]], np.float32)
    np.testing.assert_allclose(resampled(values, (1, 4)), [[0, 0.25, 0.75, 1]])
    assert resampled(values, (1, 2)) is values
