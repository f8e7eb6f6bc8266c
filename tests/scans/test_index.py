"""What did not change is not read again; what changed is, and a damaged index does no harm."""

import logging
import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import scans.caches.index
import scans.manifest
from scans.copies.search import find_copies
from scans.manifest import read_manifest


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def reads(monkeypatch):
    """The names of the files that were read since it was last cleared."""
    seen = []

    def reading(path):
        seen.append(path.name)
        return original(path)

    original = scans.manifest.read_facts
    monkeypatch.setattr(scans.manifest, "read_facts", reading)
    monkeypatch.setattr(scans.caches.index, "_GRAIN_NS", 0)  # tests write and read within a second
    return seen


def _settle():
    time.sleep(0.02)  # the file system's clock ticks every few milliseconds


def _index(cache):
    (file,) = cache.glob("manifests/*.parquet")
    return file


def _noise(path, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 10), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def test_an_unchanged_folder_is_not_read_again(two_parts, cache, reads):
    _settle()
    first = read_manifest(two_parts, cache=cache)
    assert len(reads) == 26
    reads.clear()
    again = read_manifest(two_parts, cache=cache)
    assert reads == []
    assert again == first
    assert np.array_equal(again.signatures(), first.signatures())


def test_only_what_changed_is_read_again(two_parts, cache, reads):
    _settle()
    read_manifest(two_parts, cache=cache)
    _noise(two_parts / "Training/a/000.png", 99)
    _noise(two_parts / "Training/b/new.png", 98)
    (two_parts / "Training/a/001.png").unlink()
    _settle()
    reads.clear()
    manifest = read_manifest(two_parts, cache=cache)
    assert sorted(reads) == ["000.png", "new.png"]
    fresh = read_manifest(two_parts)
    assert manifest == fresh
    assert np.array_equal(manifest.signatures(), fresh.signatures())


def test_a_change_that_keeps_size_and_date_is_seen(two_parts, cache, reads):
    _settle()
    path = two_parts / "Training/a/000.png"
    before = path.stat()
    first = read_manifest(two_parts, cache=cache)
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert read_manifest(two_parts, cache=cache).fingerprint != first.fingerprint


def test_what_was_just_written_is_not_trusted(two_parts, cache, monkeypatch):
    read_manifest(two_parts, cache=cache)
    seen = []
    original = scans.manifest.read_facts
    monkeypatch.setattr(
        scans.manifest, "read_facts", lambda path: seen.append(path) or original(path)
    )
    read_manifest(two_parts, cache=cache)
    assert len(seen) == 26


def test_what_could_not_be_read_is_tried_again(two_parts, cache, reads, monkeypatch):
    _settle()
    # The reason may lie elsewhere: a decoder that is not installed, too many open files.
    original = scans.manifest.read_facts
    with monkeypatch.context() as failing:
        failing.setattr(
            scans.manifest,
            "read_facts",
            lambda path: "no decoder" if path.name == "003.png" else original(path),
        )
        assert len(read_manifest(two_parts, cache=cache).unreadable) == 2
    reads.clear()
    assert read_manifest(two_parts, cache=cache) == read_manifest(two_parts)
    assert reads[:2] == ["003.png", "003.png"]


@pytest.mark.parametrize("content", [b"", b"garbage", b"PAR1" * 100])
def test_a_damaged_index_is_made_again(two_parts, cache, reads, caplog, content):
    _settle()
    first = read_manifest(two_parts, cache=cache)
    _index(cache).write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert read_manifest(two_parts, cache=cache) == first
    assert "cannot be read" in caplog.text
    reads.clear()
    read_manifest(two_parts, cache=cache)
    assert reads == []


def test_an_index_of_other_rules_is_void(two_parts, cache, reads, monkeypatch):
    _settle()
    read_manifest(two_parts, cache=cache)
    monkeypatch.setattr(scans.caches.index, "_MADE_BY", "something else")
    reads.clear()
    read_manifest(two_parts, cache=cache)
    assert len(reads) == 26


def test_a_cache_that_cannot_be_written_costs_only_time(two_parts, tmp_path, caplog):
    cache = tmp_path / "file"
    cache.write_text("not a folder")
    with caplog.at_level(logging.WARNING):
        manifest = read_manifest(two_parts, cache=cache)
        find_copies(manifest, cache=cache)
    assert manifest.images == 26
    assert "could not be written" in caplog.text


def test_two_folders_have_two_indexes(write_images, cache):
    counts = {"a": 3, "b": 3}
    for name in ("one", "two"):
        read_manifest(write_images(counts, name=name), cache=cache)
    assert len(list(cache.glob("manifests/*.parquet"))) == 2


def test_nothing_is_left_aside(two_parts, cache):
    read_manifest(two_parts, cache=cache)
    assert [path.suffix for path in Path(cache / "manifests").iterdir()] == [".parquet"]
