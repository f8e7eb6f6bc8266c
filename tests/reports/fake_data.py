"""A made-up audit, split and thumbnails for a made-up run: drawn ellipses, no patient."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw

VALIDATION_IMAGES = 240
TEST_IMAGES = 320
_TRAINING_IMAGES = 960

# Test images of each class that have an exact twin in training, and a near twin only.
EXACT = (7, 5, 30, 3)
NEAR = (4, 2, 9, 1)


def audit(classes: tuple[str, ...]) -> dict[str, Any]:
    """What audit.json holds, for a folder in which some test images have twins in training."""
    exact = [
        _pair(label, n) for label, count in zip(classes, EXACT, strict=True) for n in range(count)
    ]
    near = [
        _pair(label, 40 + n)
        for label, count in zip(classes, NEAR, strict=True)
        for n in range(count)
    ]
    conflict = [f"train/{classes[0]}/200.png", f"train/{classes[1]}/201.png"]
    return {
        "images": 1520,
        "unique": 1470,
        "unreadable": 23,
        "unreadable_files": [
            {"file": f"train/{classes[0]}/torn {n}.jpg", "reason": "image file is truncated"}
            for n in range(23)
        ],
        "exact_twins_across_parts": exact,
        "near_twins_across_parts": near,
        "near_twins_within_parts": [[f"train/{classes[3]}/1.png", f"train/{classes[3]}/2.png"]],
        "label_conflicts": [conflict],
        "near_label_conflicts": [],
        "extra_copies_within_parts": 4,
        "known_set": {
            "name": "test ellipses",
            "verdict": "recognised",
            "note": "Made up for tests.",
        },
        "classes": {
            part: dict.fromkeys(classes, images // len(classes))
            for part, images in (
                ("train", _TRAINING_IMAGES + VALIDATION_IMAGES),
                ("test", TEST_IMAGES),
            )
        },
        "test_images_with_exact_twin": dict(zip(classes, EXACT, strict=True)),
        "test_images_with_near_twin_only": dict(zip(classes, NEAR, strict=True)),
        "sizes": [
            {"width": 512, "height": 512, "images": 1400},
            {"width": 225, "height": 225, "images": 120},
        ],
        "modes": {"L": 1500, "RGB": 20},
        "formats": {"PNG": 1518, "JPEG": 2},
        "odd": [{"file": f"train/{classes[2]}/7.png", "what": "one colour all over"}],
        "wrong_endings": [{"file": f"test/{classes[3]}/9.png", "format": "JPEG"}],
        "labels_file": None,
        "groups_file": None,
        "findings": [
            {
                "kind": "exact_twins_across_parts",
                "count": 45,
                "sentence": "45 of 320 test images are in training too, pixel by pixel; "
                "most of them are of the class notumor.",
            },
            {
                "kind": "near_twins_across_parts",
                "count": 16,
                "sentence": "16 further test images look like a training image.",
            },
            {
                "kind": "label_conflicts",
                "count": 1,
                "sentence": "1 picture is there under two classes.",
            },
            {
                "kind": "unreadable",
                "count": 23,
                "sentence": "23 files are no image that can be read.",
            },
        ],
        "shown": _shown(exact, near, conflict),
    }


def _pair(label: str, number: int) -> list[str]:
    return [f"train/{label}/{number}.png", f"test/{label}/{number}.png"]


def _shown(
    exact: list[list[str]], near: list[list[str]], conflict: list[str]
) -> list[dict[str, Any]]:
    chosen = [
        *(("exact twins across parts", pair, 1.0) for pair in exact[6:10]),
        *(("near twins across parts", pair, 0.9731) for pair in near[:2]),
        ("same picture, two classes", conflict, None),
    ]
    return [
        {
            "kind": kind,
            "files": pair,
            "labels": [_between(file, "/") for file in pair],
            "parts": [file.partition("/")[0] for file in pair],
            "similarity": similarity,
            "pictures": [f"audit/{number:03d}-{side}.png" for side in "ab"],
        }
        for number, (kind, pair, similarity) in enumerate(chosen)
    ]


def _between(file: str, sign: str) -> str:
    # A class may hold the sign itself.
    return file[file.index(sign) + 1 : file.rindex(sign)]


def write_pictures(folder: Path, audit: dict[str, Any]) -> None:
    """Draw a thumbnail for each image that the audit shows."""
    folder.mkdir()
    for number, pair in enumerate(audit.get("shown", [])):
        for side, bright in zip("ab", (200, 180 if "near" in pair["kind"] else 200), strict=True):
            _draw(number, bright).save(folder / f"{number:03d}-{side}.png")


def _draw(seed: int, bright: int) -> Image.Image:
    random = np.random.default_rng(seed)
    picture = Image.new("L", (96, 96))
    pen = ImageDraw.Draw(picture)
    left, top = (int(number) for number in random.integers(6, 22, 2))
    pen.ellipse((left, top, 96 - left, 96 - top), fill=bright // 2, outline=bright, width=3)
    for x, y, size in random.integers((30, 30, 4), (62, 62, 12), (6, 3)):
        shade = int(random.integers(40, bright))
        pen.ellipse((int(x), int(y), int(x + size), int(y + size)), fill=shade)
    return picture


def write_split(path: Path, classes: tuple[str, ...], twins: bool) -> None:
    """Write split.parquet; with `twins`, some test images share a group with a training image."""
    rows: list[dict[str, Any]] = []
    for part, images in (
        ("test", TEST_IMAGES),
        ("train", _TRAINING_IMAGES),
        ("validation", VALIDATION_IMAGES),
    ):
        for index, label in enumerate(classes):
            seen = EXACT[index] + NEAR[index] if twins else 0
            for number in range(images // len(classes)):
                # Groups of twins have the training image's number.
                group = 10_000 + 1_000 * index + number
                if part == "validation" or (part == "test" and number >= seen):
                    group = len(rows)
                file = f"{part}/{label}/{number}.png"
                fold = None if part == "test" else number % 5
                rows.append(
                    {"file": file, "label": label, "part": part, "group": group, "fold": fold}
                )
    schema = pa.schema(
        [
            ("file", pa.string()),
            ("label", pa.string()),
            ("part", pa.string()),
            ("group", pa.int32()),
            ("fold", pa.int8()),
        ]
    )
    pq.write_table(pa.Table.from_pylist(rows, schema), path)
