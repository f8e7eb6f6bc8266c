"""Reads the picture of a DICOM file and nothing of the person it shows.

Only the elements that the pixels need are parsed. No message has a value of the file or the text
of an error of pydicom's, for either may hold a name.
"""

from __future__ import annotations

import io
import logging
import threading
import warnings
import zlib
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray
from PIL import Image

from neurosweep.errors import DataError
from neurosweep.extras import install_extra
from scans.files.content import MAX_BYTES
from scans.pictures.dicom_display import GREY, PALETTE, show_colour, show_grey
from scans.pictures.formats import DICOM
from scans.pictures.picture import Picture, refuse_too_many_pixels

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.uid import UID

_MAGIC_AT = 128  # DICOM PS3.10, 7.1: a preamble of 128 bytes, then "DICM"
_MAGIC = b"DICM"

_PHOTOMETRIC = (*GREY, PALETTE, "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")

_ELEMENTS = (
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
    "VOILUTSequence",
    "RescaleIntercept",
    "RescaleSlope",
    "ModalityLUTSequence",
    "RedPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData",
    "PixelData",
)
_FILE_META_GROUP = 0x0002

_silencing = threading.Lock()


def is_dicom(content: bytes) -> bool:
    """Tell a DICOM file by its magic, whatever its name and its preamble say."""
    return content[_MAGIC_AT : _MAGIC_AT + len(_MAGIC)] == _MAGIC


def read_dicom(content: bytes) -> Picture:
    """Decode the picture of a DICOM file as a viewer would show it, in 8 bits.

    Grey values go through the modality LUT or the rescale slope and intercept, then through the
    VOI LUT or else the first window (LINEAR, LINEAR_EXACT or SIGMOID), as in DICOM PS3.3, C.11.
    Without either, the picture's smallest value becomes 0 and its largest 255. MONOCHROME1 is
    inverted, so that a large value is bright. Colour becomes RGB, by pydicom's conversions.
    Windows that stand in functional groups, overlays and presentation states are not applied.

    Args:
        content: The whole file; `is_dicom` is true of it.

    Returns:
        The picture; its mode is the photometric interpretation.

    Raises:
        DataError: pydicom is not installed; the file is damaged, has several frames, more pixels
            than `MAX_PIXELS`, or a coding that no installed decoder reads.
    """
    try:
        import pydicom  # noqa: F401 - an extra, needed below
    except ImportError:
        raise DataError(
            "Reading a DICOM file needs pydicom, which is not installed; "
            f"install it with `{install_extra('medical')}` in the checkout."
        ) from None
    _silence_pydicom()
    try:
        return _read(content)
    except DataError:
        raise
    except Exception:  # noqa: BLE001 - pydicom raises whatever a broken value leads to
        raise DataError(
            "The DICOM file is damaged or cut off and cannot be read; replace it or move it away."
        ) from None


def _silence_pydicom() -> None:
    """Keep values of files out of logs and warnings, whatever thread reads.

    `warnings.catch_warnings` belongs to the whole process, so that two threads would undo each
    other's. A filter is put in place instead, and stays; the next reading restores it where
    somebody has taken it away.
    """
    from pydicom import config

    config.settings.reading_validation_mode = config.IGNORE
    logger = logging.getLogger("pydicom")
    logger.propagate = False
    logger.setLevel(logging.CRITICAL + 1)  # its modules' own loggers inherit the level
    with _silencing:
        # Warnings count as pydicom's, or by their stack level as of its caller here.
        for module in (r"pydicom(\.|$)", r"scans\.dicom$"):
            if not any(_is_silent(entry, module) for entry in warnings.filters[:2]):
                warnings.filterwarnings("ignore", module=module)


def _is_silent(entry: tuple[Any, ...], module: str) -> bool:
    action, message, _, pattern, _ = entry
    return action == "ignore" and message is None and getattr(pattern, "pattern", None) == module


def _read(content: bytes) -> Picture:
    dataset, syntax = _parse(content)
    photometric = _photometric(dataset)
    _refuse_excess(dataset)
    pixels = _decode(dataset, syntax)
    show = show_grey if photometric in GREY else show_colour
    return Picture(image=Image.fromarray(show(pixels, dataset)), format=DICOM, mode=photometric)


