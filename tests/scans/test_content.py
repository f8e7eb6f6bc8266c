"""Reading bytes: regular files only, and not without end."""

import os
import socket
from pathlib import Path

import pytest

from neurosweep.errors import DataError
from scans.files import content as reading
from scans.files.content import MAX_BYTES, read_content


def test_a_file_is_read_whole(tmp_path):
    (tmp_path / "x").write_bytes(b"\0\r\nabc")
    assert read_content(tmp_path / "x") == b"\0\r\nabc"


def test_a_link_to_a_file_is_that_file(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    (tmp_path / "link").symlink_to(tmp_path / "x")
    assert read_content(tmp_path / "link") == b"abc"


def test_the_limit_is_inclusive(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    assert read_content(tmp_path / "x", limit=3) == b"abc"
    with pytest.raises(DataError, match=r"at most 2 bytes, but this has 3; make it smaller"):
        read_content(tmp_path / "x", limit=2)


def test_a_file_past_the_limit_is_not_read(tmp_path):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(MAX_BYTES + 1)  # takes no room on the disk
    with pytest.raises(DataError, match=r"at most 536,870,912 bytes, but this has 536,870,913"):
        read_content(tmp_path / "large")


def test_a_file_that_grows_while_it_is_read(tmp_path, monkeypatch):
    (tmp_path / "x").write_bytes(b"abc")
    monkeypatch.setattr(reading, "_refuse", lambda _found, _limit: None)
    with pytest.raises(DataError, match="at most 2 bytes, but this has more than 2"):
        read_content(tmp_path / "x", limit=2)


def test_a_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"must be readable, but it is not \(No such file"):
        read_content(tmp_path / "x")


def test_a_folder(tmp_path):
    with pytest.raises(DataError, match="Only regular files are read, but this is a folder"):
        read_content(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="these kinds of files are not there")
class TestIrregular:
    @pytest.mark.timeout(20)
    def test_a_pipe_is_not_waited_for(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(DataError, match="this is a named pipe; move it away"):
            read_content(tmp_path / "pipe")

    @pytest.mark.timeout(20)
    def test_a_pipe_that_takes_a_files_place_is_not_waited_for(self, tmp_path, monkeypatch):
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "file").write_bytes(b"x")
        looked_at = (tmp_path / "file").stat()
        monkeypatch.setattr(Path, "stat", lambda _self: looked_at)
        with pytest.raises(DataError, match="this is a named pipe"):
            read_content(tmp_path / "pipe")

    def test_a_socket(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)  # a socket's path may be no longer than 107 bytes
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("socket")
            with pytest.raises(DataError, match="this is a socket"):
                read_content(tmp_path / "socket")

    def test_a_device(self):
        with pytest.raises(DataError, match="this is a device"):
            read_content(Path("/dev/zero"))

    def test_a_link_to_itself(self, tmp_path):
        (tmp_path / "link").symlink_to("link")
        with pytest.raises(DataError, match="must be readable, but it is not"):
            read_content(tmp_path / "link")
