"""Labels and groups from CSV files: what they may say, and the line of every fault."""

import os
import re
import tempfile
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurosweep.errors import DataError
from scans.files import csv_files
from scans.files.folder import find_files
from scans.files.groups import read_groups

TWO = "file,label\nx/000.png,a\nx/001.png,b\n"


@pytest.fixture
def pile(write_images) -> Path:
    """Four images in one folder, which says nothing about their classes."""
    return write_images({"x": 4})


def labelled(root: Path, text: str):
    (root / "labels.csv").write_text(text, encoding="utf-8")
    return find_files(root)


def test_files_and_labels_are_those_of_the_csv_file(pile):
    found = labelled(pile, TWO)
    assert [(file.file, file.label, file.part) for file in found.files] == [
        ("x/000.png", "a", "all"),
        ("x/001.png", "b", "all"),
    ]
    assert (found.classes, found.parts) == (("a", "b"), ("all",))
    assert found.labels_file == pile / "labels.csv"
    assert found.unlisted == 2


def test_without_it_class_folders_count(two_parts):
    found = find_files(two_parts)
    assert (found.labels_file, found.unlisted) == (None, 0)


def test_the_folders_own_file_goes_before_class_folders(two_parts):
    found = labelled(two_parts, "file,label\nTraining/a/000.png,x\nTraining/b/000.png,y\n")
    assert (found.classes, found.unlisted) == (("x", "y"), 24)


def test_a_file_that_is_given_goes_before_the_folders_own(pile, tmp_path):
    (pile / "labels.csv").write_text(TWO)
    (tmp_path / "mine.csv").write_text("file,label\nx/002.png,c\nx/003.png,d\n")
    found = find_files(pile, tmp_path / "mine.csv")
    assert found.classes == ("c", "d")
    assert found.labels_file == tmp_path / "mine.csv"
    assert found.unlisted == 3  # two images and the folder's own labels.csv


def test_a_given_file_may_be_named_by_a_detour(pile, monkeypatch):
    (pile / "mine.csv").write_text(TWO)
    monkeypatch.chdir(pile / "x")
    assert find_files(pile, Path("../mine.csv")).unlisted == 2


def test_a_file_that_is_given_must_be_there(pile, tmp_path):
    with pytest.raises(DataError, match=r"none\.csv: The file must be readable, but it is not"):
        find_files(pile, tmp_path / "none.csv")


class TestParts:
    PARTS = "file,label,part\nx/000.png,a,{0}\nx/001.png,b,{0}\nx/002.png,a,{1}\nx/003.png,b,{1}\n"

    @pytest.mark.parametrize(
        ("names", "parts"),
        [
            (("train", "test"), ("train", "test")),
            (("TESTING", "Training"), ("train", "test")),
            (("val", "train"), ("train", "validation")),
            (("", ""), ("all",)),
            (("train", "train"), ("all",)),
        ],
    )
    def test_a_column_names_them(self, pile, names, parts):
        found = labelled(pile, self.PARTS.format(*names))
        assert found.parts == parts
        assert {file.part for file in found.files} == set(parts)

    def test_without_the_column_the_first_folder_does(self, two_parts):
        rows = [
            f"{part}/{label}/000.png,{label}" for part in ("Training", "Testing") for label in "ab"
        ]
        found = labelled(two_parts, "\n".join(["file,label", *rows]))
        assert found.parts == ("train", "test")
        assert {file.file.split("/")[0]: file.part for file in found.files} == {
            "Training": "train",
            "Testing": "test",
        }

    def test_the_column_goes_before_the_folder(self, two_parts):
        rows = "Training/a/000.png,a,\nTesting/a/000.png,b,\n"
        assert labelled(two_parts, f"file,label,part\n{rows}").parts == ("all",)

    def test_another_name(self, pile):
        with pytest.raises(DataError, match=r"labels\.csv, line 2: a part is one of .*'holdout'"):
            labelled(pile, self.PARTS.format("holdout", "train"))

    def test_some_without(self, pile):
        with pytest.raises(DataError, match=r"Either every file has a part.*x/002\.png is of none"):
            labelled(pile, self.PARTS.format("train", ""))

    def test_none_to_train_on(self, pile):
        with pytest.raises(DataError, match=r"Images to train on.*only files of validation, test"):
            labelled(pile, self.PARTS.format("test", "val"))

    def test_the_same_labels_in_each(self, pile):
        text = self.PARTS.format("train", "test").replace("3.png,b", "3.png,c")
        with pytest.raises(DataError, match="same labels.*only train has b and only test has c"):
            labelled(pile, text)


