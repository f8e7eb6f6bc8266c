"""The decoded cache among real processes: killed half-way, and wanted by two at once."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import scans
from neurosweep.errors import DataError, NeurosweepError
from scans.caches import crew
from scans.caches.decoded import DecodedImages, open_images

IMAGES = 800
SIZE = 64

# Says when it decodes, which is once per build, and what it got.
_OPEN = """
import logging, os, sys
from pathlib import Path
from scans.caches.decoded import DecodedImages, open_images
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])  # slow on any machine
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
root = Path(sys.argv[1])
files = tuple(sorted(path.name for path in root.iterdir()))
wanted = DecodedImages(root=root, files=files, fingerprint="f" * 64, content=None,
                       image_size=64, color="grey")
print("sum", int(open_images(wanted, Path(sys.argv[2])).sum(dtype="int64")))
"""


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> Path:
    """Images enough that a build takes its time: 800 of a megapixel each are two contents."""
    folder = tmp_path_factory.mktemp("many")
    generator = np.random.default_rng(0)
    for number in range(2):
        pixels = generator.integers(0, 256, (1000, 1000), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:05}.jpg")
    for number in range(2, IMAGES):
        os.link(folder / f"{number % 2:05}.jpg", folder / f"{number:05}.jpg")
    return folder


@pytest.fixture(scope="module")
def expected(many: Path) -> np.ndarray:
    pair = [
        scans.decode(many / f"{number:05}.jpg", image_size=SIZE, color="grey")
        for number in range(2)
    ]
    return np.stack([pair[number % 2] for number in range(IMAGES)])


def _wanted(root: Path) -> DecodedImages:
    return DecodedImages(
        root=root,
        files=tuple(sorted(path.name for path in root.iterdir())),
        fingerprint="f" * 64,
        content=None,
        image_size=SIZE,
        color="grey",
    )


def _start(root: Path, cache: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", _OPEN, root, cache],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def _wait_until(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def _written(cache: Path) -> int:
    """Bytes that a builder has written under its temporary name."""
    written = 0
    for path in cache.glob("decoded/*/images.partial"):
        with contextlib.suppress(FileNotFoundError):  # it was renamed between the two looks
            written += path.stat().st_size
    return written


def _helpers_of(parent: int) -> Iterator[int]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            yield int(path.parent.name)


def _alive(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_builder_killed_half_way_is_followed_by_one_that_builds(many, expected, tmp_path):
    builder = _start(many, tmp_path)
    half = expected.nbytes // 2
    _wait_until(lambda: _written(tmp_path) > half // 4)
    helpers = list(_helpers_of(builder.pid))
    builder.send_signal(signal.SIGKILL)
    builder.communicate()
    (partial,) = tmp_path.glob("decoded/*/images.partial")
    assert not (partial.parent / "images.npy").exists()
    images = open_images(_wanted(many), tmp_path)
    np.testing.assert_array_equal(images, expected)
    assert not partial.exists()
    _wait_until(lambda: not any(map(_alive, helpers)))
    np.testing.assert_array_equal(images, expected)  # orphaned helpers wrote nothing into it


def test_two_that_start_together_build_once(many, expected, tmp_path):
    both = [_start(many, tmp_path) for _ in range(2)]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert "".join(said).count("Decoding 800 images into") == 1
    total = f"sum {expected.sum(dtype='int64')}"
    assert all(total in words for words in said)
    assert len(list(tmp_path.glob("decoded/*/images.npy"))) == 1


def test_a_waiter_builds_when_the_builder_is_killed(many, expected, tmp_path):
    builder = _start(many, tmp_path)
    _wait_until(lambda: _written(tmp_path) > 0)
    builder.send_signal(signal.SIGSTOP)  # it holds the lock and comes to no end
    waiter = _start(many, tmp_path)
    # It has loaded what it decodes with, and finds the lock taken; nothing tells when it tries.
    _wait_until(lambda: "_imaging" in Path(f"/proc/{waiter.pid}/maps").read_text())
    builder.send_signal(signal.SIGKILL)
    builder.communicate()
    said = waiter.communicate(timeout=120)[0]
    assert "Decoding 800 images into" in said
    assert f"sum {expected.sum(dtype='int64')}" in said


@pytest.fixture
def three_cores(monkeypatch) -> None:
    monkeypatch.setattr(crew, "cores", lambda: 3)
    monkeypatch.setattr(crew, "_WORTH", 1e-6)


def test_helpers_give_the_same_as_one_process(two_parts, three_cores, tmp_path, monkeypatch):
    started = []
    start = crew._start
    monkeypatch.setattr(crew, "_start", lambda *ends: started.append(start(*ends)) or started[-1])
    files = tuple(sorted(p.relative_to(two_parts).as_posix() for p in two_parts.rglob("*.png")))
    wanted = DecodedImages(
        root=two_parts, files=files, fingerprint="f", content=None, image_size=9, color="rgb"
    )
    images = open_images(wanted, tmp_path / "cache")
    assert len(started) == 2
    assert all(process.returncode is not None for process in started)
    for row, file in enumerate(files):
        decoded = scans.decode(two_parts / file, image_size=9, color="rgb")
        np.testing.assert_array_equal(images[row], decoded)


def test_a_helper_tells_what_it_cannot_read(source, three_cores):
    (source.root / "Training" / "b" / "009.png").write_text("damaged")  # the last group
    with pytest.raises(DataError, match=r"must be readable, but .*009\.png is not"):
        scans.open_dataset(source, image_size=8, color="grey")


def test_a_helper_that_dies(source, three_cores, monkeypatch):
    start = crew._start

    def start_and_kill(*ends):
        process = start(*ends)
        process.kill()
        return process

    monkeypatch.setattr(crew, "_start", start_and_kill)
    with pytest.raises(NeurosweepError, match=r"must live while images are decoded.*status -9"):
        scans.open_dataset(source, image_size=8, color="grey")
    assert not list(source.cache.rglob("images.*"))


def test_helpers_are_started_where_they_pay(monkeypatch):
    monkeypatch.setattr(crew, "cores", lambda: 8)
    assert [crew._helpers(seconds) for seconds in (0, 0.4, 1.2, 60)] == [0, 0, 2, 7]
