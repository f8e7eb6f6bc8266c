"""Mean and standard deviation: exact, kept, and measured again where they cannot be read."""

import logging

import numpy as np
import pytest

from scans.caches.statistics import training_statistics

IMAGES = np.random.default_rng(0).integers(0, 256, (600, 3, 3, 2), dtype=np.uint8)
TRAIN = np.arange(0, 600, 2)


def test_they_are_those_of_the_training_rows(tmp_path):
    mean, std = training_statistics(IMAGES, TRAIN, tmp_path)
    pixels = IMAGES[TRAIN].reshape(-1, 2).astype(np.float64)
    np.testing.assert_allclose(mean, pixels.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(std, pixels.std(axis=0), rtol=1e-6)


def test_they_are_measured_once(tmp_path):
    first = training_statistics(IMAGES, TRAIN, tmp_path)
    again = training_statistics(np.zeros_like(IMAGES), TRAIN, tmp_path)
    np.testing.assert_array_equal(again, first)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"mean": [1, 2], "std": [1, 0]}', '{"mean": [1], "std": [1]}']
)
def test_torn_ones_are_measured_again(tmp_path, text, caplog):
    first = training_statistics(IMAGES, TRAIN, tmp_path)
    (kept,) = tmp_path.glob("statistics-*.json")
    kept.write_text(text)
    with caplog.at_level(logging.WARNING):
        again = training_statistics(IMAGES, TRAIN, tmp_path)
    np.testing.assert_array_equal(again, first)
    assert "measured again" in caplog.text
    assert kept.read_text() != text


def test_a_folder_that_was_cleared_meanwhile(tmp_path):
    mean, _ = training_statistics(IMAGES, TRAIN, tmp_path / "gone")
    assert mean.shape == (2,)
