"""The decoded cache: built once, by one process, complete or not at all."""

import errno
import json
import logging
import multiprocessing
import os
import shutil
from collections import namedtuple
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

import scans
from neurosweep.errors import DataError, NeurosweepError
from scans.caches import decoded as caching
from scans.caches.decoded import RESIZE


def _open(source: scans.Source, **changes):
    return scans.open_dataset(source, **({"image_size": 8, "color": "grey"} | changes))


def _caches(source: scans.Source) -> list[Path]:
    return sorted(source.cache.glob("decoded/*/images.npy"))


def _left(source: scans.Source) -> list[str]:
    """What stands below the cache folder, but for locks, which stay."""
    files = source.cache.rglob("*")
    return sorted(path.name for path in files if path.is_file() and path.suffix != ".lock")


def test_the_second_opening_does_not_decode(source, monkeypatch):
    first = _open(source)
    shutil.rmtree(source.root)  # whatever is read now comes from the cache
    again = _open(source)
    assert isinstance(again.images, np.memmap)
    assert not again.images.flags.writeable
    np.testing.assert_array_equal(again.images, first.images)


def test_each_size_and_colour_has_its_own(source):
    _open(source)
    _open(source, image_size=9)
    assert _open(source, color="rgb").images.shape == (26, 8, 8, 3)
    assert len(_caches(source)) == 3


def test_splits_of_the_same_images_share_one(source):
    manifest = scans.read_manifest(source.root)
    first = _open(source)
    second = _open(
        replace(source, split=scans.divide(manifest, scans.Division(validation=0.4, seed=1)))
    )
    assert len(_caches(source)) == 1
    assert first.mean != second.mean


def test_other_files_get_another(source):
    _open(source)
    _open(replace(source, split=source.split.slice(0, 20).replace_schema_metadata(None)))
    assert len(_caches(source)) == 2


def test_a_cache_says_what_it_is(source):
    _open(source)
    (path,) = _caches(source)
    about = json.loads((path.parent / "about.json").read_text())
    assert datetime.fromisoformat(about.pop("made")) <= datetime.now(UTC)
    assert about == {
        "root": str(source.root),
        "images": 26,
        "image_size": 8,
        "color": "grey",
        "fingerprint": source.fingerprint,
        "resize": RESIZE,
    }
    assert path.parent.name.startswith(source.fingerprint[:16])
    assert path.parent.name.endswith(f"-8px-grey-{RESIZE}")


def test_numpy_alone_reads_it(source):
    images = _open(source).images
    (path,) = _caches(source)
    np.testing.assert_array_equal(np.load(path, allow_pickle=False), images)


def test_it_holds_what_decoding_gives(source):
    opened = _open(source)
    for row, file in enumerate(opened.files):
        decoded = scans.decode(source.root / file, image_size=8, color="grey")
        np.testing.assert_array_equal(opened.images[row], decoded)


def test_each_opening_is_noted(source):
    _open(source)
    (path,) = _caches(source)
    used = path.with_name("used")
    os.utime(used, (0, 0))
    _open(source)
    assert used.stat().st_mtime > 0


@pytest.mark.parametrize("damage", ["shorter", "longer", "empty", "header", "garbage", "zip"])
def test_a_torn_cache_is_refused_and_built_again(source, caplog, damage):
    whole = np.array(_open(source).images)
    (path,) = _caches(source)
    content = path.read_bytes()
    broken = {
        "shorter": content[:-1],
        "longer": content + b"x",
        "empty": b"",
        "header": content.replace(b"(26, 8, 8, 1)", b"(13, 8, 8, 2)"),
        "garbage": np.random.default_rng(0).bytes(len(content)),
        "zip": b"PK\x03\x04" + content[4:],  # NumPy would look for an archive
    }
    path.write_bytes(broken[damage])
    with caplog.at_level(logging.WARNING):
        again = _open(source)
    np.testing.assert_array_equal(again.images, whole)
    assert "is built again" in caplog.text
    assert path.read_bytes() == content


@pytest.mark.parametrize("where", ["the images", "about.json", "statistics"])
def test_what_a_failed_write_leaves(source, monkeypatch, where):
    """The n-th file that is synced finds the disk full."""
    calls = iter([where == "the images", where == "about.json", where == "statistics"])

    def fill_up(_descriptor: int) -> None:
        if next(calls):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fill_up)
    with pytest.raises(
        NeurosweepError, match=r"needs [\d,]+ bytes, but its disk has .* free; make"
    ):
        _open(source)
    whole = ["about.json", "images.npy", "used"] if where == "statistics" else []
    assert _left(source) == whole
    monkeypatch.undo()
    assert _open(source).images.shape == (26, 8, 8, 1)


def test_a_torn_one_that_cannot_be_replaced_is_gone(source, monkeypatch):
    _open(source)
    (path,) = _caches(source)
    path.write_bytes(b"torn")
    (source.root / "Training" / "a" / "004.png").unlink()
    with pytest.raises(DataError, match=r"004\.png"):
        _open(source)
    assert not path.exists()


def test_a_killed_builder_leaves_nothing_that_counts(source):
    _open(source)
    (path,) = _caches(source)
    partial = path.with_suffix(".partial")
    path.rename(partial)
    partial.write_bytes(b"torn")
    assert _open(source).images.shape == (26, 8, 8, 1)
    assert not partial.exists()


def _open_and_sum(source: scans.Source, queue) -> None:
    queue.put(int(_open(source).images.sum()))


def test_processes_that_come_at_once_share_one_cache(source):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    workers = [context.Process(target=_open_and_sum, args=(source, queue)) for _ in range(3)]
    for worker in workers:
        worker.start()
    sums = {queue.get(timeout=60) for _ in workers}
    for worker in workers:
        worker.join(timeout=60)
    assert sums == {int(_open(source).images.sum())}
    assert len(_caches(source)) == 1


def test_a_full_disk_is_foreseen(source, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(2000, 1000, 1000))
    with pytest.raises(NeurosweepError, match=r"needs 1,664 bytes, .* has 1,000 free; make room"):
        _open(source)
    assert not _caches(source)


def test_a_folder_that_cannot_be_made(source, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NeurosweepError, match=r"must be writable.*set NEUROSWEEP_CACHE"):
        _open(replace(source, cache=tmp_path / "file"))


def test_an_image_that_vanished(source):
    (source.root / "Training" / "a" / "004.png").unlink()
    with pytest.raises(DataError, match=r"must be readable, but .*004\.png is not"):
        _open(source)


def test_an_image_that_changed(source):
    Image.new("L", (10, 12)).save(source.root / "Training" / "a" / "004.png")
    with pytest.raises(DataError, match=r"must be those of the manifest.*but they are not"):
        _open(source)
    assert not _caches(source)


def test_the_place_of_caches_can_be_set(monkeypatch, tmp_path):
    monkeypatch.setenv(caching.CACHE_VARIABLE, str(tmp_path))
    assert scans.default_cache() == tmp_path
    monkeypatch.delenv(caching.CACHE_VARIABLE)
    assert "neurosweep" in scans.default_cache().parts


def test_labels_must_be_among_the_classes(source):
    table = pa.table({"file": ["x"], "label": ["c"], "part": ["train"]})
    with pytest.raises(DataError, match="among a, b, but 'c' is not"):
        _open(replace(source, split=table))
