"""What people really have: every format and mode, read as it looks."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from neurosweep.errors import DataError
from scans.pictures.decode import read_image

RAMP = np.arange(0, 256, 4, dtype=np.uint8).reshape(8, 8)
COLOUR = np.random.default_rng(1).integers(0, 256, (8, 8, 3), dtype=np.uint8)


def _saved(image, form, **how):
    content = io.BytesIO()
    image.save(content, form, **how)
    return content.getvalue()


def _pixels(content):
    return np.asarray(read_image(content).image)


LOSSLESS = {"PNG": {}, "TIFF": {"compression": "tiff_lzw"}, "BMP": {}, "WEBP": {"lossless": True}}


@pytest.mark.parametrize("form", LOSSLESS)
class TestFormats:
    def test_colour_is_read_as_it_was_saved(self, form):
        picture = read_image(_saved(Image.fromarray(COLOUR), form, **LOSSLESS[form]))
        assert (picture.format, picture.mode) == (form, "RGB")
        np.testing.assert_array_equal(np.asarray(picture.image), COLOUR)

    def test_grey_is_read_as_it_was_saved(self, form):
        shown = _pixels(_saved(Image.fromarray(RAMP), form, **LOSSLESS[form]))
        np.testing.assert_array_equal(shown if shown.ndim == 2 else shown[..., 1], RAMP)


def test_jpeg_keeps_its_mode():
    for image, mode in ((Image.fromarray(RAMP), "L"), (Image.fromarray(COLOUR), "RGB")):
        picture = read_image(_saved(image, "JPEG", quality=95))
        assert (picture.format, picture.mode, picture.image.mode) == ("JPEG", mode, mode)


def test_a_palette_is_looked_up():
    image = Image.fromarray(RAMP).convert("P")
    picture = read_image(_saved(image, "PNG"))
    assert picture.mode == "P"
    np.testing.assert_array_equal(np.asarray(picture.image)[..., 0], RAMP)


def test_cmyk_is_told_and_shown_in_colour():
    paper = Image.new("CMYK", (4, 4), (0, 0, 0, 0))
    picture = read_image(_saved(paper, "TIFF"))
    assert (picture.mode, picture.image.mode) == ("CMYK", "RGB")
    assert np.asarray(picture.image).min() == 255


def test_colour_of_16_bits_is_read_by_its_upper_8():
    assert _pixels(_png_of_16_bits((0x8040, 0xFF00, 0x0100))).tolist() == [[[128, 255, 1]]]


def _png_of_16_bits(colour):
    """One pixel of colour with 16 bits per channel, which Pillow reads and does not write."""

    def chunk(kind, content):
        whole = kind + content
        return struct.pack(">I", len(content)) + whole + struct.pack(">I", zlib.crc32(whole))

    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    row = b"\0" + struct.pack(">3H", *colour)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(row)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in chunks)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP", "WEBP", "TIFF"])
def test_a_file_that_breaks_off_is_an_error_and_no_traceback(form):
    whole = _saved(Image.fromarray(np.tile(COLOUR, (8, 8, 1))), form)
    for end in range(20, len(whole) - 20, max(1, len(whole) // 25)):
        with pytest.raises(DataError):
            read_image(whole[:end])
