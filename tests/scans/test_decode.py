"""One decoding for all: colours, sizes, and files that cannot be decoded."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neurosweep.errors import DataError
from scans import decode as decode_image
from scans.pictures.decode import MAX_PIXELS, read_image


def _save(image: Image.Image, path: Path) -> Path:
    image.save(path)
    return path


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (21, 34, 3), dtype=np.uint8)


class TestColour:
    def test_colour_keeps_three_channels(self, noise, tmp_path):
        path = _save(Image.fromarray(noise), tmp_path / "x.png")
        np.testing.assert_array_equal(decode_image(path, image_size=None, color="rgb"), noise)

    def test_grey_is_luma(self, noise, tmp_path):
        path = _save(Image.fromarray(noise), tmp_path / "x.png")
        decoded = decode_image(path, image_size=None, color="grey")
        luma = noise @ np.array([0.299, 0.587, 0.114])
        assert decoded.shape == (21, 34, 1)
        assert np.abs(decoded[..., 0] - luma).max() <= 1

    def test_a_grey_file_in_colour_has_three_equal_channels(self, noise, tmp_path):
        path = _save(Image.fromarray(noise[..., 0]), tmp_path / "x.png")
        decoded = decode_image(path, image_size=16, color="rgb")
        assert decoded.shape == (16, 16, 3)
        assert (decoded == decoded[..., :1]).all()

    @pytest.mark.parametrize("mode", ["1", "P", "LA", "RGBA", "CMYK"])
    def test_other_modes_become_grey_or_colour(self, noise, tmp_path, mode):
        image = Image.fromarray(noise).convert(mode)
        path = _save(image, tmp_path / ("x.tif" if mode == "CMYK" else "x.png"))
        assert read_image(path.read_bytes()).mode == mode
        grey = mode in ("1", "LA")
        decoded = decode_image(path, image_size=None, color="rgb")
        expected = image.convert("L" if grey else "RGB").convert("RGB")
        np.testing.assert_array_equal(decoded, np.asarray(expected))

    def test_an_unknown_colour(self, tmp_path, noise):
        path = _save(Image.fromarray(noise), tmp_path / "x.png")
        with pytest.raises(DataError, match="one of grey, rgb, but it is 'blue'"):
            decode_image(path, image_size=8, color="blue")


def _bytes(image: Image.Image, form: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


class TestFormats:
    @pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "BMP", "WEBP", "GIF"])
    @pytest.mark.parametrize("mode", ["L", "RGB"])
    def test_the_content_says_what_a_file_is(self, noise, form, mode):
        picture = read_image(_bytes(Image.fromarray(noise).convert(mode), form))
        assert picture.format == form
        assert picture.image.size == (34, 21)
        assert picture.image.mode in ("L", "RGB")

    def test_a_jpeg_with_previews_is_one_picture(self, noise):
        image = Image.fromarray(noise)
        content = _bytes(image, "MPO", save_all=True, append_images=[image.resize((8, 8))])
        picture = read_image(content)
        assert (picture.format, picture.image.size) == ("MPO", (34, 21))

    def test_the_name_does_not_matter(self, noise, tmp_path):
        (tmp_path / "x.jpg").write_bytes(_bytes(Image.fromarray(noise), "PNG"))
        decoded = decode_image(tmp_path / "x.jpg", image_size=None, color="rgb")
        np.testing.assert_array_equal(decoded, noise)

    @pytest.mark.parametrize("form", ["PPM", "TGA", "PCX", "JPEG2000", "SGI"])
    def test_decoders_that_nobody_needs_are_out_of_reach(self, noise, form):
        content = _bytes(Image.fromarray(noise).resize((32, 32)), form)
        assert Image.open(io.BytesIO(content)).size == (32, 32)  # Pillow itself would read it
        with pytest.raises(DataError, match="not an image in a format known here"):
            read_image(content)

    def test_a_picture_is_frozen(self, noise):
        with pytest.raises(AttributeError):
            read_image(_bytes(Image.fromarray(noise), "PNG")).mode = "L"


class TestTransparency:
    """What is seen through is black, whatever colour lies under it."""

    def test_colour(self, noise):
        alpha = np.arange(21 * 34, dtype=np.uint16).reshape(21, 34) % 256
        content = _bytes(Image.fromarray(np.dstack([noise, alpha.astype(np.uint8)])), "PNG")
        picture = read_image(content)
        assert (picture.mode, picture.image.mode) == ("RGBA", "RGB")
        expected = noise.astype(float) * alpha[..., None] / 255
        assert np.abs(np.asarray(picture.image) - expected).max() <= 1

    def test_grey(self, noise):
        alpha = np.where(np.arange(34) < 17, 0, 255) * np.ones((21, 1))
        pixels = np.dstack([noise[..., 0], alpha]).astype(np.uint8)
        picture = read_image(_bytes(Image.fromarray(pixels, "LA"), "PNG"))
        assert (picture.mode, picture.image.mode) == ("LA", "L")
        shown = np.asarray(picture.image)
        assert not shown[:, :17].any()
        np.testing.assert_array_equal(shown[:, 17:], noise[:, 17:, 0])

    def test_a_palette(self):
        image = Image.new("P", (4, 4), 1)
        image.putpalette([200, 100, 50, 10, 20, 30])
        image.putpixel((0, 0), 0)
        picture = read_image(_bytes(image, "PNG", transparency=0))
        assert (picture.mode, picture.image.mode) == ("P", "RGB")
        assert picture.image.getpixel((0, 0)) == (0, 0, 0)
        assert picture.image.getpixel((1, 1)) == (10, 20, 30)

    @pytest.mark.parametrize(("mode", "key"), [("L", 200), ("RGB", (200, 100, 50))])
    def test_one_colour_of_a_png(self, mode, key):
        image = Image.new(mode, (4, 4), key)
        image.putpixel((1, 1), 255 if mode == "L" else (9, 9, 9))
        picture = read_image(_bytes(image, "PNG", transparency=key))
        assert picture.image.mode == mode
        assert np.asarray(picture.image)[0].max() == 0
        assert np.asarray(picture.image)[1, 1].max() > 0

    def test_one_grey_of_16_bits(self):
        pixels = np.array([[5000, 6000]], dtype=np.uint16)
        content = _bytes(Image.fromarray(pixels), "PNG", transparency=5000)
        assert list(read_image(content).image.get_flattened_data()) == [0, 6000 >> 8]


class Test16Bits:
    @pytest.mark.parametrize("form", ["PNG", "TIFF"])
    @pytest.mark.parametrize(("largest", "divisor"), [(255, 1), (4095, 16), (65535, 256)])
    def test_the_range_used_tells_the_bits(self, form, largest, divisor):
        pixels = np.linspace(0, largest, 256).astype(np.uint16).reshape(16, 16)
        picture = read_image(_bytes(Image.fromarray(pixels), form))
        assert (picture.mode, picture.image.mode) == ("I;16", "L")
        np.testing.assert_array_equal(np.asarray(picture.image), pixels // divisor)
        assert np.asarray(picture.image).max() == 255

    @pytest.mark.parametrize(("largest", "shown"), [(255, 255), (256, 16), (4095, 255), (4096, 16)])
    def test_the_bounds(self, largest, shown):
        content = _bytes(Image.fromarray(np.full((2, 2), largest, np.uint16)), "PNG")
        assert read_image(content).image.getpixel((0, 0)) == shown

    def test_the_other_byte_order(self):
        image = Image.fromarray(np.arange(0, 4096, 16, dtype=">u2").reshape(16, 16))
        picture = read_image(_bytes(image, "TIFF"))
        assert picture.mode == "I;16B"
        np.testing.assert_array_equal(np.asarray(picture.image).ravel(), np.arange(256))

    def test_the_camera_orientation_is_applied(self):
        exif = Image.Exif()
        exif[0x0112] = 6
        pixels = np.arange(12, dtype=np.uint16).reshape(3, 4) * 300
        picture = read_image(_bytes(Image.fromarray(pixels), "PNG", exif=exif))
        np.testing.assert_array_equal(np.asarray(picture.image), np.rot90(pixels, -1) // 16)


class TestSize:
    def test_the_own_size_changes_nothing(self, noise, tmp_path):
        square = noise[:21, :21]
        path = _save(Image.fromarray(square), tmp_path / "x.png")
        np.testing.assert_array_equal(decode_image(path, image_size=21, color="rgb"), square)

    @pytest.mark.parametrize("size", [7, 16, 50])
    def test_resizing_is_a_triangle_filter_rounded_once(self, noise, tmp_path, size):
        path = _save(Image.fromarray(noise), tmp_path / "x.png")
        decoded = decode_image(path, image_size=size, color="rgb")
        expected = np.einsum(
            "yh,hwc,xw->yxc", _triangles(21, size), noise.astype(float), _triangles(34, size)
        )
        assert np.abs(decoded - expected).max() < 0.51

    def test_no_size_below_one(self, noise, tmp_path):
        path = _save(Image.fromarray(noise), tmp_path / "x.png")
        with pytest.raises(DataError, match="at least 1 pixel, but it is 0"):
            decode_image(path, image_size=0, color="rgb")


def _triangles(before: int, after: int) -> np.ndarray:
    """Weights (after, before) of antialiased bilinear resizing, from its definition."""
    scale = before / after
    centres = (np.arange(after)[:, None] + 0.5) * scale - 0.5
    weights = 1 - np.abs(np.arange(before)[None] - centres) / max(scale, 1)
    weights = weights.clip(0)
    return weights / weights.sum(axis=1, keepdims=True)


def test_the_camera_orientation_is_applied(noise, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    Image.fromarray(noise).save(tmp_path / "x.png", exif=exif)
    decoded = decode_image(tmp_path / "x.png", image_size=None, color="rgb")
    np.testing.assert_array_equal(decoded, np.rot90(noise, -1))


class TestUnreadable:
    def test_a_text_file_named_jpg(self, tmp_path):
        (tmp_path / "text.jpg").write_text("not an image")
        with pytest.raises(DataError, match=r"text\.jpg: The file is not an image.*replace it"):
            decode_image(tmp_path / "text.jpg", image_size=8, color="grey")

    def test_a_missing_file(self, tmp_path):
        with pytest.raises(
            DataError, match=r"missing\.jpg: The file must be readable, but it is not \(No such"
        ):
            decode_image(tmp_path / "missing.jpg", image_size=8, color="grey")

    @pytest.mark.parametrize("factor", [1.1, 3])
    def test_a_decompression_bomb(self, tmp_path, factor):
        side = int((MAX_PIXELS * factor) ** 0.5)
        image = Image.new("1", (side, side))
        image.save(tmp_path / "bomb.png")
        del image
        with pytest.raises(
            DataError, match=r"at most 89,478,485 pixels \(the decompression-bomb limit\)"
        ):
            decode_image(tmp_path / "bomb.png", image_size=8, color="grey")

    def test_fifty_thousand_pixels_a_side(self):
        with pytest.raises(DataError, match="at most 89,478,485 pixels"):
            read_image(_png_header(50_000, 50_000))

    def test_colours_of_unknown_range(self, noise):
        lab = Image.fromarray(noise).convert("L")
        lab = Image.merge("LAB", [lab, lab, lab])
        with pytest.raises(DataError, match="of mode LAB, whose range is not known"):
            read_image(_bytes(lab, "TIFF"))

    def test_several_frames(self, noise, tmp_path):
        frames = [Image.fromarray(noise), Image.fromarray(noise[::-1].copy())]
        frames[0].save(tmp_path / "x.tif", save_all=True, append_images=frames[1:])
        with pytest.raises(DataError, match=r"one image, but it holds 2 frames"):
            decode_image(tmp_path / "x.tif", image_size=8, color="grey")

    def test_floating_point_pixels(self, tmp_path):
        Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "x.tif")
        with pytest.raises(DataError, match="of mode F, whose range is not known"):
            decode_image(tmp_path / "x.tif", image_size=8, color="grey")

    def test_bytes_without_a_name(self):
        with pytest.raises(DataError, match="not an image in a format known here"):
            read_image(b"x")
        with pytest.raises(DataError, match="The file is empty; replace it or move it away"):
            read_image(b"")


def _png_header(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be large."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    end = b"IDAT" + zlib.compress(b"\0")
    chunks = [
        struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (header, end)
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
