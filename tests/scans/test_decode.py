"""One decoding for all: colours, sizes, and files that cannot be decoded."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neurosweep.errors import DataError
from scans import decode as decode_image
from scans.decode import MAX_PIXELS, read_image


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
        assert decode_image(path, image_size=8, color="rgb").shape == (8, 8, 3)

    def test_of_16_bits_the_upper_8_are_kept(self, tmp_path):
        pixels = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)
        path = _save(Image.fromarray(pixels), tmp_path / "x.png")
        decoded = decode_image(path, image_size=None, color="grey")
        np.testing.assert_array_equal(decoded[..., 0].ravel(), np.arange(256))

    def test_an_unknown_colour(self, tmp_path, noise):
        path = _save(Image.fromarray(noise), tmp_path / "x.png")
        with pytest.raises(DataError, match="one of grey, rgb, but it is 'blue'"):
            decode_image(path, image_size=8, color="blue")


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
        with pytest.raises(DataError, match=r"must be readable, but .*missing\.jpg is not"):
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
            read_image(b"")
