"""Signatures and perceptual hashes: what changes them, and what does not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from scans.copies.hash_index import RADIUS
from scans.copies.signature import HASH_BYTES, SIGNATURE_SHAPE, perceptual_hashes, sign_picture
from scans.phantom.folder import draw_phantom


@pytest.fixture(scope="module")
def picture():
    return draw_phantom("glioma", np.random.SeedSequence(3), size=150)


def _hash(pixels):
    return perceptual_hashes(sign_picture(Image.fromarray(pixels))[None])[0]


def _apart(one, other):
    return int(np.bitwise_count(one ^ other).sum())


@settings(deadline=None, max_examples=40)
@given(
    arrays.arrays(
        np.uint8,
        st.tuples(st.integers(1, 120), st.integers(1, 120)),
        elements=st.integers(0, 255),
        fill=st.integers(0, 255),
    )
)
def test_any_picture_has_a_signature_and_a_hash_of_balanced_bands(pixels):
    signature = sign_picture(Image.fromarray(pixels))
    assert (signature.shape, signature.dtype) == (SIGNATURE_SHAPE, np.uint8)
    (found,) = perceptual_hashes(signature[None])
    assert found.shape == (HASH_BYTES,)
    assert np.bitwise_count(found.view(np.uint16)).tolist() == [8] * 8


@pytest.mark.parametrize("turned", [np.fliplr, np.flipud, np.rot90, lambda p: p[::-1, ::-1]])
def test_flips_and_quarter_turns_keep_the_hash(picture, turned):
    assert _apart(_hash(picture), _hash(np.ascontiguousarray(turned(picture)))) <= 2


def test_brightness_keeps_the_hash(picture):
    assert _apart(_hash(picture), _hash((picture * 0.8).astype(np.uint8))) <= RADIUS // 2


def test_another_size_keeps_the_hash(picture):
    larger = np.asarray(Image.fromarray(picture).resize((400, 400), Image.Resampling.BICUBIC))
    assert _apart(_hash(picture), _hash(larger)) <= RADIUS // 2


def test_colour_is_read_as_its_brightness(picture):
    colour = Image.fromarray(np.stack([picture] * 3, axis=-1))
    assert np.array_equal(sign_picture(colour), sign_picture(Image.fromarray(picture)))


def test_other_pictures_have_other_hashes():
    hashes = [
        _hash(draw_phantom(label, np.random.SeedSequence(seed), size=96))
        for seed, label in enumerate(["glioma", "meningioma", "notumor", "pituitary"] * 3)
    ]
    apart = [_apart(a, b) for place, a in enumerate(hashes) for b in hashes[:place]]
    assert min(apart) > RADIUS


def test_a_long_picture_is_fitted_and_not_squeezed():
    disc = np.zeros((60, 180), np.uint8)
    y, x = np.ogrid[:60, :180]
    disc[(y - 29.5) ** 2 + (x - 89.5) ** 2 < 25**2] = 200
    signature = sign_picture(Image.fromarray(disc)).astype(int)
    # A disc in the middle is a disc: every ring inside it is even all around.
    assert np.ptp(signature[:24], axis=1).max() < 30
    assert signature[:24].min() > 180


@pytest.mark.parametrize("radius", [0.1, 0.3, 0.5, 0.8])
def test_small_things_before_black_have_hashes_of_their_own(radius):
    hashes = [_hash(_thing(number, radius)) for number in range(40)]
    apart = [_apart(a, b) for place, a in enumerate(hashes) for b in hashes[:place]]
    assert np.quantile(apart, 0.01) > RADIUS
    for number, one in enumerate(hashes):
        assert _apart(one, _hash(np.fliplr(_thing(number, radius)).copy())) <= RADIUS


def _thing(seed, radius):
    """A disc of patches, its radius in halves of the picture's side."""
    patches = np.random.default_rng(seed).integers(40, 256, (7, 7), dtype=np.uint8)
    side = max(8, int(200 * radius))
    disc = np.asarray(Image.fromarray(patches).resize((side, side), Image.Resampling.BICUBIC))
    y, x = np.ogrid[:side, :side]
    middle = (side - 1) / 2
    inside = (y - middle) ** 2 + (x - middle) ** 2 < (side / 2) ** 2
    picture = np.zeros((200, 200), np.uint8)
    corner = (200 - side) // 2
    picture[corner : corner + side, corner : corner + side] = disc * inside
    return picture
