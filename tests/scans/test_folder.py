"""Finding images: the layouts understood, and the message for each that is not."""

import os
import shutil
import socket
import subprocess
import unicodedata
from pathlib import Path

import pytest

from neurosweep.errors import DataError
from scans.files.folder import find_files


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
    (two_parts / "__MACOSX").mkdir()
    for name in (".DS_Store", "Thumbs.db", "._000.png"):
        (two_parts / "Training" / "a" / name).write_bytes(b"x")
    assert find_files(two_parts) == before


def test_files_beside_the_class_folders_are_no_images(two_parts):
    before = find_files(two_parts)
    for name in ("README.md", "groups.csv", "dataset-metadata.json", "Training/labels.csv"):
        (two_parts / name).write_text("about")
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


@pytest.mark.parametrize("other", ["glioma", "train", "TRAIN"])
def test_nothing_may_stand_beside_the_parts(write_images, other):
    root = write_images({"Training/a": 1, "Training/b": 1, f"{other}/a": 1, f"{other}/b": 1})
    with pytest.raises(DataError, match="nothing may stand beside them") as caught:
        find_files(root)
    assert "Training" in str(caught.value)
    assert other in str(caught.value)


@pytest.mark.parametrize("name", ["val", "VALID", "Validation"])
class TestValidation:
    def test_a_part_of_its_own(self, write_images, name):
        counts = {f"{part}/{label}": 1 for part in ("test", "train", name) for label in "ab"}
        found = find_files(write_images(counts))
        assert found.parts == ("train", "validation", "test")
        assert {file.file: file.part for file in found.files}[f"{name}/a/000.png"] == "validation"

    def test_without_a_test_part(self, write_images, name):
        counts = {f"{part}/{label}": 1 for part in ("Training", name) for label in "ab"}
        found = find_files(write_images(counts))
        assert found.parts == ("train", "validation")
        assert {file.part for file in found.files} == {"train", "validation"}

    def test_alone_it_cannot_train(self, write_images, name):
        root = write_images({f"{name}/a": 1, f"{name}/b": 1, "test/a": 1, "test/b": 1})
        with pytest.raises(DataError, match=rf"Images to train on are needed.*only .*{name}"):
            find_files(root)

    def test_its_classes_are_those_of_the_others(self, write_images, name):
        root = write_images({"train/a": 1, "train/b": 1, f"{name}/a": 1})
        with pytest.raises(DataError, match="same class folders.*only train has b; rename"):
            find_files(root)


class TestNames:
    COMPOSED = unicodedata.normalize("NFC", "교모세포종")
    DECOMPOSED = unicodedata.normalize("NFD", "교모세포종")

    def test_spelling_by_macos_is_the_same_class(self, write_images):
        assert self.COMPOSED != self.DECOMPOSED
        found = find_files(
            write_images(
                {
                    f"Training/{self.DECOMPOSED}": 1,
                    "Training/정상 뇌": 1,
                    f"Testing/{self.COMPOSED}": 1,
                    "Testing/정상 뇌": 1,
                }
            )
        )
        assert found.classes == (self.COMPOSED, "정상 뇌")
        labels = {file.file: file.label for file in found.files}
        assert labels[f"Training/{self.DECOMPOSED}/000.png"] == self.COMPOSED
        assert labels[f"Testing/{self.COMPOSED}/000.png"] == self.COMPOSED

    def test_two_spellings_in_one_part_are_one_class(self, write_images):
        found = find_files(write_images({self.DECOMPOSED: 1, self.COMPOSED: 2, "b": 1}))
        assert found.classes == ("b", self.COMPOSED)
        assert [file.label for file in found.files].count(self.COMPOSED) == 3

    def test_capitals_make_another_class(self, write_images):
        root = write_images(
            {"Training/Glioma": 1, "Training/b": 1, "Testing/glioma": 1, "Testing/b": 1}
        )
        with pytest.raises(DataError, match="only train has Glioma and only test has glioma"):
            find_files(root)

    def test_spaces_stay(self, write_images, tmp_path):
        root = write_images({"no tumour": 1, "a": 1}, name="my data")
        (root / "no tumour" / "000.png").rename(root / "no tumour" / "scan 1 (뇌).png")
        files = [file.file for file in find_files(root).files]
        assert files == ["a/000.png", "no tumour/scan 1 (뇌).png"]

    def test_a_name_that_is_no_text_is_told_and_not_read(self, write_images):
        root = write_images({"a": 1, "b": 1})
        (root / "a" / os.fsdecode(b"\xff.png")).write_bytes(b"x")
        found = find_files(root)
        assert found.strange == (("a/\\xff.png", "its name is not valid UTF-8; rename it"),)
        assert [file.file for file in found.files] == ["a/000.png", "b/000.png"]

    def test_a_class_whose_name_is_no_text(self, write_images):
        root = write_images({"a": 1, "b": 1})
        (root / "b").rename(root / os.fsdecode(b"\xff"))
        with pytest.raises(DataError, match=r"name of a class must be valid UTF-8.*udcff"):
            find_files(root)


