"""The cache folder listed and cleared: all that is ours, and nothing else."""

import multiprocessing
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from filelock import FileLock

import scans
from neurosweep.errors import NeurosweepError, UserError
from scans.caches.decoded import lock_of
from scans.caches.stored import (
    DECODED_IMAGES,
    FEATURES,
    MANIFEST_INDEX,
    PHANTOM_DATA,
    WEIGHTS,
    clear_stored,
    list_stored,
)

INDEX = "0123456789abcdef.parquet"
FEATURES_KEY = "VGG16-32px-native-pooled-random12-0123456789abcdef"


@pytest.fixture
def cache(source) -> Path:
    """A cache folder with two decoded caches, a manifest index and phantom data."""
    scans.open_dataset(source, image_size=8, color="grey")
    scans.open_dataset(source, image_size=9, color="rgb")
    (source.cache / "manifests").mkdir()
    (source.cache / "manifests" / INDEX).write_bytes(b"12345")
    scans.write_phantom(source.cache / "phantom", images=40, size=32)
    return source.cache


def _kinds(cache: Path) -> list[str]:
    return [one.kind for one in list_stored(cache)]


def test_a_folder_that_is_missing_holds_nothing(tmp_path):
    assert list_stored(tmp_path / "absent") == []
    assert clear_stored(tmp_path / "absent", []).removed == ()


def test_each_thing_says_what_it_is(cache, source):
    small, large, index, phantom = list_stored(cache)
    assert small.kind == large.kind == DECODED_IMAGES
    sizes = {(one.image_size, one.color) for one in (small, large)}
    assert sizes == {(8, "grey"), (9, "rgb")}
    assert small.root == large.root == str(source.root)
    assert small.images == large.images == 26
    assert small.size == sum(path.stat().st_size for path in small.path.iterdir())
    assert small.size > 26 * 8 * 8
    assert (index.kind, index.key, index.size) == (MANIFEST_INDEX, "0123456789abcdef", 5)
    assert (phantom.kind, phantom.images, phantom.image_size) == (PHANTOM_DATA, 40, 32)
    assert phantom.size > 40 * 100
    assert all(one.complete for one in (small, large, index, phantom))


def test_the_last_use_is_the_last_opening(cache, source):
    small = next(one for one in list_stored(cache) if one.image_size == 8)
    os.utime(small.path / "used", (1e9, 1e9))
    assert list_stored(cache)[0].last_used == datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)
    before = datetime.now(UTC)
    scans.open_dataset(source, image_size=8, color="grey")
    used = next(one for one in list_stored(cache) if one.image_size == 8).last_used
    assert abs((used - before).total_seconds()) < 60


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"root": 3, "images": "many"}', "[" * 60_000])
def test_a_damaged_about_hides_nothing(cache, text):
    first = list_stored(cache)[0]
    (first.path / "about.json").write_text(text)
    again = list_stored(cache)[0]
    assert (again.key, again.image_size, again.color) == (first.key, 8, "grey")
    assert (again.root, again.images) == (None, None)


def test_clearing_spares_the_phantom_data(cache):
    cleared = clear_stored(cache, [])
    assert [one.kind for one in cleared.removed] == [DECODED_IMAGES, DECODED_IMAGES, MANIFEST_INDEX]
    assert cleared.kept == ()
    assert _kinds(cache) == [PHANTOM_DATA]
    assert clear_stored(cache, [], everything=True).removed[0].kind == PHANTOM_DATA
    assert _kinds(cache) == []
    left = [path for path in cache.rglob("*") if path.is_file()]
    assert {path.suffix for path in left} <= {".lock"}


def test_clearing_one_by_its_key(cache):
    key = list_stored(cache)[1].key
    assert [one.key for one in clear_stored(cache, [key]).removed] == [key]
    assert key not in [one.key for one in list_stored(cache)]
    assert [one.key for one in clear_stored(cache, ["phantom"]).removed] == ["phantom"]


@pytest.mark.parametrize("key", ["absent", "../outside", "", "decoded", "."])
def test_an_unknown_key_deletes_nothing(cache, key):
    known = list_stored(cache)[0].key
    with pytest.raises(UserError, match=rf"KEY must be one that .*list.* shows.*{known}"):
        clear_stored(cache, [known, key])
    assert len(list_stored(cache)) == 4


