"""The decoded cache on a disk that is really full, or really read-only."""

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import scans
from neurosweep.errors import NeurosweepError

Mount = Callable[..., Path]


@pytest.fixture
def mount(tmp_path) -> Iterator[Mount]:
    """Return a function that mounts a small file system in memory; only root may."""
    mounted = []

    def make(size: str) -> Path:
        folder = tmp_path / "small"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except FileNotFoundError:
            pytest.skip("there is no program `mount` here")
        if done.returncode:
            pytest.skip(f"this user may not mount: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield make
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _left(folder: Path) -> list[str]:
    files = folder.rglob("*")
    return [path.name for path in files if path.is_file() and path.suffix != ".lock"]


def test_a_disk_too_small_is_refused_before_a_byte_is_written(source, mount):
    cache = mount("64k")
    needed = 26 * 64 * 64
    with pytest.raises(
        NeurosweepError,
        match=rf"cache at {cache}.* needs {needed:,} bytes, but its disk has .* free; make room",
    ):
        scans.open_dataset(replace(source, cache=cache), image_size=64, color="grey")
    assert _left(cache) == []


@pytest.mark.parametrize("helpers", [0, 2])
def test_a_disk_that_fills_up_on_the_way(source, mount, monkeypatch, helpers):
    from scans.caches import crew
    from scans.caches import decoded as caching

    cache = mount("64k")
    monkeypatch.setattr(caching, "free_bytes", lambda _: 10**9)  # as free as it was a moment ago
    monkeypatch.setattr(crew, "_helpers", lambda _: helpers)
    with pytest.raises(
        NeurosweepError, match=r"needs 106,496 bytes, but its disk has .* make room"
    ):
        scans.open_dataset(replace(source, cache=cache), image_size=64, color="grey")
    assert _left(cache) == []
    monkeypatch.undo()
    smaller = scans.open_dataset(replace(source, cache=cache), image_size=8, color="grey")
    assert smaller.images.shape == (26, 8, 8, 1)


def test_a_built_cache_that_is_read_only_is_used(source, mount):
    cache = mount("1m")
    kept = replace(source, cache=cache)
    built = scans.open_dataset(kept, image_size=8, color="grey")
    subprocess.run(["mount", "-o", "remount,ro", str(cache)], check=True)
    again = scans.open_dataset(kept, image_size=8, color="grey")
    np.testing.assert_array_equal(again.images, built.images)
    # The statistics of another split are measured and not kept.
    split = scans.divide(scans.read_manifest(source.root), scans.Division(validation=0.4, seed=1))
    other = scans.open_dataset(replace(kept, split=split), image_size=8, color="grey")
    assert other.mean != built.mean
    with pytest.raises(NeurosweepError, match=r"must be writable.*Read-only.*NEUROSWEEP_CACHE"):
        scans.open_dataset(kept, image_size=9, color="grey")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes where nobody may")
def test_a_folder_that_may_not_be_written(source, tmp_path):
    cache = tmp_path / "closed"
    cache.mkdir(mode=0o500)
    with pytest.raises(NeurosweepError, match=r"must be writable.*Permission denied"):
        scans.open_dataset(replace(source, cache=cache), image_size=8, color="grey")
