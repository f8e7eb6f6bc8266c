"""Features on disk: what was written comes back, and damage costs the rows it hit alone."""

import json
import logging
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from neurosweep.errors import NeurosweepError
from trainables import alive
from trainables.features import store as store_module
from trainables.features.key import FeatureKey
from trainables.features.store import FeatureStore, pack, unpack

ROWS = 20
SHAPE = (ROWS, 2, 7)


def key(precision="float16", **changes):
    facts = {
        **{"data": "d", "files": "f", "network": "VGG16", "weights": "w", "image_size": 32},
        **{"channels": 1, "preprocessing": "native"},
    }
    return FeatureKey(**{**facts, "precision": precision, **changes})


def features(rows=ROWS, seed=0):
    generator = np.random.default_rng(seed)
    return generator.normal(0, 3, (rows, *SHAPE[1:])).astype(np.float32)


@pytest.fixture(params=["float16", "float32"])
def precision(request):
    return request.param


@pytest.fixture
def store(tmp_path):
    return FeatureStore(tmp_path, key(), SHAPE)


def fill(store, rows, values=None, precision="float16"):
    rows = np.asarray(rows)
    with store.filling():
        store.add(rows, pack((features() if values is None else values)[rows], precision))


def test_a_round_trip(tmp_path, precision):
    store = FeatureStore(tmp_path, key(precision), SHAPE)
    fill(store, np.arange(ROWS), precision=precision)
    again = FeatureStore(tmp_path, key(precision), SHAPE)
    assert len(again.missing(np.arange(ROWS))) == 0
    tolerance = 0 if precision == "float32" else 2**-11
    np.testing.assert_allclose(again.read(np.arange(ROWS)), features(), rtol=tolerance, atol=1e-6)
    kept = pack(features(), precision)
    for one, other in zip(again.packed(np.arange(ROWS)), kept, strict=True):
        np.testing.assert_array_equal(one, other)


def test_values_are_a_plain_numpy_file(store):
    fill(store, np.arange(ROWS))
    values = np.load(store.folder / "values.npy", allow_pickle=False)
    np.testing.assert_array_equal(values, pack(features(), "float16")[0])
    about = json.loads((store.folder / "about.json").read_text())
    assert (about["network"], about["shape"]) == ("VGG16", list(SHAPE))


LIMIT = float(np.float32(1e30))
numbers = st.floats(-LIMIT, LIMIT, width=32, allow_subnormal=False)


@given(arrays(np.float32, (3, 2, 5), elements=numbers))
def test_rounding_is_bounded_by_the_value_and_the_rows_largest(values):
    found = unpack(pack(values, "float16"))
    largest = np.abs(values).max(axis=(1, 2), keepdims=True)
    # Half a unit in the last of float16's 11 digits; below 2**-27 of the largest, a fixed step.
    bound = np.maximum(2.0**-11 * np.abs(values), 2.0**-38 * largest)
    # Where a row is so small that float32 itself has no more digits.
    assert (np.abs(found.astype(np.float64) - values) <= bound + 2.0**-149).all()


@pytest.mark.parametrize("scale", [1e30, 1.0, 1e-30])
def test_huge_and_tiny_rows_survive(scale):
    values = (features() * scale).astype(np.float32)
    found = unpack(pack(values, "float16"))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, values, rtol=2**-11, atol=scale * 1e-8)


def test_zeros_stay_zeros():
    values, exponents = pack(np.zeros(SHAPE, np.float32), "float16")
    assert not exponents.any()
    assert not unpack((values, exponents)).any()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused(bad, precision):
    values = features()
    values[3, 1, 2] = bad
    with pytest.raises(NeurosweepError, match=r"finite numbers.*stage them again"):
        pack(values, precision)


def test_rows_come_in_any_order_and_a_part_is_a_part(store):
    assert store.missing(np.array([5, 2])).tolist() == [5, 2]
    fill(store, [7, 0, 13])
    assert store.missing(np.array([13, 1, 7, 19])).tolist() == [1, 19]
    found = store.read(np.array([13, 7]))
    np.testing.assert_allclose(found, features()[[13, 7]], rtol=2**-11, atol=1e-6)
    with pytest.raises(NeurosweepError, match="lacks some that were there a moment ago"):
        store.read(np.array([13, 1]))
    fill(store, [19, 1])
    assert store.missing(np.array([13, 1, 7, 19])).tolist() == []


def test_features_of_another_shape_or_precision_are_refused(store):
    with store.filling():
        with pytest.raises(NeurosweepError, match="received"):
            store.add(np.arange(2), pack(np.ones((2, 2, 8), np.float32), "float16"))
        with pytest.raises(NeurosweepError, match="float32"):
            store.add(np.arange(2), pack(features()[:2], "float32"))


def flip_a_byte(path, position):
    content = bytearray(path.read_bytes())
    content[position] ^= 0x40
    path.write_bytes(bytes(content))


def test_a_damaged_byte_costs_its_row_alone(store):
    fill(store, np.arange(ROWS))
    header = (store.folder / "values.npy").stat().st_size - store.size
    flip_a_byte(store.folder / "values.npy", header + 11 * 2 * 7 * 2 + 5)
    assert store.missing(np.arange(ROWS)).tolist() == [11]
    fill(store, [11])
    assert store.missing(np.arange(ROWS)).tolist() == []


