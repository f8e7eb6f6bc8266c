"""Small image folders that the tests write themselves."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import scans

WriteImages = Callable[..., Path]


@pytest.fixture
def write_images(tmp_path: Path) -> WriteImages:
    """Return a function that writes a folder of noise: {"Training/a": 3} has three images."""

    def write(
        counts: dict[str, int], *, name: str = "data", seed: int = 0, side: int | None = None
    ) -> Path:
        generator = np.random.default_rng(seed)
        for folder, count in counts.items():
            (tmp_path / name / folder).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                shape = (12, 10) if side is None else (side, side)
                pixels = generator.integers(0, 256, shape, dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / name / folder / f"{number:03}.png")
        return tmp_path / name

    return write


@pytest.fixture
def two_parts(write_images: WriteImages) -> Path:
    """Two classes, ten images each to train on and three each to test."""
    return write_images({"Training/a": 10, "Training/b": 10, "Testing/a": 3, "Testing/b": 3})


@pytest.fixture
def source(two_parts: Path, tmp_path: Path) -> scans.Source:
    manifest = scans.read_manifest(two_parts)
    return scans.Source(
        root=manifest.root,
        split=scans.divide(manifest, scans.Division(validation=0.2, seed=0)),
        classes=manifest.classes,
        fingerprint=manifest.fingerprint,
        synthetic=manifest.synthetic,
        cache=tmp_path / "cache",
    )
