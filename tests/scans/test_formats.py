"""What endings promise."""

import doctest

import pytest
from PIL import Image

from scans.pictures import formats
from scans.pictures.decode import read_image
from scans.pictures.formats import ENDINGS, PILLOW_FORMATS, expected_formats


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x.jpg", {"JPEG", "MPO"}),
        ("Training/a/x.y.JPEG", {"JPEG", "MPO"}),
        ("교모세포종 1.Png", {"PNG"}),
        ("x.TIF", {"TIFF"}),
        ("x.dcm", {"DICOM"}),
        ("IM0001", None),
        ("1.2.840.113619", None),
        ("notes.txt", None),
        (".jpg", None),
    ],
)
def test_an_ending_promises_formats(name, expected):
    assert expected_formats(name) == expected


def test_every_format_has_an_ending_and_every_ending_a_format():
    promised = frozenset().union(*ENDINGS.values())
    assert promised == {*PILLOW_FORMATS, "MPO", "DICOM"}


def test_pillow_writes_what_the_ending_promises(tmp_path):
    for ending in sorted(set(ENDINGS) - {".dcm", ".dicom", ".mpo"}):
        path = tmp_path / f"x{ending}"
        Image.new("L", (4, 4)).save(path)
        assert read_image(path.read_bytes()).format in ENDINGS[ending]


def test_the_example_in_the_docstring():
    assert doctest.testmod(formats).failed == 0
