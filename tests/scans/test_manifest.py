"""The manifest: rows, fingerprint, unreadable files by name."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from neurosweep.errors import DataError
from scans.manifest import PHANTOM_MARKER, SCHEMA, read_manifest


def test_a_row_per_image(two_parts):
    manifest = read_manifest(two_parts)
    assert manifest.table.schema == SCHEMA
    assert manifest.images == 26
    row = manifest.table.to_pylist()[0]
    assert (row["file"], row["label"], row["part"]) == ("Testing/a/000.png", "a", "test")
    assert (row["width"], row["height"], row["mode"]) == (10, 12, "L")
    assert manifest.classes == ("a", "b")
    assert manifest.unreadable == ()
    assert manifest.root == two_parts
    assert not manifest.synthetic


def test_the_marker_says_synthetic(two_parts):
    (two_parts / PHANTOM_MARKER).write_text("{}")
    assert read_manifest(two_parts).synthetic


class TestFingerprint:
    def test_it_does_not_depend_on_the_folder(self, two_parts, tmp_path):
        moved = tmp_path / "elsewhere" / "scans"
        shutil.copytree(two_parts, moved)
        assert read_manifest(moved).fingerprint == read_manifest(two_parts).fingerprint

    def test_it_changes_with_an_image(self, two_parts):
        before = read_manifest(two_parts).fingerprint
        Image.new("L", (10, 12)).save(two_parts / "Training" / "a" / "000.png")
        assert read_manifest(two_parts).fingerprint != before

    def test_it_changes_with_a_class(self, two_parts):
        before = read_manifest(two_parts).fingerprint
        (two_parts / "Training" / "a" / "000.png").rename(two_parts / "Training" / "b" / "x.png")
        assert read_manifest(two_parts).fingerprint != before

    def test_it_changes_with_the_part(self, two_parts):
        before = read_manifest(two_parts).fingerprint
        (two_parts / "Training" / "a" / "000.png").rename(two_parts / "Testing" / "a" / "x.png")
        assert read_manifest(two_parts).fingerprint != before


def test_equal_pixels_have_one_hash_in_any_format(write_images):
    root = write_images({"a": 1, "b": 1})
    image = Image.open(root / "a" / "000.png")
    image.convert("RGB").save(root / "a" / "colour.bmp")
    rows = {row["file"]: row for row in read_manifest(root).table.to_pylist()}
    grey, colour = rows["a/000.png"], rows["a/colour.bmp"]
    assert grey["pixel_hash"] == colour["pixel_hash"] != rows["b/000.png"]["pixel_hash"]
    assert grey["bytes_hash"] != colour["bytes_hash"]


def test_a_text_file_named_jpg_is_named_with_its_reason(two_parts):
    (two_parts / "Training" / "b" / "text.jpg").write_text("not an image")
    manifest = read_manifest(two_parts)
    assert manifest.images == 26
    assert [unreadable.file for unreadable in manifest.unreadable] == ["Training/b/text.jpg"]
    assert "is not an image in a format known here" in manifest.unreadable[0].reason


@pytest.mark.timeout(30)
@pytest.mark.skipif(os.name == "nt", reason="pipes have no names there")
def test_a_pipe_is_named_and_never_opened(two_parts):
    os.mkfifo(two_parts / "Training" / "b" / "pipe.png")
    (unreadable,) = read_manifest(two_parts).unreadable
    assert unreadable.file == "Training/b/pipe.png"
    assert "it is a named pipe and no regular file" in unreadable.reason


def test_unreadable_files_do_not_change_the_fingerprint(two_parts):
    before = read_manifest(two_parts).fingerprint
    (two_parts / "Training" / "b" / "notes.txt").write_text("not an image")
    assert read_manifest(two_parts).fingerprint == before


def test_a_truncated_image_is_named(two_parts):
    whole = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    broken = two_parts / "Training" / "b" / "torn.jpg"
    Image.fromarray(whole).save(broken)
    broken.write_bytes(broken.read_bytes()[:-900])
    (unreadable,) = read_manifest(two_parts).unreadable
    assert unreadable.file == "Training/b/torn.jpg"
    assert "is damaged and cannot be decoded" in unreadable.reason


def test_a_class_without_readable_images_is_an_error(write_images):
    root = write_images({"a": 2, "b": 0})
    (root / "b" / "text.jpg").write_text("not an image")
    with pytest.raises(
        DataError,
        match=r"no images of b \(1 unreadable files; the first is b/text\.jpg",
    ):
        read_manifest(root)


def test_a_class_missing_in_one_part_names_the_part(write_images):
    root = write_images({"Training/a": 2, "Training/b": 2, "Testing/a": 2, "Testing/b": 0})
    with pytest.raises(DataError, match=r"no images of b \(test\) \(0 unreadable files\); expec"):
        read_manifest(root)


def test_empty_test_folders_do_not_become_a_split_of_the_training_folder(write_images):
    root = write_images({"Training/a": 2, "Training/b": 2, "Testing/a": 0, "Testing/b": 0})
    with pytest.raises(DataError, match=r"no images of a \(test\), b \(test\)"):
        read_manifest(root)
