"""Activations of fine-tuning stay within a bound; features, and what is in use, always stay."""

import os

import numpy as np
import pytest

from trainables.features import tidying
from trainables.features.key import FeatureKey
from trainables.features.store import FeatureStore, pack
from trainables.features.tidying import make_room

ROWS, WIDTH = 8, 4096
BYTES = ROWS * WIDTH * 2


def kept(cache, name, *, layer="operation7", age=0):
    """A filled store that was last used some seconds ago."""
    key = FeatureKey(
        **{"data": "d", "files": "f", "network": name, "weights": "w", "image_size": 32},
        **{"channels": 1, "preprocessing": "standardised-0a1b2c3d", "layer": layer},
    )
    store = FeatureStore(cache, key, (ROWS, WIDTH))
    with store.filling():
        store.add(np.arange(ROWS), pack(np.ones((ROWS, WIDTH), np.float32), "float16"))
    store.used()
    for path in store.folder.iterdir():
        seconds = path.stat().st_mtime - age
        os.utime(path, (seconds, seconds))
    return store


def are_there(*stores):
    return [not len(store.missing(np.arange(ROWS))) for store in stores]


@pytest.fixture
def bound(monkeypatch):
    """Room for two stores and what belongs to them."""
    monkeypatch.setattr(tidying, "MOST_BYTES", 2.6 * BYTES)


def test_what_was_used_longest_ago_goes_first_and_features_stay(tmp_path, bound):
    features = kept(tmp_path, "VGG16", layer="pooled", age=900)
    old, older, newest = (
        kept(tmp_path, name, age=age)
        for name, age in (("mini_vgg", 200), ("mini_resnet", 300), ("plain_cnn", 100))
    )
    make_room(tmp_path, tmp_path / "features" / "coming", BYTES)
    assert are_there(features, older, old, newest) == [True, False, False, True]


def test_within_the_bound_nothing_goes(tmp_path, bound):
    stores = [kept(tmp_path, name, age=age) for name, age in (("one", 20), ("two", 10))]
    make_room(tmp_path, stores[0].folder, 0)
    assert are_there(*stores) == [True, True]


def test_what_is_in_use_stays_however_old_and_large(tmp_path, bound):
    stores = [kept(tmp_path, name, age=age) for name, age in (("one", 900), ("two", 10))]
    make_room(tmp_path, stores[0].folder, 9 * BYTES)
    assert are_there(*stores) == [True, False]


def test_what_another_process_fills_stays(tmp_path, bound):
    held, other = (kept(tmp_path, name, age=age) for name, age in (("one", 900), ("two", 10)))
    with held.filling():
        make_room(tmp_path, tmp_path / "features" / "coming", BYTES)
    assert are_there(held, other) == [True, False]


def test_half_of_a_small_disk_is_the_bound(tmp_path, monkeypatch):
    stores = [kept(tmp_path, name, age=age) for name, age in (("one", 20), ("two", 10))]
    monkeypatch.setattr(tidying, "free_bytes", lambda _: BYTES)
    make_room(tmp_path, stores[1].folder, 0)
    assert are_there(*stores) == [False, True]


def test_an_empty_cache_has_nothing_to_remove(tmp_path):
    make_room(tmp_path / "not there yet", tmp_path / "coming", BYTES)
    assert list(tmp_path.iterdir()) == []