@pytest.mark.parametrize("byte", range(10))
def test_a_damaged_mark_costs_its_row_alone(store, byte):
    fill(store, np.arange(ROWS))
    path = store.folder / "marks.npy"
    flip_a_byte(path, path.stat().st_size - 10 * (ROWS - 4) + byte)
    assert store.missing(np.arange(ROWS)).tolist() == [4]


def test_a_file_cut_short_costs_the_rows_behind_the_cut(store, caplog):
    fill(store, np.arange(ROWS))
    path = store.folder / "values.npy"
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - store.size // 2)
    # While it is torn nothing is taken from it; whoever adds a row mends it.
    assert len(store.missing(np.arange(ROWS))) == ROWS
    assert "torn" in caplog.text
    fill(store, [19])
    assert store.missing(np.arange(ROWS)).tolist() == list(range(10, 19))


@pytest.mark.parametrize("name", ["values.npy", "marks.npy"])
def test_a_file_with_another_header_is_begun_anew(store, name):
    fill(store, np.arange(ROWS))
    flip_a_byte(store.folder / name, 20)
    assert len(store.missing(np.arange(ROWS))) == ROWS
    fill(store, [3])
    assert store.missing(np.arange(ROWS)).tolist() == [row for row in range(ROWS) if row != 3]
    np.testing.assert_allclose(store.read(np.array([3])), features()[[3]], rtol=2**-11, atol=1e-6)


def test_a_kill_between_values_and_marks_leaves_the_rows_missing(store, monkeypatch):
    fill(store, [1])
    write = FeatureStore._write

    def killed(self, name, rows, content):
        if name == "marks.npy":
            raise KeyboardInterrupt
        write(self, name, rows, content)

    monkeypatch.setattr(FeatureStore, "_write", killed)
    with pytest.raises(KeyboardInterrupt):
        fill(store, [2, 3])
    monkeypatch.undo()
    assert store.missing(np.arange(5)).tolist() == [0, 2, 3, 4]
    fill(store, [2])
    assert store.missing(np.arange(5)).tolist() == [0, 3, 4]


def test_a_full_disk_is_told_and_loses_nothing(small_disk):
    cache = small_disk("128k")
    big = FeatureStore(cache, key(), (64, 2, 2048))
    values = np.random.default_rng(0).normal(0, 1, (64, 2, 2048)).astype(np.float32)
    fill(big, np.arange(4), values)
    with pytest.raises(NeurosweepError, match=r"needs 491,520 bytes, but its disk has .* free"):
        fill(big, np.arange(4, 64), values)
    assert big.missing(np.arange(4)).tolist() == []
    np.testing.assert_allclose(big.read(np.arange(4)), values[:4], rtol=2**-11, atol=1e-6)


_FILL = """
import sys, time
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[3])
from test_feature_store import ROWS, SHAPE, FeatureStore, features, key, pack
store, log = FeatureStore(Path(sys.argv[1]), key(), SHAPE), Path(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
with store.filling():
    missing = store.missing(np.arange(ROWS))
    for start in range(0, len(missing), 5):
        rows = missing[start : start + 5]
        time.sleep(0.1)
        with log.open("a") as file:
            file.writelines(f"{row}\\n" for row in rows)
        store.add(rows, pack(features()[rows], "float16"))
"""


def test_two_processes_wait_for_one_another_and_compute_each_row_once(tmp_path):
    log = tmp_path / "computed"
    command = [sys.executable, "-c", _FILL, tmp_path, log, Path(__file__).parent]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert sorted(int(row) for row in log.read_text().split()) == list(range(ROWS))
    store = FeatureStore(tmp_path, key(), SHAPE)
    assert store.missing(np.arange(ROWS)).tolist() == []


def test_waiting_for_another_process_beats_and_is_said_once(store, monkeypatch, caplog):
    monkeypatch.setattr(store_module, "_SLICE", 0.02)
    beats, held = [], threading.Event()

    def hold():
        with FeatureStore(store.folder.parents[1], key(), SHAPE).filling():
            held.set()
            while len(beats) < 5:
                time.sleep(0.01)

    alive.watch(lambda: beats.append(True))
    holder = threading.Thread(target=hold)
    try:
        holder.start()
        assert held.wait(10)
        with caplog.at_level(logging.WARNING), store.filling():
            assert len(beats) >= 5
    finally:
        alive.watch(None)
        beats.extend([True] * 5)
        holder.join()
    assert caplog.text.count("Another process fills") == 1


def test_a_wait_has_an_end_and_whoever_fetches_keeps_nobody_from_adding(store):
    other = FeatureStore(store.folder.parents[1], key(), SHAPE)
    beats = []
    with store.fetching(seconds=1, waiting=lambda: None):
        fill(other, [3])
        with (
            pytest.raises(NeurosweepError, match=r"for more than 0\.1 seconds"),
            other.fetching(seconds=0.1, waiting=lambda: beats.append(True)),
        ):
            pytest.fail("two fetch at once")
    assert store.missing(np.arange(5)).tolist() == [0, 1, 2, 4]


def test_use_is_noted(store):
    fill(store, [0])
    assert not (store.folder / "used").exists()
    before = time.time()
    store.used()
    assert (store.folder / "used").stat().st_mtime >= before - 2
