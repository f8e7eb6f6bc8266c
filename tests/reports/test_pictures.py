import os
from base64 import b64decode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from reports.pictures import MOST_PICTURE_BYTES, Album, embed_picture


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run" / "audit").mkdir(parents=True)
    return tmp_path / "run"


def _png(path: Path, side: int = 8) -> Path:
    Image.new("L", (side, side), 99).save(path, format="PNG")
    return path


def test_a_thumbnail_is_embedded_as_it_is(run: Path):
    path = _png(run / "audit" / "000-a.png")
    address = embed_picture(run, "audit/000-a.png")
    assert address is not None
    assert address.startswith("data:image/png;base64,")
    assert b64decode(address.partition(",")[2]) == path.read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        None,
        "",
        "../secret.png",
        "audit/../../secret.png",
        "audit/inner/a.png",
        "/etc/passwd",
        "audit/a.jpg",
        "audit/a.png\n",
        "audit/a.png.html",
        "audit/<b>.png",
        "audit\\a.png",
        "winner/a.png",
        "audit/missing.png",
        "audit/..png",
    ],
)
def test_other_names_are_no_pictures(run: Path, name: str | None):
    _png(run.parent / "secret.png")
    _png(run / "audit" / "a.png")
    (run / "audit" / "inner").mkdir()
    _png(run / "audit" / "inner" / "a.png")
    assert embed_picture(run, name) is None


def test_links_are_not_followed(run: Path):
    secret = _png(run.parent / "secret.png")
    (run / "audit" / "link.png").symlink_to(secret)
    assert embed_picture(run, "audit/link.png") is None
    elsewhere = run.parent / "elsewhere"
    (run / "audit").rename(elsewhere)
    _png(elsewhere / "a.png")
    (run / "audit").symlink_to(elsewhere)
    assert embed_picture(run, "audit/a.png") is None


def test_a_pipe_or_a_folder_is_not_waited_for(run: Path):
    os.mkfifo(run / "audit" / "pipe.png")
    (run / "audit" / "folder.png").mkdir()
    assert embed_picture(run, "audit/pipe.png") is None
    assert embed_picture(run, "audit/folder.png") is None


def test_what_is_no_png_is_no_picture(run: Path):
    (run / "audit" / "page.png").write_text("<script>alert(1)</script>")
    Image.new("L", (8, 8)).save(run / "audit" / "photo.png", format="JPEG")
    (run / "audit" / "empty.png").touch()
    for name in ("page", "photo", "empty"):
        assert embed_picture(run, f"audit/{name}.png") is None


def test_a_file_may_not_be_larger_than_the_limit(run: Path):
    path = _png(run / "audit" / "a.png")
    path.write_bytes(path.read_bytes().ljust(MOST_PICTURE_BYTES, b"\0"))
    assert embed_picture(run, "audit/a.png") is not None
    path.write_bytes(path.read_bytes() + b"\0")
    assert embed_picture(run, "audit/a.png") is None


def test_a_small_file_of_a_huge_picture_is_refused(run: Path):
    _png(run / "audit" / "bomb.png", side=8000)
    assert (run / "audit" / "bomb.png").stat().st_size < MOST_PICTURE_BYTES
    assert embed_picture(run, "audit/bomb.png") is None


def test_explanations_have_a_folder_of_their_own(run: Path):
    (run / "explanations").mkdir()
    _png(run / "explanations" / "map-00001.png")
    assert embed_picture(run, "explanations/map-00001.png") is not None
    assert embed_picture(run, "audit/map-00001.png") is None


def test_an_album_takes_pictures_while_there_is_room(run: Path):
    _png(run / "audit" / "a.png")
    address = embed_picture(run, "audit/a.png")
    assert address is not None
    album = Album(run, 2 * len(address) + 1)
    assert [album.embed(name) for name in ("audit/a.png", "audit/none.png")] == [address, None]
    assert (album.pictures, album.left_out) == (1, 0)
    assert [album.embed("audit/a.png") for _ in range(3)] == [address, None, None]
    assert (album.pictures, album.left_out) == (2, 2)


def test_an_album_without_images_opens_no_file(run: Path):
    album = Album(run / "nowhere", 1_000_000, images=False)
    assert album.embed("audit/a.png") is None
    assert (album.pictures, album.left_out) == (0, 0)


@given(st.text(max_size=40))
def test_no_name_leads_out_of_the_folder(tmp_path_factory: pytest.TempPathFactory, name: str):
    run = tmp_path_factory.mktemp("run")
    _png(run / "outside.png")
    assert embed_picture(run, name) is None
    assert embed_picture(run, f"audit/../{name}") is None
