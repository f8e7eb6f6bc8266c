"""Explanations of trained networks: of images of a data set, and of a published winner's."""

import keras
import numpy as np
import pytest
from trainables_samples import RESNET, TRANSFER, make_dataset, make_recipe

from neurosweep.errors import DataError
from trainables import (
    Explainer,
    Statistics,
    Wanted,
    evaluate,
    explain_part,
    export_winner,
    fit,
    load_winner,
)
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


@pytest.mark.parametrize(("pooling", "channels"), [("average", 1), ("max", 3), ("both", 1)])
def test_a_published_winner_is_explained_as_the_network_it_was_made_from(
    pooling, channels, tmp_path
):
    size = 48
    family = TRANSFER | {"transfer/pooling": pooling}
    recipe = make_recipe(family=family, size=size, channels=channels, weights="random")
    dataset = make_dataset(images=80, size=size, channels=channels)
    statistics = Statistics.of(dataset)
    direct = Explainer.of_recipe(recipe, None, statistics)
    export_winner(recipe, direct.core.get_weights(), statistics, tmp_path)
    published = Explainer.of_published(load_winner(tmp_path).model, recipe)
    image = dataset.images[3]
    explanation = published(image if channels == 3 else image.repeat(3, axis=-1))
    wanted = direct(image)
    assert explanation.layer == wanted.layer == "out_relu"
    np.testing.assert_allclose(explanation.probabilities, wanted.probabilities, rtol=1e-4)
    assert explanation.class_map.of == wanted.class_map.of == wanted.probabilities.argmax()
    assert explanation.class_map.values.shape == (size, size)
    np.testing.assert_allclose(explanation.class_map.values, wanted.class_map.values, atol=1)
    assert [block.layer for block in explanation.blocks] == [b.layer for b in wanted.blocks]
    keras.backend.clear_session()


def test_another_class_can_be_asked_for_but_none_that_is_not_there(trained):
    recipe, weights, dataset = trained
    explainer = Explainer.of_recipe(recipe, weights, Statistics.of(dataset))
    image = dataset.images[0]
    assert explainer(image, of=2).class_map.of == 2
    with pytest.raises(DataError, match="A class is a number from 0 to 3; received 4"):
        explainer(image, of=4)


def test_a_network_of_one_place_is_explained_without_a_map():
    far = {"mini_resnet/stem_stride": 8, "mini_resnet/blocks_1": 1}
    recipe = make_recipe(family=RESNET | far, size=8)
    dataset = make_dataset(size=8)
    explainer = Explainer.of_recipe(recipe, None, Statistics.of(dataset))
    explanation = explainer(dataset.images[0])
    assert explanation.class_map is None
    assert "has none at this image size" in explanation.reason
    assert [block.shape[:2] for block in explanation.blocks] == [(1, 1), (1, 1)]
    explained = explain_part(
        recipe, explainer.core.get_weights(), dataset, "test", Wanted(pictures=(0,), maps=((0, 1),))
    )
    assert (explained.maps, explained.layer, explained.grid) == ((), None, None)
    assert explained.reason == explanation.reason
    assert len(explained.pictures) == 1


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
