"""The one way from an image file to pixels: training, caching and predicting all decode here."""

import io
import re
import struct
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from neurosweep.errors import DataError
from scans.files.content import read_content
from scans.pictures.dicom import is_dicom, read_dicom
from scans.pictures.formats import PILLOW_FORMATS
from scans.pictures.picture import MAX_PIXELS, Picture, refuse_too_many_pixels, too_many_pixels

__all__ = [
    "CHANNELS",
    "MAX_PIXELS",
    "RESIZE_VERSION",
    "Picture",
    "check_request",
    "decode",
    "read_content",
    "read_image",
    "to_pixels",
]

RESIZE_VERSION = 2
"""Part of each cache's key: raised whenever the same file would give other pixels."""

CHANNELS = {"grey": 1, "rgb": 3}

# Pillow warns of damaged headers, thousands of times for some folders and without the file's name.
# What it cannot decode it raises, and the manifest tells that by name.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
# Of pictures above half of Pillow's own limit it warns; ours is just there, and is an error.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

# What Pillow's decoders are known to raise on damaged or hostile files.
_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    ZeroDivisionError,
    OverflowError,
    struct.error,
)


def decode(path: Path, *, image_size: int | None, color: str) -> NDArray[np.uint8]:
    """Decode an image file to pixels, resized to a square where a size is given.

    Colour is converted at the file's own size. Resizing is bilinear with antialiasing, each
    channel in floating point and rounded once at the end, so that
    `keras.layers.Resizing(interpolation="bilinear", antialias=True)` on the original pixels
    gives the same pixels after rounding.

    Args:
        path: The image file.
        image_size: Height and width in pixels, at least 1; None keeps the file's own.
        color: "grey" (one channel, ITU-R 601 luma) or "rgb".

    Returns:
        Pixels of shape (height, width, channels), 0 to 255.

    Raises:
        DataError: The file is missing or no readable image, or `color` is neither.
    """
    try:
        picture = read_image(read_content(path))
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    return to_pixels(picture.image, image_size=image_size, color=color)


def read_image(content: bytes) -> Picture:
    """Decode the bytes of an image file: upright, and in mode L or RGB.

    What the file is, its content tells and not its name. Transparent pixels are flattened on
    black. Pixels of 16 bits are brought to 8 by the range they use, because scanners that measure
    12 bits write them as 16: a picture whose largest value is below 256 is read as 8 bits (kept as
    it is), below 4096 as 12 bits (divided by 16), else as 16 (divided by 256). Pillow itself
    reads 16-bit colour as 8 bits by division by 256. For DICOM see
    `scans.pictures.dicom.read_dicom`.

    Args:
        content: The whole file.

    Returns:
        The picture; its image is L where the file is grey, else RGB.

    Raises:
        DataError: The bytes are no image in a format of `scans.pictures.formats`, are damaged,
            hold several images, pixels of unknown range, or more pixels than `MAX_PIXELS`. The
            message does not know the file's name.
    """
    if not content:
        raise DataError("The file is empty; replace it or move it away.")
    return read_dicom(content) if is_dicom(content) else _read_pillow(content)


def _read_pillow(content: bytes) -> Picture:
    try:
        # Opening reads the header only; the pixels are decoded after the checks.
        with Image.open(io.BytesIO(content), formats=PILLOW_FORMATS) as image:
            _refuse_excess(image)
            return Picture(image=_upright(image), format=str(image.format), mode=image.mode)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(too_many_pixels(_counted(str(error)))) from error
    except UnidentifiedImageError as error:
        raise DataError(
            "The file is not an image in a format known here, whatever its name says; "
            "replace it or move it away."
        ) from error
    except _DECODER_ERRORS as error:
        raise DataError(
            f"The image is damaged and cannot be decoded ({error}); replace it or move it away."
        ) from error