def test_a_cleared_cache_is_made_again_and_a_mapped_one_stays_readable(cache, source):
    opened = scans.open_dataset(source, image_size=8, color="grey")
    total = int(opened.images.sum())
    clear_stored(cache, [])
    assert int(opened.images.sum()) == total
    assert int(scans.open_dataset(source, image_size=8, color="grey").images.sum()) == total


def _hold(lock: Path, held, done) -> None:
    with FileLock(lock):
        held.set()
        done.wait(60)


def test_one_that_is_being_built_is_left(cache):
    building = list_stored(cache)[0]
    (building.path / "images.npy").rename(building.path / "images.partial")
    context = multiprocessing.get_context("spawn")
    held, done = context.Event(), context.Event()
    builder = context.Process(target=_hold, args=(lock_of(building.path), held, done))
    builder.start()
    assert held.wait(60)
    cleared = clear_stored(cache, [])
    assert [(one.key, why) for one, why in cleared.kept] == [
        (building.key, "it is being built right now")
    ]
    assert not list_stored(cache)[0].complete
    assert (building.path / "images.partial").exists()
    done.set()
    builder.join(60)
    assert len(clear_stored(cache, []).removed) == 1  # what a killed builder leaves goes too


def test_files_and_links_that_are_not_ours_are_left(cache, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "images.npy").write_text("precious")
    first, second = (one for one in list_stored(cache) if one.kind == DECODED_IMAGES)
    (first.path / "notes.txt").write_text("mine")
    (second.path / "statistics-0123456789abcdef.json").symlink_to(outside / "images.npy")
    (cache / "decoded" / first.key.replace("8px", "7px")).symlink_to(outside)
    (cache / "decoded" / "other").mkdir()
    (cache / "manifests" / "fedcba9876543210.json").symlink_to(outside / "images.npy")
    cleared = clear_stored(cache, [], everything=True)
    assert [why for _, why in cleared.kept] == [
        "it holds what is not ours: notes.txt",
        "it holds what is not ours: statistics-0123456789abcdef.json",
    ]
    assert (first.path / "notes.txt").read_text() == "mine"
    assert (outside / "images.npy").read_text() == "precious"
    assert (cache / "decoded" / "other").is_dir()


@pytest.mark.parametrize("name", ["decoded", "manifests", "phantom"])
def test_what_a_link_leads_to_is_not_ours(cache, tmp_path, name):
    (cache / name).rename(tmp_path / "elsewhere")
    (cache / name).symlink_to(tmp_path / "elsewhere")
    before = sorted(tmp_path.joinpath("elsewhere").rglob("*"))
    clear_stored(cache, [], everything=True)
    assert sorted(tmp_path.joinpath("elsewhere").rglob("*")) == before


def test_a_folder_named_phantom_without_its_marker_is_not_ours(cache):
    (cache / "phantom" / "phantom.json").unlink()
    clear_stored(cache, [], everything=True)
    assert (cache / "phantom" / "Training").is_dir()


def test_what_cannot_be_deleted_is_told(cache, monkeypatch):
    def refuse(self, missing_ok=False):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(NeurosweepError, match=r"must be writable.*Permission denied.*permissions"):
        clear_stored(cache, [])