class TestNames:
    def test_a_byte_order_mark_crlf_and_spaces(self, pile):
        (pile / "labels.csv").write_bytes(
            b"\xef\xbb\xbf File , LABEL \r\nx/000.png, a \r\n\r\nx/001.png,b\r\n"
        )
        assert find_files(pile).classes == ("a", "b")

    def test_other_columns_and_orders(self, pile):
        found = labelled(pile, "age,label,file\n50,a,x/000.png\n51,b,./x//001.png\n")
        assert [(file.file, file.label) for file in found.files] == [
            ("x/000.png", "a"),
            ("x/001.png", "b"),
        ]

    def test_korean_in_either_spelling(self, pile):
        on_disk = unicodedata.normalize("NFD", "뇌 사진.png")
        (pile / "x" / "000.png").rename(pile / "x" / on_disk)
        composed = unicodedata.normalize("NFC", f"x/{on_disk}")
        label = unicodedata.normalize("NFD", "교모세포종")
        found = labelled(pile, f"file,label\n{composed},{label}\nx/001.png,정상\n")
        assert found.classes == (unicodedata.normalize("NFC", label), "정상")
        assert f"x/{on_disk}" in {file.file for file in found.files}

    def test_a_comma_in_quotes(self, pile):
        (pile / "x" / "000.png").rename(pile / "x" / "a, b.png")
        found = labelled(pile, 'file,label\n"x/a, b.png",a\nx/001.png,b\n')
        assert [file.file for file in found.files] == ["x/001.png", "x/a, b.png"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"line 1: the first line must name the columns file and label.*file and label is mis"),
        ("file;label\nx/000.png;a\n", r"separated by commas, but file and label is missing"),
        ("file,class\nx/000.png,a\n", r"line 1: .*but label is missing or comes twice"),
        ("file,label,label\n", r"but label is missing or comes twice"),
        ("file,label,part,part\n", r"but part is missing or comes twice"),
        (
            TWO + "x/002.png,\n",
            r"line 4: every file needs a label, but that of x/002\.png",
        ),
        (TWO + "x/002.png\n", r"line 4: every file needs a label"),
        (TWO + "\nx/000.png,a\n", r"line 5: a file may come once, but x/000\.png was in line 2"),
        (TWO + "./x/000.png,a\n", r"line 4: a file may come once"),
        (
            TWO + "x/9.png,a\n",
            r"line 4: the files named must be in the data .*'x/9\.png'",
        ),
        (TWO + "x\\002.png,a\n", r"is not there; write .*with forward slashes"),
        (TWO + ",a\n", r"line 4: the files named must be in the data folder, but ''"),
        (TWO + "x,a\n", r"line 4: .* but 'x' is not there"),
        (
            TWO + "/etc/passwd,a\n",
            r"line 4: a file must be named by its path .*'/etc/passwd'",
        ),
        (TWO + "C:/x/002.png,a\n", r"without a leading slash, a drive"),
        (TWO + "../data/x/002.png,a\n", r"line 4: .*without a leading slash, a drive or `..`"),
        (TWO + "x/../x/002.png,a\n", r"without a leading slash, a drive or `..`"),
        (TWO + "x/002.png,a,b\n", r"line 4: a row may have 2 values, but this has 3"),
        (TWO + "x/002.png,a\x07b\n", r"line 4: a label must be printable, but it is 'a\\x07b'"),
        (TWO + '"x/002.png,a\n', r"line 4: the line is no CSV"),
        (TWO + "x/002.png," + "a" * 200_000, r"line 4: the line is no CSV \(field larger"),
        ("file,label\nx/000.png,a\n", r"Two classes or more are needed, but .* names a; label"),
        ("file,label\n", r"Two classes or more are needed, but .* names none"),
    ],
)
def test_faults_are_told_with_their_line(pile, text, message):
    with pytest.raises(DataError, match=message):
        labelled(pile, text)