def test_folders_may_be_nested_deeper_than_calls(write_images):
    root = write_images({"a": 1, "b": 1})
    where = os.open(root / "a", os.O_RDONLY)
    deep = 1500
    for _ in range(deep):
        os.mkdir("d", dir_fd=where)
        inner = os.open("d", os.O_RDONLY, dir_fd=where)
        os.close(where)
        where = inner
    os.close(os.open("x.png", os.O_CREAT, dir_fd=where))
    os.close(where)
    assert f"a/{'d/' * deep}x.png" in {file.file for file in find_files(root).files}
    shutil.move(root / "a", root / "c")  # pytest's own clean-up is recursive
    subprocess.run(["rm", "-r", root / "c"], check=True)


def test_a_folder_that_may_not_be_read(two_parts, monkeypatch):
    listed = os.scandir

    def refuse(folder):
        if Path(folder).name == "a":
            raise PermissionError(13, "Permission denied")
        return listed(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"must be readable, but .*a is not \(Permission denied\)"):
        find_files(two_parts)


@pytest.mark.skipif(os.name == "nt", reason="these kinds of files are not there")
@pytest.mark.timeout(30)
class TestStrange:
    def test_pipes_and_sockets_are_listed_and_never_opened(self, two_parts, monkeypatch):
        folder = two_parts / "Testing" / "b"
        before = find_files(two_parts)
        os.mkfifo(folder / "pipe.png")
        monkeypatch.chdir(folder)  # a socket's path may be no longer than 107 bytes
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("socket.png")
            found = find_files(two_parts)
        assert found.files == before.files
        assert found.strange == (
            ("Testing/b/pipe.png", "it is a named pipe and no regular file; remove it"),
            ("Testing/b/socket.png", "it is a socket and no regular file; remove it"),
        )

    def test_a_link_to_a_pipe_is_strange_too(self, two_parts):
        os.mkfifo(two_parts / "pipe")
        (two_parts / "Testing" / "b" / "link.png").symlink_to(two_parts / "pipe")
        ((file, reason),) = find_files(two_parts).strange
        assert (file, "named pipe" in reason) == ("Testing/b/link.png", True)


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

    def test_a_link_out_of_the_folder_to_nothing_is_refused(self, two_parts, tmp_path):
        (two_parts / "Training" / "a" / "link.png").symlink_to(tmp_path / "nothing.png")
        with pytest.raises(DataError, match=r"must stay inside.*link\.png leads out of it"):
            find_files(two_parts)

    def test_a_chain_of_links_out_of_the_folder_is_refused(self, two_parts, tmp_path):
        (tmp_path / "secret.png").write_bytes(b"x")
        (two_parts / "Training" / "a" / "1.png").symlink_to("2.png")
        (two_parts / "Training" / "a" / "2.png").symlink_to(tmp_path / "secret.png")
        with pytest.raises(DataError, match=r"1\.png leads out of it"):
            find_files(two_parts)

    def test_a_link_to_nothing_inside_is_told_and_not_read(self, two_parts):
        (two_parts / "Training" / "a" / "link.png").symlink_to("gone.png")
        ((file, reason),) = find_files(two_parts).strange
        assert file == "Training/a/link.png"
        assert reason.startswith("it is a link to nothing")

    def test_a_link_to_itself_is_refused(self, two_parts):
        (two_parts / "Training" / "a" / "link.png").symlink_to("link.png")
        with pytest.raises(DataError, match=r"must lead to a file, but .*link\.png leads in a cir"):
            find_files(two_parts)

    def test_links_in_a_circle_are_refused(self, two_parts):
        (two_parts / "Training" / "a" / "1.png").symlink_to("2.png")
        (two_parts / "Training" / "a" / "2.png").symlink_to("1.png")
        with pytest.raises(DataError, match=r"must lead to a file, but .*1\.png leads in a circle"):
            find_files(two_parts)

    def test_a_link_to_a_folder_above_is_refused(self, two_parts):
        (two_parts / "Training" / "a" / "up").symlink_to("..")
        with pytest.raises(DataError, match=r"must not be a link, but .*up leads to"):
            find_files(two_parts)

    def test_the_folder_itself_may_be_a_link(self, two_parts, tmp_path):
        (tmp_path / "other").symlink_to(two_parts)
        assert len(find_files(tmp_path / "other").files) == 26