def _parse(content: bytes) -> tuple[Dataset, UID]:
    """Return the elements that the pixels need, and the transfer syntax they are written in."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.filereader import read_dataset
    from pydicom.tag import Tag
    from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

    stream = io.BytesIO(content)
    stream.seek(_MAGIC_AT + len(_MAGIC))
    # The file meta information is always explicit and little endian (PS3.10, 7.1).
    meta = read_dataset(
        stream,
        False,
        True,
        stop_when=lambda tag, _vr, _length: tag.group != _FILE_META_GROUP,
        specific_tags=[Tag("TransferSyntaxUID")],
    )
    syntax = UID(meta.TransferSyntaxUID)
    if syntax == DeflatedExplicitVRLittleEndian:
        stream = io.BytesIO(_inflate(stream.read()))
    dataset = read_dataset(
        stream,
        syntax.is_implicit_VR,
        syntax.is_little_endian,
        specific_tags=[Tag(element) for element in _ELEMENTS],
    )
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    return dataset, syntax


def _inflate(packed: bytes) -> bytes:
    """Unpack a deflated data set, which may claim to be endless."""
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    unpacked = unpacker.decompress(packed, MAX_BYTES)
    if unpacker.unconsumed_tail:
        raise DataError(
            f"A DICOM file may unpack to at most {MAX_BYTES:,} bytes, but this one has more; "
            "scale it down or move it away."
        )
    return unpacked


def _photometric(dataset: Dataset) -> str:
    photometric = str(dataset.get("PhotometricInterpretation", ""))
    if photometric not in _PHOTOMETRIC:
        raise DataError(
            "A DICOM picture must have a photometric interpretation among "
            f"{', '.join(_PHOTOMETRIC)}, but this file names none of them; convert it or move it "
            "away."
        )
    return photometric


def _refuse_excess(dataset: Dataset) -> None:
    """Raise before anything is decoded: no picture, several, or too large a one."""
    if "PixelData" not in dataset:
        raise DataError(
            "A DICOM file must hold a picture, but this one has no pixel data, or is cut off "
            "before them; replace it or move it away."
        )
    frames = int(dataset.get("NumberOfFrames") or 1)
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    refuse_too_many_pixels(columns, rows * max(frames, 1))
    if frames > 1:
        raise DataError(
            f"A file must hold one image, but this DICOM holds {frames} frames; save the one to "
            "use."
        )


def _decode(dataset: Dataset, syntax: UID) -> NDArray[Any]:
    """Return the stored values: (rows, columns), or (rows, columns, 3) of colour."""
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.pixels.utils import pixel_array

    name = _name(syntax)
    try:
        available = get_decoder(syntax).is_available
    except NotImplementedError:
        available = False
    if not available:
        raise DataError(
            f"The pixels are coded as {name}, which no decoder installed here reads; install one "
            "(pydicom finds pylibjpeg and python-gdcm), or save the file uncompressed."
        )
    if syntax.is_encapsulated:
        _refuse_surplus(dataset)
    try:
        return pixel_array(dataset)
    except Exception:  # noqa: BLE001 - see read_dicom
        raise DataError(
            f"The pixels of the DICOM file, coded as {name}, are damaged or cut off, or need "
            "another decoder; replace the file, or save it uncompressed."
        ) from None


def _name(syntax: UID) -> str:
    """Return the name of a transfer syntax that the standard knows; the file may have any text."""
    name = syntax.name
    return "an unknown transfer syntax" if name == str(syntax) else f"{name} ({syntax})"


def _refuse_surplus(dataset: Dataset) -> None:
    """Raise where compressed pixels are longer than plain ones could be.

    Run lengths (RLE) unpack to 64 times their own length before pydicom compares that with the
    picture's size; so what they can claim is bounded by that size.
    """
    samples = int(dataset.Rows) * int(dataset.Columns) * int(dataset.SamplesPerPixel)
    plain = samples * int(dataset.BitsAllocated) // 8
    if len(dataset.PixelData) > plain + plain // 4 + 2**20:
        raise DataError(
            "Compressed pixels must be no longer than plain ones, but in this DICOM file they "
            "are; replace it or move it away."
        )
