"""Changed copies: the mirror image, and changes that depend on copy and row alone."""

import numpy as np
import pytest

from trainables.features import views
from trainables.features.views import changed


@pytest.fixture(scope="module")
def images():
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (6, 16, 16, 3), dtype=np.uint8)


def test_plain_and_flipped_change_no_value(images):
    rows = np.arange(6)
    np.testing.assert_array_equal(changed(images, rows, "plain"), images)
    np.testing.assert_array_equal(changed(images, rows, "flipped"), np.flip(images, axis=2))


def test_a_random_change_depends_on_the_copy_and_the_row_alone(images):
    together = changed(images, np.arange(6), "random2")
    alone = changed(images[[4]], np.array([4]), "random2")
    np.testing.assert_array_equal(together[4], alone[0])
    backwards = changed(images[::-1], np.arange(6)[::-1], "random2")
    np.testing.assert_array_equal(backwards[::-1], together)


def test_each_copy_and_each_row_is_changed_otherwise(images):
    same = np.repeat(images[:1], 4, axis=0)
    found = np.concatenate([changed(same, np.arange(4), f"random{copy}") for copy in (1, 2, 3)])
    for one in range(len(found)):
        assert np.abs(found[one] - images[0]).mean() > 1
        for other in range(one):
            assert np.abs(found[one] - found[other]).mean() > 1


@pytest.mark.parametrize("value", [0, 255])
def test_values_stay_between_0_and_255(images, value):
    black_or_white = np.full_like(images, value)
    for given in (images, black_or_white):
        found = changed(given, np.arange(6), "random1")
        assert found.shape == images.shape
        assert found.dtype == np.float32
        assert found.min() >= 0
        assert found.max() <= 255


def test_without_strength_only_the_mirror_is_left(images, monkeypatch):
    monkeypatch.setattr(views, "COPIES_STRENGTH", 0.0)
    found = changed(images, np.arange(6), "random1")
    mirrored = [
        bool(np.allclose(one, np.flip(image, axis=1), atol=1e-3))
        for one, image in zip(found, images, strict=True)
    ]
    for one, image, is_mirrored in zip(found, images, mirrored, strict=True):
        assert is_mirrored or np.allclose(one, image, atol=1e-3)
    assert len(set(mirrored)) == 2  # some are and some are not
