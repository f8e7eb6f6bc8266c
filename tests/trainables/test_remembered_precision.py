"""The choice of precision is measured once per machine, and taken again from the cache."""

import json

import pytest

from trainables import measured_precision, remembered

ASKED = {"family": "mini_vgg", "image_size": 16, "channels": 1, "with_xla": False}


@pytest.fixture
def measurements(monkeypatch):
    """Counts measurements; each is faster than the one before, so that they can be told apart."""
    done = []

    def measure(**asked):
        done.append(asked)
        return {
            "device": "cpu",
            "images_per_second": {"float32": 100.0, "mixed_bfloat16": 200.0 + len(done)},
            "precision": "mixed_bfloat16",
            "fused_batch_norm": False,
        }

    monkeypatch.setattr(remembered, "measure_precision", measure)
    return done


def test_the_second_run_takes_the_first_ones_choice(tmp_path, measurements):
    first = measured_precision(cache=tmp_path, **ASKED)
    second = measured_precision(cache=tmp_path, **ASKED)
    assert measurements == [ASKED]
    assert (first["cached"], second["cached"]) == (False, True)
    assert {**first, "cached": None} == {**second, "cached": None}


@pytest.mark.parametrize(
    "change",
    [
        {"family": "plain_cnn"},
        {"image_size": 32},
        {"channels": 3},
        {"with_xla": True},
        {"processor": "another"},
        {"instructions": "none"},
    ],
)
def test_other_circumstances_are_measured_anew(tmp_path, measurements, monkeypatch, change):
    measured_precision(cache=tmp_path, **ASKED)
    asked = {**ASKED, **{name: value for name, value in change.items() if name in ASKED}}
    for name in set(change) - set(ASKED):
        monkeypatch.setattr(remembered.machine, name, lambda name=name: change[name])
    assert not measured_precision(cache=tmp_path, **asked)["cached"]
    assert len(measurements) == 2


def test_a_new_version_of_keras_is_measured_anew(tmp_path, measurements, monkeypatch):
    measured_precision(cache=tmp_path, **ASKED)
    monkeypatch.setattr(remembered, "version", lambda package: f"{package} 99")
    assert not measured_precision(cache=tmp_path, **ASKED)["cached"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: "",
        lambda _: "[" * 10_000,
        lambda _: "[]",
        lambda content: content.replace("mixed_bfloat16", "float8"),
        lambda content: json.dumps({**json.loads(content), "measured_on": {}}),
    ],
)
def test_a_damaged_file_is_measured_anew_and_replaced(tmp_path, measurements, damage):
    measured_precision(cache=tmp_path, **ASKED)
    (path,) = tmp_path.glob("measured/*.json")
    path.write_text(damage(path.read_text()))
    assert not measured_precision(cache=tmp_path, **ASKED)["cached"]
    assert measured_precision(cache=tmp_path, **ASKED)["cached"]


def test_a_cache_that_cannot_be_written_is_no_reason_to_stop(tmp_path, measurements):
    (tmp_path / "measured").write_text("in the way")
    assert not measured_precision(cache=tmp_path, **ASKED)["cached"]
    assert not measured_precision(cache=tmp_path, **ASKED)["cached"]


def test_what_is_kept_says_what_it_was_measured_on(tmp_path, measurements):
    measured_precision(cache=tmp_path, **ASKED)
    (path,) = tmp_path.glob("measured/*.json")
    told = json.loads(path.read_text())["measured_on"]
    assert {**told, **ASKED} == told
    assert {"processor", "cpus", "gpus", "tensorflow", "keras"} < set(told)