def to_pixels(image: Image.Image, *, image_size: int | None, color: str) -> NDArray[np.uint8]:
    """Convert and resize a decoded image; see `decode` for the arguments.

    Args:
        image: Mode L or RGB.
        image_size: Height and width in pixels, at least 1; None keeps the image's own.
        color: "grey" or "rgb".

    Returns:
        Pixels of shape (height, width, channels), 0 to 255.

    Raises:
        DataError: `color` is unknown or `image_size` below 1.
    """
    check_request(image_size=image_size, color=color)
    if color == "grey":
        image = _to_grey(image)
    # Splitting one channel would copy it.
    channels = (image,) if image.mode == "L" else image.split()
    planes = [_resize(plane, image_size) for plane in channels]
    if color == "grey":
        return planes[0][..., np.newaxis]
    # A grey file asked for in colour is resized once and shown three times.
    planes = planes * CHANNELS[color] if len(planes) == 1 else planes
    return np.stack(planes, axis=-1)


def check_request(*, image_size: int | None, color: str) -> None:
    """Raise DataError unless `color` is known and `image_size` at least 1 or None."""
    if color not in CHANNELS:
        raise DataError(f"A colour is one of {', '.join(CHANNELS)}, but it is {color!r}.")
    if image_size is not None and image_size < 1:
        raise DataError(f"An image size is at least 1 pixel, but it is {image_size}.")


def _resize(plane: Image.Image, image_size: int | None) -> NDArray[np.uint8]:
    """Resize one channel in floating point, so that nothing is rounded between the two passes."""
    if image_size is None or plane.size == (image_size, image_size):
        return np.asarray(plane)
    resized = plane.convert("F").resize((image_size, image_size), Image.Resampling.BILINEAR)
    pixels = np.empty((image_size, image_size), np.uint8)
    # Weights of a triangle are positive and sum to one: nothing can leave 0 to 255.
    np.rint(np.asarray(resized), out=pixels, casting="unsafe")
    return pixels


def _counted(message: str) -> str:
    """Say what Pillow counted, without the other limit that it names."""
    pixels = re.search(r"\((\d+) pixels\)", message)
    return f"it has {int(pixels[1]):,}" if pixels else "it has more"


def _refuse_excess(image: Image.Image) -> None:
    """Raise for more pixels than the limit, or for more pictures than one."""
    refuse_too_many_pixels(*image.size)
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # an MPO's further frames are previews
        raise DataError(
            f"A file must hold one image, but it holds {frames} frames; save the one to use."
        )


def _upright(image: Image.Image) -> Image.Image:
    """Load the pixels, turned as the camera says, in mode L or RGB."""
    convert = _CONVERSIONS.get(image.mode, _to_rgb)
    ImageOps.exif_transpose(image, in_place=True)  # loads it; most are upright and stay as they are
    return convert(image)


def _to_rgb(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")  # Pillow would copy
    image = image.convert("RGBA")
    black = Image.new("RGBA", image.size, (0, 0, 0, 255))
    return Image.alpha_composite(black, image).convert("RGB")


def _to_grey(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image if image.mode == "L" else image.convert("L")
    return _to_rgb(image).convert("L")  # three equal channels, whose luma is their value


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Bring 16 bits to 8 by the range that is used; Pillow's own conversion would clip at 255."""
    pixels = np.asarray(image)
    see_through = image.info.get("transparency")  # a PNG may name one grey as transparent
    if isinstance(see_through, int):
        pixels = np.where(pixels == see_through, 0, pixels)
    largest = int(pixels.max())
    surplus = 0 if largest < 2**8 else 4 if largest < 2**12 else 8
    return Image.fromarray((pixels >> surplus).astype(np.uint8))


def _refuse_mode(image: Image.Image) -> Image.Image:
    raise DataError(
        f"Pixels must be of 8 or 16 bits, but they are of mode {image.mode}, whose range is not "
        "known; save the image with 8 bits."
    )


_CONVERSIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "1": _to_grey,
    "L": _to_grey,
    "LA": _to_grey,
    "I;16": _to_8_bits,
    "I;16B": _to_8_bits,
    "I;16L": _to_8_bits,
    "I;16N": _to_8_bits,
    "I": _refuse_mode,
    "F": _refuse_mode,
    "LAB": _refuse_mode,
}
