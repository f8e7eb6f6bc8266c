"""Real searches through the real command, once per session, on images the tests draw."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_runs import SmallRuns

CLASSES = ("glioma", "meningioma", "notumor", "pituitary")

EXPERIMENT = """
name: end-to-end
data: {image_size: 32}
families:
  mini_resnet: {stem_filters: 16, filters: {max: 32}}
  plain_cnn: {filters: {max: 32}, fc_width: 64}
  transfer: {backbones: [MobileNetV2], weights: random, image_size: 32}
training: {epochs: 4, patience: 4, augmentation: false, learning_rate: 0.003}
search: {trials: 6, papers: false, seed: 3}
final: {finalists: 2}
"""


@dataclass(frozen=True)
class Search:
    """A finished search and what it printed."""

    path: Path
    stdout: str
    stderr: str
    data: Path


def draw(folder: Path, *, training: int = 60, testing: int = 20) -> Path:
    """Writes easy images: a square, a bar across, a bar down, or noise alone; so many a class."""
    rng = np.random.default_rng(0)
    for part, count in (("Training", training), ("Testing", testing)):
        for label in CLASSES:
            place = folder / part / label
            place.mkdir(parents=True)
            for number in range(count):
                pixels = rng.normal(90, 25, (48, 48))
                y, x = rng.integers(12, 36, 2)
                if label == "glioma":
                    pixels[y - 6 : y + 6, x - 6 : x + 6] += 90
                if label == "meningioma":
                    pixels[y - 2 : y + 2, :] += 90
                if label == "pituitary":
                    pixels[:, x - 2 : x + 2] += 90
                image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
                image.save(place / f"{label}-{number}.png")
    return folder


@pytest.fixture(scope="session")
def images(tmp_path_factory) -> Path:
    return draw(tmp_path_factory.mktemp("images") / "drawn")


@pytest.fixture(scope="session")
def environment(tmp_path_factory) -> dict[str, str]:
    cache = tmp_path_factory.mktemp("cache")
    return {**os.environ, "NEUROSWEEP_CACHE": str(cache)}


@pytest.fixture(scope="session")
def work(tmp_path_factory) -> Path:
    """A folder to call the program from: it has packages with the names of our rooms."""
    folder = tmp_path_factory.mktemp("work")
    for name in ("reports", "search", "spaces", "scans", "trainables"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("raise ImportError('not the right package')")
    (folder / "experiment.yaml").write_text(EXPERIMENT)
    return folder


@pytest.fixture(scope="session")
def command() -> str:
    return str(Path(sys.executable).with_name("neurosweep"))


@pytest.fixture(scope="session")
def neurosweep(command, work, environment) -> Callable[..., subprocess.CompletedProcess[str]]:
    def call(*words: object, timeout: float = 280) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [command, *map(str, words)],
            cwd=work,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    return call


@pytest.fixture(scope="session")
def finished(neurosweep, work, images) -> Search:
    """A search over three families that ran to its end."""
    done = neurosweep("search", "experiment.yaml", "--data", images, "--output", "runs/first")
    assert done.returncode == 0, done.stderr
    return Search(work / "runs" / "first", done.stdout, done.stderr, images)


@pytest.fixture(scope="session")
def small_runs(command, work, environment, images) -> SmallRuns:
    return SmallRuns(command=command, work=work, environment=environment, images=images)


@dataclass(frozen=True)
class Small:
    """A small search that nothing happened to, and the seconds it took."""

    path: Path
    seconds: float


@pytest.fixture(scope="session")
def small(small_runs, work) -> Small:
    """One worker: its trials come in one order, so that a second run can be compared."""
    run = work / "runs" / "small"
    return Small(run, small_runs.finish(run, "--workers", 1))
