"""The audit counts what was planted, and nothing else."""

import json
import shutil

from PIL import Image

from scans.audit import audit
from scans.manifest import read_manifest


def test_a_clean_folder_has_no_findings(two_parts):
    assert audit(read_manifest(two_parts)) == {
        "images": 26,
        "unique": 26,
        "unreadable": 0,
        "unreadable_files": [],
        "exact_twins_across_parts": [],
        "near_twins_across_parts": None,
        "label_conflicts": [],
        "extra_copies_within_parts": 0,
    }


def test_a_twin_across_parts_is_named_whatever_its_format(two_parts):
    with Image.open(two_parts / "Training" / "a" / "003.png") as image:
        image.convert("RGB").save(two_parts / "Testing" / "a" / "twin.bmp")
    found = audit(read_manifest(two_parts))
    assert found["exact_twins_across_parts"] == [["Training/a/003.png", "Testing/a/twin.bmp"]]
    assert (found["images"], found["unique"]) == (27, 26)
    assert found["label_conflicts"] == []
    assert found["extra_copies_within_parts"] == 0


def test_copies_within_a_part_are_counted_beyond_the_first(two_parts):
    folder = two_parts / "Training" / "a"
    for name in ("x.png", "y.png"):
        shutil.copy(folder / "000.png", folder / name)
    found = audit(read_manifest(two_parts))
    assert found["extra_copies_within_parts"] == 2
    assert found["exact_twins_across_parts"] == []


def test_one_picture_with_two_labels_is_a_conflict(two_parts):
    shutil.copy(two_parts / "Training/a/000.png", two_parts / "Training/b/x.png")
    found = audit(read_manifest(two_parts))
    assert found["label_conflicts"] == [["Training/a/000.png", "Training/b/x.png"]]


def test_unreadable_files_are_counted_and_named(two_parts):
    (two_parts / "Training" / "b" / "text.jpg").write_text("not an image")
    found = audit(read_manifest(two_parts))
    assert found["unreadable"] == 1
    assert found["unreadable_files"][0]["file"] == "Training/b/text.jpg"
    json.dumps(found)
