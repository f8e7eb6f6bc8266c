"""Near-duplicates against a truth that is made: disguised copies, and slices of one volume.

Fixed seeds, so that nothing here is left to chance; benchmarks/near_duplicates.py has the same
figures on ten times as many slices.
"""

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from scans.copies.hash_index import near_hashes
from scans.copies.resemblance import NEAR, similarities
from scans.copies.signature import perceptual_hashes, sign_picture
from scans.phantom.disguise import DISGUISES, disguise
from scans.phantom.volume import draw_volume


def _sign(pictures):
    return np.stack([sign_picture(Image.fromarray(picture)) for picture in pictures])


@pytest.fixture(scope="module")
def volumes():
    """Slices 3 mm apart, all of which show something."""
    return [
        draw_volume(np.random.SeedSequence(number), slices=20, spacing=3.0, size=224)
        for number in range(6)
    ]


@pytest.fixture(scope="module")
def signatures(volumes):
    return [_sign(volume) for volume in volumes]


def _near(signed):
    pairs = near_hashes(perceptual_hashes(signed))
    return set(map(tuple, pairs[similarities(signed, *pairs.T) >= NEAR].tolist()))


@pytest.mark.parametrize("kind", DISGUISES)
def test_disguised_copies_are_found(volumes, signatures, kind):
    originals = np.concatenate(signatures)
    random = np.random.default_rng(DISGUISES.index(kind))
    copies = _sign([disguise(one, kind, random) for volume in volumes for one in volume])
    found = _near(np.concatenate([originals, copies]))
    hits = [(number, number + len(originals)) in found for number in range(len(originals))]
    assert np.mean(hits) >= 0.95


def test_slices_of_one_volume_are_no_copies(signatures):
    # 1,140 pairs, the neighbours among them: at the 1 in 10,000 that is allowed, one alarm or more
    # would be seen in a tenth of such samples.
    assert [_near(signed) for signed in signatures] == [set()] * len(signatures)


def test_neighbouring_slices_keep_a_distance_from_the_threshold(signatures):
    neighbours = [
        similarities(signed, *np.array(list(pairwise(range(len(signed))))).T)
        for signed in signatures
    ]
    assert np.concatenate(neighbours).max() < NEAR - 0.02


def test_a_thinner_volume_is_more_alike(signatures):
    thin = _sign(draw_volume(np.random.SeedSequence(0), slices=20, spacing=0.5, size=224))
    steps = np.array(list(pairwise(range(20)))).T
    assert similarities(thin, *steps).mean() > similarities(signatures[0], *steps).mean() + 0.05


def test_a_picture_without_structure_resembles_nothing():
    blank = _sign([np.full((64, 64), 7, np.uint8), np.full((64, 64), 200, np.uint8)])
    assert similarities(blank, np.array([0, 0]), np.array([0, 1])).tolist() == [0, 0]


def test_a_picture_is_itself_however_flipped(volumes):
    picture = volumes[0][10]
    flipped = [picture, np.fliplr(picture), np.flipud(picture), picture[::-1, ::-1]]
    signed = _sign([np.ascontiguousarray(one) for one in flipped])
    assert similarities(signed, np.zeros(4, int), np.arange(4)).min() > 0.999


def test_no_pairs_no_similarities():
    none = np.empty(0, np.int64)
    assert similarities(np.zeros((1, 32, 48), np.uint8), none, none).shape == (0,)