def test_another_encoding_is_told_with_its_line(pile):
    (pile / "labels.csv").write_bytes(TWO.encode() + "x/002.png,교모\n".encode("cp949"))
    with pytest.raises(DataError, match=r"line 4: a CSV file must be UTF-8.*as `CSV UTF-8`"):
        find_files(pile)


def test_too_large_a_file(pile):
    with (pile / "labels.csv").open("wb") as file:
        file.truncate(csv_files.MAX_CSV_BYTES + 1)
    with pytest.raises(DataError, match=r"labels\.csv: A file may have at most 67,108,864 bytes"):
        find_files(pile)


@given(st.text(alphabet=st.sampled_from('fileab,"\r\n\0 ./\\é'), max_size=60))
def test_any_text_is_read_or_told_with_its_line(text):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "groups.csv"
        path.write_bytes(f"file,group\n{text}".encode())
        groups, told = {}, "groups.csv, line 1"
        try:
            groups = read_groups(path, ["a", "b"])
        except DataError as error:
            told = str(error)
    assert re.search(r"groups\.csv, line \d+", told)
    assert set(groups) <= {"a", "b"}
    assert all(groups.values())


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
class TestNeverTrusted:
    def test_a_link_out_of_the_folder(self, pile, tmp_path):
        (tmp_path / "secret.png").write_bytes(b"x")
        (pile / "x" / "000.png").unlink()
        (pile / "x" / "000.png").symlink_to(tmp_path / "secret.png")
        with pytest.raises(DataError, match=r"000\.png leads out of it"):
            labelled(pile, TWO)

    def test_the_file_itself_leads_out_of_the_folder(self, pile, tmp_path):
        (tmp_path / "secret.csv").write_text(TWO)
        (pile / "labels.csv").symlink_to(tmp_path / "secret.csv")
        with pytest.raises(DataError, match=r"labels\.csv leads out of it"):
            find_files(pile)

    @pytest.mark.timeout(30)
    def test_a_pipe_is_listed_and_never_opened(self, pile):
        os.mkfifo(pile / "x" / "pipe.png")
        found = labelled(pile, TWO + "x/pipe.png,a\n")
        assert [file for file, _ in found.strange] == ["x/pipe.png"]
        assert len(found.files) == 2
        assert found.unlisted == 2

    def test_a_hidden_file_is_not_there(self, pile):
        (pile / "x" / ".hidden.png").write_bytes(b"x")
        with pytest.raises(DataError, match=r"'x/\.hidden\.png' is not there"):
            labelled(pile, TWO + "x/.hidden.png,a\n")


class TestGroups:
    FILES = ("a/1.png", "a/2.png", "b/3.png")

    def groups(self, tmp_path: Path, text: str) -> dict[str, str]:
        (tmp_path / "groups.csv").write_text(text, encoding="utf-8")
        return read_groups(tmp_path / "groups.csv", self.FILES)

    def test_files_that_are_not_named_have_none(self, tmp_path):
        assert self.groups(tmp_path, "group,file\np1,a/1.png\n p1 ,b/3.png\n") == {
            "a/1.png": "p1",
            "b/3.png": "p1",
        }

    def test_a_name_in_another_spelling(self, tmp_path):
        on_disk = unicodedata.normalize("NFD", "가/1.png")
        (tmp_path / "groups.csv").write_text("file,group\n가/1.png,p\n", encoding="utf-8")
        assert read_groups(tmp_path / "groups.csv", [on_disk]) == {on_disk: "p"}

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("file,group\na/9.png,p\n", r"groups\.csv, line 2: .*'a/9\.png' is not there"),
            ("file,group\na/1.png,\n", r"line 2: every file needs a group, but that of a/1\.png"),
            ("file,group\na/1.png,p\na/1.png,q\n", r"line 3: a file may come once"),
            ("file,label\na/1.png,p\n", r"line 1: .*columns file and group.*group is missing"),
            ("file,group\n../a/1.png,p\n", r"line 2: a file must be named by its path below"),
        ],
    )
    def test_faults_are_told_with_their_line(self, tmp_path, text, message):
        with pytest.raises(DataError, match=message):
            self.groups(tmp_path, text)
