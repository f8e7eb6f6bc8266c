"""The Kaggle set: whole under its name or not there, with a way by hand in every message."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from kaggle_double import SMALL_SET, Kaggle, archive, leading_to, serving

from neurosweep.errors import DataError
from scans.files.fetch import PAGE, fetch
from scans.files.folder import find_files
from scans.files.known_sets import BRAIN_TUMOR_MRI

CHUNK = 2**20  # bytes that kagglehub writes at once
STOP = CHUNK + 9000
BY_HAND = f"To get it by hand: sign in at {PAGE}, choose version 1"


@pytest.fixture
def kaggle(monkeypatch, tmp_path):
    """A server with the small set, and an environment that leads to it."""
    double = Kaggle(archive())
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with serving(double) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield double


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "below" / "brain mri"


def beside(folder: Path) -> list[str]:
    """What stands in the folder that DIR was to be made in."""
    return sorted(path.name for path in folder.parent.iterdir()) if folder.parent.exists() else []


def test_the_whole_set_stands_under_its_name_and_nothing_beside_it(kaggle, folder, capsys):
    fetch(folder, wanted=SMALL_SET)
    counts = Counter((one.part, one.label) for one in find_files(folder).files)
    assert counts == {
        (part, label): number
        for part, classes in SMALL_SET.counts.items()
        for label, number in classes.items()
    }
    assert beside(folder) == ["brain mri"]
    assert sorted(path.name for path in folder.iterdir()) == ["Testing", "Training"]
    assert kaggle.versions == [1]
    assert capsys.readouterr().out == ""
    assert "KAGGLEHUB_CACHE" not in os.environ


def test_an_empty_folder_is_filled(kaggle, folder):
    folder.mkdir(parents=True)
    fetch(folder, wanted=SMALL_SET)
    assert len(find_files(folder).files) == 8


def test_a_folder_that_holds_something_is_left_alone(kaggle, folder):
    folder.mkdir(parents=True)
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="exists and is not an empty folder; name another one"):
        fetch(folder, wanted=SMALL_SET)
    assert (folder / "mine.txt").read_text() == "mine"
    assert not kaggle.versions


def test_other_counts_are_refused_with_both(kaggle, folder):
    with pytest.raises(DataError) as raised:
        fetch(folder, wanted=BRAIN_TUMOR_MRI)
    message = str(raised.value)
    assert "7,023" in message
    assert "glioma 1321" in message
    assert "Kaggle sent 8 (train: glioma 3, notumor 2; test: glioma 1, notumor 2)" in message
    assert BY_HAND in message
    assert beside(folder) == []


def test_the_balanced_version_is_told_by_its_name(kaggle, folder, monkeypatch):
    from scans.files import known_sets

    balanced = known_sets.KnownSet(name="the balanced one", counts=SMALL_SET.counts)
    monkeypatch.setattr(known_sets, "KNOWN_SETS", (BRAIN_TUMOR_MRI, balanced))
    with pytest.raises(DataError, match=r"notumor 2\): the balanced one"):
        fetch(folder, wanted=BRAIN_TUMOR_MRI)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, r"refused the download \(status 401\); it wants an account: make a token"),
        (403, r"refused the download \(status 403\); it wants an account: make a token"),
        (404, r"has no masoudnickparvar/brain-tumor-mri-dataset/versions/1 any more"),
        (500, r"could not serve the download \(status 500\); try again later"),
    ],
)
def test_a_refusal_is_explained(kaggle, folder, status, message):
    kaggle.status = status
    with pytest.raises(DataError, match=message) as raised:
        fetch(folder, wanted=SMALL_SET)
    assert BY_HAND in str(raised.value)
    assert beside(folder) == []


@pytest.mark.parametrize("payload", [b"<html>sign in</html>", archive()[:-90]])
def test_what_is_no_whole_archive_is_refused(kaggle, folder, payload):
    kaggle.payload = payload
    with pytest.raises(DataError, match="what Kaggle sent could not be used") as raised:
        fetch(folder, wanted=SMALL_SET)
    assert BY_HAND in str(raised.value)
    assert beside(folder) == []


def test_an_archive_with_a_flipped_byte_is_refused(kaggle, folder):
    damaged = bytearray(kaggle.payload)
    damaged[len(damaged) // 3] ^= 1  # inside the pixels of an image
    kaggle.payload = bytes(damaged)
    with pytest.raises(DataError, match="what Kaggle sent could not be used"):
        fetch(folder, wanted=SMALL_SET)
    assert beside(folder) == []


def test_an_archive_of_something_else_is_refused(kaggle, folder):
    kaggle.payload = archive({"train": {"glioma": 2}})
    with pytest.raises(DataError, match="no folder of images as expected .*one class only"):
        fetch(folder, wanted=SMALL_SET)
    assert beside(folder) == []


def test_without_internet_the_way_by_hand_is_told_at_once(folder, monkeypatch):
    # Port 9 of this machine: nobody listens there.
    for name, value in leading_to(9).items():
        monkeypatch.setenv(name, value)
    began = time.monotonic()
    with pytest.raises(DataError, match="Kaggle could not be reached") as raised:
        fetch(folder)
    assert BY_HAND in str(raised.value)
    assert f"`neurosweep audit {folder}`" in str(raised.value)
    assert not folder.exists()
    assert time.monotonic() - began < 20


def test_a_broken_line_leaves_nothing_under_the_name_and_the_next_call_goes_on(kaggle, folder):
    kaggle.stop_after = STOP
    with pytest.raises(DataError, match="The same command goes on with what has arrived"):
        fetch(folder, wanted=SMALL_SET)
    assert beside(folder) == [".brain mri.fetching"]
    kaggle.stop_after = None
    fetch(folder, wanted=SMALL_SET)
    assert kaggle.ranges[-1] == f"bytes={CHUNK}-"
    assert len(find_files(folder).files) == 8
    assert beside(folder) == ["brain mri"]


CALL = """
import sys
from pathlib import Path
from scans.files.fetch import fetch
from scans.files.known_sets import KnownSet
fetch(Path(sys.argv[1]), wanted=KnownSet(name="small set", counts=eval(sys.argv[2])))
"""


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_download_leaves_nothing_under_the_name_and_the_next_call_goes_on(
    kaggle, folder, by
):
    kaggle.stop_after, kaggle.hang = STOP, True
    command = [sys.executable, "-c", CALL, str(folder), repr(dict(SMALL_SET.counts))]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        end = time.monotonic() + 60
        while CHUNK not in [p.stat().st_size for p in folder.parent.glob(".*/*/*/*/*.archive")]:
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        process.send_signal(by)
        assert process.wait(30) != 0
    assert beside(folder) == [".brain mri.fetching"]
    kaggle.stop_after, kaggle.hang = None, False
    fetch(folder, wanted=SMALL_SET)
    assert kaggle.ranges[-1] == f"bytes={CHUNK}-"
    assert len(find_files(folder).files) == 8
    assert beside(folder) == ["brain mri"]


def test_two_downloads_do_not_get_in_each_others_way(kaggle, folder):
    from filelock import FileLock

    aside = folder.parent / ".brain mri.fetching"
    aside.mkdir(parents=True)
    with (
        FileLock(aside / "lock"),
        pytest.raises(DataError, match="another process is downloading into"),
    ):
        fetch(folder, wanted=SMALL_SET)
    assert aside.exists()


def test_a_missing_kagglehub_is_named_with_its_extra(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(DataError, match=r"-e '\.\[kaggle\]'") as raised:
        fetch(folder)
    assert BY_HAND in str(raised.value)
    assert beside(folder) == []


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "the disk is full; it must hold archive and images at once"),
        (errno.EROFS, "could not be written .*; name a folder that you may write to"),
    ],
)
def test_trouble_with_the_disk_is_told(folder, monkeypatch, number, message):
    def fail(handle):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("kagglehub.dataset_download", fail)
    with pytest.raises(DataError, match=message) as raised:
        fetch(folder)
    assert BY_HAND in str(raised.value)
    assert beside(folder) == []


def test_an_error_of_ours_is_not_told_as_one_of_kaggles(folder, monkeypatch):
    def fail(handle):
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("kagglehub.dataset_download", fail)
    with pytest.raises(ZeroDivisionError, match="ours"):
        fetch(folder)