def test_what_cannot_be_read_is_told(tmp_path, monkeypatch):
    (tmp_path / "decoded").mkdir()

    def refuse(_folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(NeurosweepError, match=r"must be readable.*Permission denied"):
        list_stored(tmp_path)


@pytest.fixture
def features(tmp_path) -> Path:
    """A cache of features whose files are mostly holes."""
    folder = tmp_path / "cache" / "features" / FEATURES_KEY
    folder.mkdir(parents=True)
    for name in ("values.npy", "marks.npy"):
        with (folder / name).open("wb") as file:
            file.write(b"x" * 5000)
            file.truncate(50_000_000)
    (folder / "about.json").write_text('{"network": "VGG16", "shape": [77, 2, 512]}')
    (folder / "used").touch()
    return folder


def test_features_are_listed_with_what_they_take_on_the_disk(features):
    (one,) = list_stored(features.parents[1])
    assert (one.kind, one.key, one.images, one.image_size) == (FEATURES, FEATURES_KEY, 77, 32)
    assert (one.root, one.complete) == (None, True)
    blocks = sum(path.stat().st_blocks for path in features.iterdir())
    assert one.size == blocks * 512 < 1_000_000
    os.utime(features / "used", (4e9, 4e9))
    assert list_stored(features.parents[1])[0].last_used == datetime.fromtimestamp(4e9, UTC)


@pytest.mark.parametrize("text", ["", "[1]", '{"shape": "wide"}', '{"shape": [[]]}'])
def test_a_damaged_about_hides_no_features(features, text):
    (features / "about.json").write_text(text)
    (features / "marks.npy").unlink()
    (one,) = list_stored(features.parents[1])
    assert (one.key, one.images, one.complete) == (FEATURES_KEY, None, False)


def test_features_are_cleared_with_nothing_else(features, tmp_path):
    cache = features.parents[1]
    (features / "notes.txt").write_text("mine")
    (features.parent / "VGG16-32px-native-pooled-other-0123456789abcdef").mkdir()
    link = features.parent / FEATURES_KEY.replace("VGG16", "VGG19")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "values.npy").write_text("precious")
    link.symlink_to(tmp_path / "outside")
    ((one, why),) = clear_stored(cache, []).kept
    assert (one.kind, why) == (FEATURES, "it holds what is not ours: notes.txt")
    assert [path.name for path in features.iterdir()] == ["notes.txt"]
    assert (tmp_path / "outside" / "values.npy").read_text() == "precious"
    (features / "notes.txt").unlink()
    assert [one.key for one in clear_stored(cache, []).removed] == [FEATURES_KEY]
    assert not features.exists()
    assert len(list(features.parent.glob("VGG16-*-other-*"))) == 1


@pytest.fixture
def weights(tmp_path) -> Path:
    """A folder of weights as a fetch from a store leaves it."""
    folder = tmp_path / "cache" / "weights" / "fedcba9876543210"
    (folder / ".neurosweep-weights").mkdir(parents=True)
    (folder / ".neurosweep-weights" / "lock").touch()
    (folder / "weights.json").write_text("{}")
    (folder / "vgg16_notop.h5").write_bytes(b"12345")
    return folder


def test_fetched_weights_are_listed_and_cleared(weights):
    cache = weights.parents[1]
    os.utime(weights / "vgg16_notop.h5", (1e9, 1e9))  # the store's time of change
    (one,) = list_stored(cache)
    assert (one.kind, one.key, one.size, one.root) == (WEIGHTS, weights.name, 7, None)
    assert abs((datetime.now(UTC) - one.last_used).total_seconds()) < 60
    (weights / "mine.txt").write_text("mine")
    assert clear_stored(cache, []).kept[0][1] == "it holds what is not ours: mine.txt"
    (weights / "mine.txt").unlink()
    (weights / "weights.json.0a1b2c3d.partial").write_text("torn")
    assert not list_stored(cache)[0].complete
    assert [one.kind for one in clear_stored(cache, []).removed] == [WEIGHTS]
    assert list_stored(cache) == []
    # Whoever waits for the lock must find the same one.
    assert [path.name for path in weights.rglob("*")] == [".neurosweep-weights", "lock"]


def test_a_folder_of_weights_that_nobody_fetched_is_not_ours(weights):
    (weights / ".neurosweep-weights" / "lock").unlink()
    (weights / ".neurosweep-weights").rmdir()
    assert list_stored(weights.parents[1]) == []


def test_features_and_weights_that_are_being_filled_are_left(features, weights):
    with FileLock(lock_of(features)), FileLock(weights / ".neurosweep-weights" / "lock"):
        kept = clear_stored(features.parents[1], []).kept
    assert [(one.kind, why) for one, why in kept] == [
        (FEATURES, "it is being built right now"),
        (WEIGHTS, "it is being built right now"),
    ]
    assert (features / "values.npy").exists()
    assert (weights / "vgg16_notop.h5").exists()
