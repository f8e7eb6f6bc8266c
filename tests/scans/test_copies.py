"""Copies among images: exact ones whatever the file, near ones, and the groups they make."""

import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

import scans.copies.search
from scans.copies.search import connect, find_copies
from scans.manifest import read_manifest
from scans.phantom.disguise import disguise
from scans.phantom.folder import draw_phantom


def _draw(seed, label="glioma"):
    return draw_phantom(label, np.random.SeedSequence(seed), size=128)


@pytest.fixture
def phantoms(tmp_path):
    """Six phantom slices of two classes in two parts."""
    for number, folder in enumerate(["Training/a", "Training/b", "Testing/a", "Testing/b"] * 2):
        path = tmp_path / "data" / folder / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(_draw(number)).save(path)
    return tmp_path / "data"


def _groups(manifest, copies):
    """Files of each group of two or more."""
    files = np.array(manifest.columns["file"])
    found = (files[copies.groups == group].tolist() for group in np.unique(copies.groups))
    return sorted(sorted(group) for group in found if len(group) > 1)


def test_different_pictures_are_no_copies(phantoms):
    manifest = read_manifest(phantoms)
    copies = find_copies(manifest)
    assert (len(set(copies.picture)), len(copies.near)) == (8, 0)
    assert _groups(manifest, copies) == []


def test_a_picture_saved_again_is_an_exact_copy_and_one_of_its_name_is_not(phantoms):
    Image.open(phantoms / "Training/a/0.png").convert("RGB").save(phantoms / "Training/b/copy.tiff")
    shutil.copy(phantoms / "Training/b/1.png", phantoms / "Testing/b/other name.png")
    Image.fromarray(_draw(77)).save(phantoms / "Testing/a/0.png")
    manifest = read_manifest(phantoms)
    copies = find_copies(manifest)
    assert len(copies.near) == 0
    assert _groups(manifest, copies) == [
        ["Testing/b/other name.png", "Training/b/1.png"],
        ["Training/a/0.png", "Training/b/copy.tiff"],
    ]


def test_a_disguised_picture_is_a_near_copy(phantoms):
    changed = disguise(_draw(0), "all at once", np.random.default_rng(0))
    Image.fromarray(changed).save(phantoms / "Testing/a/near.jpg", quality=60)
    manifest = read_manifest(phantoms)
    copies = find_copies(manifest)
    assert len(set(copies.picture)) == 9
    assert (len(copies.near), copies.similarity.shape) == (1, (1,))
    assert 0.98 < copies.similarity[0] <= 1
    assert _groups(manifest, copies) == [["Testing/a/near.jpg", "Training/a/0.png"]]


def test_copies_of_copies_are_one_group(phantoms):
    shutil.copy(phantoms / "Training/a/0.png", phantoms / "Training/a/exact.png")
    for number, kind in enumerate(["flipped", "brightened"]):
        picture = disguise(_draw(0), kind, np.random.default_rng(number))
        Image.fromarray(picture).save(phantoms / f"Testing/b/{kind}.png")
    manifest = read_manifest(phantoms)
    (group,) = _groups(manifest, find_copies(manifest))
    assert len(group) == 4


def test_pairs_are_remembered_and_renaming_does_not_matter(phantoms, tmp_path, monkeypatch):
    Image.fromarray(np.fliplr(_draw(0))).save(phantoms / "Testing/b/near.png")
    first = find_copies(read_manifest(phantoms), cache=tmp_path / "cache")
    monkeypatch.setattr(scans.copies.search, "near_hashes", None)  # whoever seeks again, fails
    (phantoms / "Testing/b/near.png").rename(phantoms / "Testing/b/another.png")
    again = find_copies(read_manifest(phantoms), cache=tmp_path / "cache")
    assert again.near.tolist() == first.near.tolist() != []
    assert np.array_equal(again.similarity, first.similarity)


def test_damaged_pairs_are_sought_again(phantoms, tmp_path):
    Image.fromarray(np.fliplr(_draw(0))).save(phantoms / "Testing/b/near.png")
    manifest = read_manifest(phantoms)
    first = find_copies(manifest, cache=tmp_path)
    (file,) = tmp_path.glob("manifests/pairs-*.npy")
    file.write_bytes(b"torn")
    assert find_copies(manifest, cache=tmp_path).near.tolist() == first.near.tolist()


def test_links_connect():
    links = np.array([[0, 1], [3, 4], [1, 4]])
    groups = connect(6, links)
    assert groups[0] == groups[1] == groups[3] == groups[4]
    assert len({groups[0], groups[2], groups[5]}) == 3
    assert connect(2, np.empty((0, 2), np.int64)).tolist() == [0, 1]


@settings(deadline=None)
@given(st.integers(1, 40), st.data())
def test_links_connect_as_scipy_says(count, data):
    member = st.integers(0, count - 1)
    links = np.array(data.draw(st.lists(st.tuples(member, member))), np.int64).reshape(-1, 2)
    found = connect(count, links)
    expected = connected_components(coo_array((np.ones(len(links)), links.T), (count, count)))[1]
    assert len(set(zip(found, expected, strict=True))) == len(set(found)) == len(set(expected))


def test_a_long_chain_connects():
    links = np.stack([np.arange(9999), np.arange(1, 10_000)], axis=1)
    assert set(connect(10_000, np.random.default_rng(0).permutation(links))) == {0}
