"""The search for near hashes finds what trying every pair finds."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.copies.hash_index import RADIUS, near_hashes


def _balanced(random, count):
    return np.argsort(random.random((count, 8, 16)), axis=2) >= 8


def _changed(bits, random, swaps):
    """Copies of hashes in which so many bits of each went out and as many came in."""
    copies = bits.copy()
    for one in copies:
        for band in random.integers(0, 8, swaps):
            out, into = np.flatnonzero(one[band]), np.flatnonzero(~one[band])
            one[band, random.choice(out)] = False
            one[band, random.choice(into)] = True
    return copies


def _packed(bits):
    return np.packbits(bits.reshape(len(bits), -1), axis=1)


def _every_pair(hashes):
    first, second = np.triu_indices(len(hashes), 1)
    apart = np.bitwise_count(hashes[first] ^ hashes[second]).sum(axis=1)
    return np.stack([first, second], axis=1)[apart <= RADIUS].tolist()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(0, 8))
def test_it_finds_exactly_the_near_pairs(seed, swaps):
    random = np.random.default_rng(seed)
    bits = _balanced(random, 30)
    hashes = _packed(np.concatenate([bits, _changed(bits, random, swaps)]))
    assert near_hashes(hashes).tolist() == _every_pair(hashes)


def test_it_finds_a_pair_at_the_very_radius():
    random = np.random.default_rng(0)
    bits = _balanced(random, 1)
    other = bits.copy()
    for band in range(RADIUS // 2):  # two bits in each of six bands: the worst that is found
        other[0, band, np.flatnonzero(bits[0, band])[0]] = False
        other[0, band, np.flatnonzero(~bits[0, band])[0]] = True
    assert near_hashes(_packed(np.concatenate([bits, other]))).tolist() == [[0, 1]]


def test_equal_hashes_hang_together_without_all_their_pairs():
    hashes = np.repeat(_packed(_balanced(np.random.default_rng(0), 1)), 1000, axis=0)
    pairs = near_hashes(hashes)
    assert len(pairs) < 40_000
    reached = {0}
    for first, second in sorted(pairs.tolist()):
        if first in reached:
            reached.add(second)
    assert len(reached) == 1000


def test_nothing_and_one_have_no_pairs():
    assert near_hashes(np.empty((0, 16), np.uint8)).shape == (0, 2)
    assert near_hashes(_packed(_balanced(np.random.default_rng(0), 1))).shape == (0, 2)


def test_a_crowd_of_near_hashes_is_searched_as_if_by_every_pair():
    random = np.random.default_rng(3)
    one = _balanced(random, 1)
    crowd = _packed(np.concatenate([one, _changed(np.repeat(one, 150, axis=0), random, 2)]))
    crowd = np.unique(crowd, axis=0)
    assert len(crowd) > 100
    assert near_hashes(crowd).tolist() == _every_pair(crowd)
