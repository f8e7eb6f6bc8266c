"""Writes a folder of phantom images in the layout of the Kaggle set, the same bytes every time."""

from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neurosweep.errors import DataError
from scans.manifest import PHANTOM_MARKER
from scans.phantom.anatomy import load_head
from scans.phantom.appearance import add_scalp, expose
from scans.phantom.lesions import LESIONS, Slice
from scans.phantom.pose import draw_pose, plane_points

__all__ = ["draw_phantom", "write_phantom"]

_QUALITY = 92  # JPEG, as the real set has
_TEST_SHARE = 0.2
_LEAST_IMAGES = 40  # ten of each class: fewer cannot be split in three

_README = """\
# Synthetic images

These {images} brain slices are phantoms: cut from the MNI152 template, with painted lesions. They
are no scans of any person, and what a model learns on them says nothing about patients.

Made by `neurosweep data phantom --images {images} --size {size} --seed {seed}`{lesions}.
Layout: Training/CLASS/*.jpg and Testing/CLASS/*.jpg.

The template: VS Fonov, AC Evans, K Botteron, CR Almli, RC McKinstry, DL Collins and BDCG,
Unbiased average age-appropriate atlases for pediatric studies, NeuroImage 54 (2011);
as distributed with nilearn.
"""


@dataclass(frozen=True)
class _Wanted:
    """One image to draw: its place in the folder and its own source of chance."""

    file: Path
    label: str
    random: np.random.SeedSequence


def write_phantom(
    folder: Path, *, images: int = 1600, size: int = 224, seed: int = 0, lesions: bool = True
) -> None:
    """Writes a folder of synthetic slices with lesions, balanced over four classes.

    The same arguments give the same bytes under the same versions of the libraries, however many
    threads draw. It is made aside and renamed, so that half a folder is never found.

    Args:
        folder: The folder to make; it must not exist, or be empty.
        images: Images in all, at least 40; a multiple of 20 gives equal classes and parts.
        size: Side of the square images in pixels, 32 to 1024.
        seed: At least 0.
        lesions: False writes the same slices before their lesions are painted.

    Raises:
        DataError: if the folder holds something, or a number is out of bounds.
    """
    _check(folder, images=images, size=size, seed=seed)
    aside = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        _write(aside, _plan(images, seed), size=size, lesions=lesions)
        told = "" if lesions else ", before lesions were painted"
        text = _README.format(images=images, size=size, seed=seed, lesions=told)
        (aside / "README.md").write_text(text, encoding="utf-8")
        (aside / PHANTOM_MARKER).write_text(_marker(images, size, seed, lesions), encoding="utf-8")
        if folder.exists():
            folder.rmdir()
        aside.rename(folder)
    except OSError as error:
        raise DataError(
            f"{folder} could not be written ({error.strerror}); name a folder on a disk with "
            "space that you may write to"
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def draw_phantom(
    label: str, random: np.random.SeedSequence, *, size: int, lesions: bool = True
) -> NDArray[np.uint8]:
    """Draws one slice, (size, size) uint8.

    Pose, lesion and appearance have sources of chance of their own, so that a slice without its
    lesion is the same slice.

    Args:
        label: One of the classes.
        random: The image's own source of chance.
        size: Side in pixels.
        lesions: Whether the class's lesion is painted.
    """
    of_pose, of_lesion, of_scalp, of_scanner = _sources(random, 4)
    head = load_head()
    points = plane_points(draw_pose(of_pose, through_sella=label == "pituitary"), size)
    depth = head.depth_at(points)
    image = add_scalp(head.intensity(points), depth, of_scalp)
    if lesions:
        image = LESIONS[label](Slice(points, depth, image), of_lesion)
    return expose(image, of_scanner)


def _sources(random: np.random.SeedSequence, count: int) -> list[np.random.Generator]:
    # Not `spawn`, which counts: drawing an image twice must give the same image.
    keys = ((*random.spawn_key, index) for index in range(count))
    return [
        np.random.default_rng(np.random.SeedSequence(random.entropy, spawn_key=key)) for key in keys
    ]


def _marker(images: int, size: int, seed: int, lesions: bool) -> str:
    made_with = {"images": images, "size": size, "seed": seed, "lesions": lesions}
    return json.dumps({"synthetic": True, "phantom": made_with}, indent=2) + "\n"


def _check(folder: Path, *, images: int, size: int, seed: int) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} exists and is not an empty folder; name another one")
    if images < _LEAST_IMAGES:
        raise DataError(f"phantom data have at least {_LEAST_IMAGES} images; received {images}")
    if not 32 <= size <= 1024:
        raise DataError(f"phantom images are 32 to 1024 pixels wide; received {size}")
    if seed < 0:
        raise DataError(f"a seed is at least 0; received {seed}")


def _plan(images: int, seed: int) -> list[_Wanted]:
    """Which files there will be: classes in turn, a fifth of each in Testing."""
    labels = list(LESIONS)
    sources = np.random.SeedSequence(seed).spawn(images)
    wanted = []
    for index, random in enumerate(sources):
        label, number = labels[index % len(labels)], index // len(labels)
        of_label = len(range(index % len(labels), images, len(labels)))
        part = "Testing" if number < round(_TEST_SHARE * of_label) else "Training"
        wanted.append(_Wanted(Path(part, label, f"phantom-{number:05d}.jpg"), label, random))
    return wanted


def _write(root: Path, wanted: list[_Wanted], *, size: int, lesions: bool) -> None:
    for one in wanted:
        (root / one.file.parent).mkdir(parents=True, exist_ok=True)

    def draw(one: _Wanted) -> None:
        pixels = draw_phantom(one.label, one.random, size=size, lesions=lesions)
        Image.fromarray(pixels).save(root / one.file, quality=_QUALITY)

    load_head()  # before the threads: each would load it for itself
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        list(pool.map(draw, wanted))
