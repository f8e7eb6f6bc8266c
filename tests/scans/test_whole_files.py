"""Files are there as a whole or not at all, and nothing else is put in their place."""

import os
import threading

import pytest

from scans.files.whole_files import write_whole


def test_a_file_is_replaced_and_nothing_stays_beside_it(tmp_path):
    for content in (b"first", b"second"):
        write_whole(tmp_path / "new" / "file", content)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]
    assert (tmp_path / "new" / "file").read_bytes() == b"second"


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_whole(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    read = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    write_whole(tmp_path / "pipe", b"content")
    reader.join(10)
    assert read == [b"content"]
    assert (tmp_path / "pipe").is_fifo()


def test_writers_at_once_do_not_meet(tmp_path):
    failed = []

    def write(letter):
        try:
            for _ in range(50):
                write_whole(tmp_path / "file", letter * 1000)
        except OSError as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(set((tmp_path / "file").read_bytes())) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="Not a directory|File exists"):
        write_whole(tmp_path / "file" / "below", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
