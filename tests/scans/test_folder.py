"""Finding images: the layouts understood, and the message for each that is not."""

import os
from pathlib import Path

import pytest

from neurosweep.errors import DataError
from scans.folder import find_files


@pytest.mark.parametrize(
    ("training", "testing"), [("Training", "Testing"), ("train", "TEST"), ("TRAINING", "test")]
)
def test_parts_are_known_in_any_case(write_images, training, testing):
    counts = {f"{part}/{label}": 1 for part in (training, testing) for label in "ab"}
    found = find_files(write_images(counts))
    assert found.classes == ("a", "b")
    assert {(Path(file.file).parts[0], file.part) for file in found.files} == {
        (training, "train"),
        (testing, "test"),
    }


def test_one_folder_of_classes_belongs_to_no_part(write_images):
    found = find_files(write_images({"a": 2, "b": 1}))
    assert [(file.file, file.label, file.part) for file in found.files] == [
        ("a/000.png", "a", "all"),
        ("a/001.png", "a", "all"),
        ("b/000.png", "b", "all"),
    ]


def test_training_alone_belongs_to_no_part(write_images):
    found = find_files(write_images({"Training/a": 1, "Training/b": 1}))
    assert {file.part for file in found.files} == {"all"}


def test_class_folders_may_have_folders(write_images):
    found = find_files(write_images({"a/patient": 1, "b": 1}))
    assert [file.file for file in found.files] == ["a/patient/000.png", "b/000.png"]


def test_hidden_files_and_leftovers_are_ignored(two_parts):
    before = find_files(two_parts)
    (two_parts / ".git").mkdir()
    for name in (".DS_Store", "Thumbs.db", "._000.png"):
        (two_parts / "Training" / "a" / name).write_bytes(b"x")
    assert find_files(two_parts) == before


def test_files_beside_the_class_folders_are_no_images(two_parts):
    before = find_files(two_parts)
    (two_parts / "README.md").write_text("about")
    (two_parts / "Training" / "notes.txt").write_text("about")
    assert find_files(two_parts) == before


def test_no_such_folder(tmp_path):
    with pytest.raises(DataError, match=r"must exist, but at .*missing there is nothing there"):
        find_files(tmp_path / "missing")


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match=r"at .*file it is a file; give the path of a folder"):
        find_files(tmp_path / "file")


def test_an_empty_folder_has_no_images(tmp_path):
    with pytest.raises(DataError, match=r"must hold images in class folders.*has no images"):
        find_files(tmp_path)


def test_empty_class_folders_have_no_images(write_images):
    with pytest.raises(DataError, match=r"must hold images, but .* has none; expected Training"):
        find_files(write_images({"a": 0, "b": 0}))


def test_one_class_only(write_images):
    with pytest.raises(DataError, match=r"Two classes or more are needed.*one class only: a;"):
        find_files(write_images({"Training/a": 1, "Testing/a": 1}))


def test_classes_that_differ_between_parts(write_images):
    root = write_images({"Training/a": 1, "Training/b": 1, "Testing/a": 1, "Testing/c": 1})
    with pytest.raises(
        DataError, match=r"same class folders.*only train has b and only test has c; rename"
    ):
        find_files(root)


def test_testing_alone_cannot_train(write_images):
    with pytest.raises(DataError, match=r"Images to train on are needed.*only Testing"):
        find_files(write_images({"Testing/a": 1, "Testing/b": 1}))


@pytest.mark.parametrize("other", ["Validation", "train"])
def test_nothing_may_stand_beside_the_parts(write_images, other):
    root = write_images({"Training/a": 1, "Training/b": 1, f"{other}/a": 1, f"{other}/b": 1})
    with pytest.raises(DataError, match=rf"nothing may stand beside them.*Training.*|{other}"):
        find_files(root)


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
class TestLinks:
    def test_a_link_out_of_the_folder_is_refused(self, two_parts, tmp_path):
        (tmp_path / "secret.png").write_bytes(b"x")
        (two_parts / "Training" / "a" / "link.png").symlink_to(tmp_path / "secret.png")
        with pytest.raises(DataError, match=r"must stay inside.*link\.png leads out of it"):
            find_files(two_parts)

    def test_a_linked_class_folder_is_refused(self, two_parts):
        (two_parts / "Training" / "a" / "again").symlink_to(two_parts / "Training")
        with pytest.raises(DataError, match=r"must not be a link, but .*again"):
            find_files(two_parts)

    def test_a_link_to_an_image_inside_counts_as_an_image(self, two_parts):
        before = len(find_files(two_parts).files)
        (two_parts / "Training" / "a" / "copy.png").symlink_to(
            two_parts / "Training" / "a" / "000.png"
        )
        assert len(find_files(two_parts).files) == before + 1

    def test_the_folder_itself_may_be_a_link(self, two_parts, tmp_path):
        (tmp_path / "other").symlink_to(two_parts)
        assert len(find_files(tmp_path / "other").files) == 26
