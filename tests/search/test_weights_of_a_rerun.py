"""A row that is trained again elsewhere: its weights are fetched, and must be those it had."""

import hashlib
from dataclasses import replace

import pytest
from depot_samples import BACKBONE, frozen, recipe
from small_weights import stage_small, write_small

from neurosweep.errors import StoreError, WeightsError
from search.mirror.store import Store
from search.staging.fetching import resolve_weights
from search.staging.local_weights import delivered_file
from search.staging.recipe_weights import with_weights
from spaces import BACKBONES
from trainables.backbone_weights import weights_hash

FILE = BACKBONES[BACKBONE].weights_file


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NEUROSWEEP_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def staged(tmp_path):
    """A folder with a small file of the backbone, and its hash."""
    folder = stage_small(tmp_path / "staged", BACKBONE)
    return folder, hashlib.sha256((folder / FILE).read_bytes()).hexdigest()


def row(weights, sha256):
    return recipe(frozen(weights=str(weights), weights_hash=sha256))


def test_a_folder_that_has_the_file_is_taken(staged):
    folder, sha256 = staged
    assert with_weights(row(folder, sha256)) == row(folder, sha256)


def test_a_row_of_before_hashes_takes_the_file_that_is_there(staged):
    assert with_weights(row(staged[0], "")).weights == str(staged[0])


def test_a_uri_is_fetched_and_the_row_keeps_its_name_for_it(staged, tmp_path):
    folder, sha256 = staged
    uri = f"file://{tmp_path}/store/weights"
    for path in folder.iterdir():
        Store(uri).put(path.name, path.read_bytes())
    told = row(uri, sha256)
    local = with_weights(told)
    assert (local.weights, told.weights) == (resolve_weights(uri), uri)
    assert replace(local, weights=uri) == told
    assert weights_hash(BACKBONES[BACKBONE], local.weights) == sha256


def test_what_was_delivered_before_is_not_looked_for_elsewhere(staged):
    folder, sha256 = staged
    path = delivered_file(BACKBONE, sha256)
    path.parent.mkdir(parents=True)
    path.write_bytes((folder / FILE).read_bytes())
    assert with_weights(row("/nowhere/at/all", sha256)).weights == str(path.parent)


def test_a_store_without_the_file_says_so(tmp_path):
    with pytest.raises((WeightsError, StoreError), match=FILE):
        with_weights(row(f"file://{tmp_path}/store/weights", "0" * 64))


def test_another_file_is_refused(staged):
    folder, sha256 = staged
    other = write_small(folder, BACKBONE, layers=2)
    (folder / "weights.json").unlink()
    assert hashlib.sha256(other.read_bytes()).hexdigest() != sha256
    with pytest.raises(WeightsError, match=rf"SHA-256 begins with {sha256[:16]}.*another file"):
        with_weights(row(folder, sha256))


def test_random_weights_of_other_versions_are_refused():
    now = weights_hash(BACKBONES[BACKBONE], "random")
    assert with_weights(row("random", now)).weights == "random"
    with pytest.raises(WeightsError, match=r"random-3\.0-2\.0-0.*install the versions of the row"):
        with_weights(row("random", "random-3.0-2.0-0"))


def test_networks_of_our_own_have_none():
    own = replace(row("none", ""), configuration={"family": "mini_vgg"})
    assert with_weights(own) is own
