"""The audit counts what was planted, and nothing else."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from scans.auditing.audit import audit
from scans.auditing.showcase import choose_shown
from scans.copies.search import find_copies
from scans.manifest import read_manifest
from scans.phantom.folder import draw_phantom


def _audit(root):
    manifest = read_manifest(root)
    return audit(manifest, find_copies(manifest))


def _kinds(found):
    return {finding["kind"]: finding["count"] for finding in found["findings"]}


@pytest.fixture
def large_enough(write_images):
    return write_images(
        {"Training/a": 10, "Training/b": 10, "Testing/a": 3, "Testing/b": 3}, side=40
    )


def test_a_clean_folder_has_no_findings(large_enough):
    found = _audit(large_enough)
    assert found["findings"] == []
    assert (found["images"], found["unique"], found["groups"]) == (26, 26, 26)
    assert found["classes"] == {"test": {"a": 3, "b": 3}, "train": {"a": 10, "b": 10}}
    assert found["test_images_with_exact_twin"] == {"a": 0, "b": 0}
    assert found["sizes"] == [{"width": 40, "height": 40, "images": 26}]
    assert (found["modes"], found["formats"]) == ({"L": 26}, {"PNG": 26})
    assert found["known_set"] is None


def test_a_twin_across_parts_is_named_whatever_its_format(large_enough):
    with Image.open(large_enough / "Training" / "a" / "003.png") as image:
        image.convert("RGB").save(large_enough / "Testing" / "a" / "twin.bmp")
    found = _audit(large_enough)
    assert found["exact_twins_across_parts"] == [["Training/a/003.png", "Testing/a/twin.bmp"]]
    assert (found["images"], found["unique"]) == (27, 26)
    assert found["label_conflicts"] == []
    assert found["extra_copies_within_parts"] == 0
    assert found["test_images_with_exact_twin"] == {"a": 1, "b": 0}
    assert found["test_images_with_near_twin_only"] == {"a": 0, "b": 0}
    assert _kinds(found) == {"exact twins across parts": 1}
    assert "training or validation as well: 1." in found["findings"][0]["sentence"]


def test_a_near_twin_across_parts_is_named(large_enough):
    with Image.open(large_enough / "Training" / "b" / "004.png") as image:
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(large_enough / "Testing/b/near.png")
    found = _audit(large_enough)
    assert found["near_twins_across_parts"] == [["Training/b/004.png", "Testing/b/near.png"]]
    assert (found["unique"], found["groups"]) == (27, 26)
    assert found["test_images_with_near_twin_only"] == {"a": 0, "b": 1}
    assert _kinds(found) == {"near twins across parts": 1}


def test_copies_within_a_part_are_counted_beyond_the_first(large_enough):
    folder = large_enough / "Training" / "a"
    for name in ("x.png", "y.png"):
        shutil.copy(folder / "000.png", folder / name)
    found = _audit(large_enough)
    assert found["extra_copies_within_parts"] == 2
    assert found["exact_twins_across_parts"] == []
    assert _kinds(found) == {"copies within a part": 2}


def test_one_picture_with_two_labels_is_a_conflict(large_enough):
    shutil.copy(large_enough / "Training/a/000.png", large_enough / "Training/b/x.png")
    found = _audit(large_enough)
    assert found["label_conflicts"] == [["Training/a/000.png", "Training/b/x.png"]]
    assert found["findings"][0]["kind"] == "same picture, two classes"


def test_near_twins_of_two_classes_are_named(large_enough):
    with Image.open(large_enough / "Training/a/000.png") as image:
        image.transpose(Image.Transpose.ROTATE_180).save(large_enough / "Training/b/x.png")
    found = _audit(large_enough)
    assert found["near_label_conflicts"] == [["Training/a/000.png", "Training/b/x.png"]]
    assert found["near_twins_within_parts"] == found["near_label_conflicts"]


def test_unreadable_files_are_counted_and_named(large_enough):
    folder = large_enough / "Training" / "b"
    (folder / "text.jpg").write_text("not an image")
    (folder / "empty.png").touch()
    (folder / "torn.png").write_bytes((folder / "000.png").read_bytes()[:200])
    found = _audit(large_enough)
    assert found["unreadable"] == 3
    assert [one["file"].split("/")[-1] for one in found["unreadable_files"]] == [
        "empty.png",
        "text.jpg",
        "torn.png",
    ]
    assert all(one["reason"] for one in found["unreadable_files"])
    assert _kinds(found) == {"unreadable files": 3}
    json.dumps(found)


def test_uneven_classes_are_a_finding(write_images):
    found = _audit(write_images({"a": 21, "b": 10}, side=40))
    assert found["findings"][0]["sentence"] == "Classes are uneven: a has 21 images, b 10."


def test_odd_sizes_and_modes_are_named(write_images):
    root = write_images({"a": 120, "b": 120}, side=40)
    noise = np.random.default_rng(9).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    Image.fromarray(noise[:20, :30]).convert("L").save(root / "a/small.png")
    Image.fromarray(noise[:60]).convert("L").save(root / "a/strip.png")
    Image.fromarray(noise).convert("CMYK").save(root / "a/print.tif")
    assert [(one["file"], one["what"]) for one in _audit(root)["odd"]] == [
        ("a/print.tif", "300 x 300 pixels, where most are 40 x 40"),
        ("a/print.tif", "mode CMYK, as 1 of 243 images"),
        ("a/small.png", "only 30 x 20 pixels"),
        ("a/strip.png", "a strip of 300 x 60 pixels"),
    ]


def test_an_ending_that_misleads_is_named(large_enough):
    with Image.open(large_enough / "Training/a/000.png") as image:
        image.save(large_enough / "Training/a/photo.jpg", "BMP")
    (large_enough / "Training/a/000.png").unlink()
    found = _audit(large_enough)
    assert found["wrong_endings"] == [{"file": "Training/a/photo.jpg", "format": "BMP"}]
    assert found["images"] == 26


def test_the_showcase_has_doubtful_pairs_beside_sure_ones(tmp_path):
    picture = draw_phantom("glioma", np.random.SeedSequence(1), size=128)
    for folder in ("Training/a", "Training/b", "Testing/a", "Testing/b"):
        (tmp_path / folder).mkdir(parents=True)
    Image.fromarray(picture).save(tmp_path / "Training/a/x.png")
    other = draw_phantom("notumor", np.random.SeedSequence(2), size=128)
    Image.fromarray(other).save(tmp_path / "Training/b/y.png")
    third = draw_phantom("notumor", np.random.SeedSequence(7), size=128)
    Image.fromarray(third).save(tmp_path / "Testing/b/y.png")
    for number in range(15):
        turned = Image.fromarray(picture).rotate(number / 3, Image.Resampling.BICUBIC)
        turned.save(tmp_path / f"Testing/a/{number:02}.png")
    manifest = read_manifest(tmp_path)
    shown = choose_shown(manifest, find_copies(manifest))
    across = [one.twins for one in shown if one.kind == "near twins across parts"]
    assert len(across) == 10
    assert [one.similarity for one in across] == sorted(one.similarity for one in across)
    assert {one.files[0] for one in across} == {"Training/a/x.png"}
    assert [one.kind for one in shown if one.twins.similarity is None] == [
        "exact twins across parts"
    ]
