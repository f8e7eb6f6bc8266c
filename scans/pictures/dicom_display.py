"""From the values that a DICOM file stores to what a viewer shows, in 8 bits.

DICOM PS3.3, C.11: the modality transformation, then the values of interest, then grey.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurosweep.errors import DataError

if TYPE_CHECKING:
    from pydicom import Dataset

INVERTED = "MONOCHROME1"
GREY = (INVERTED, "MONOCHROME2")
PALETTE = "PALETTE COLOR"
_LARGEST = 1e100  # no unit needs as much; beyond it the arithmetic here could overflow
_WINDOWS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


def show_grey(pixels: NDArray[Any], dataset: Dataset) -> NDArray[np.uint8]:
    """Bring stored grey values to what is shown.

    Args:
        pixels: The stored values.
        dataset: Of the file, with its photometric interpretation, tables and windows.

    Returns:
        Values of the same shape, 0 (black) to 255.

    Raises:
        DataError: The rescaling leads to values that are not finite, or the window cannot be.
    """
    values = _measured(pixels, dataset)
    if not np.abs(values).max() < _LARGEST:  # so written that NaN is refused too
        raise DataError(
            "A DICOM file's rescale slope and intercept must lead to finite values, but here they "
            "do not; replace the file or move it away."
        )
    if dataset.get("VOILUTSequence"):
        table = dataset.VOILUTSequence[0]
        shown = _to_8_bits(
            _look_up(values, table, dataset), 0, 2 ** int(table.LUTDescriptor[2]) - 1
        )
    elif _has(dataset, "WindowCenter") and _has(dataset, "WindowWidth"):
        shown = _to_8_bits(_through_window(values, dataset), 0, 255)
    else:
        shown = _to_8_bits(values, float(values.min()), float(values.max()))
    return 255 - shown if dataset.PhotometricInterpretation == INVERTED else shown


def show_colour(pixels: NDArray[Any], dataset: Dataset) -> NDArray[np.uint8]:
    """Bring decoded colour to RGB of 8 bits; pydicom has turned YBR into RGB already.

    Args:
        pixels: Indices of a palette, or red, green and blue.
        dataset: Of the file, with its photometric interpretation and palette.

    Returns:
        Shape (rows, columns, 3), 0 to 255.

    Raises:
        DataError: The palette is missing or segmented.
    """
    from pydicom.pixels.processing import apply_color_lut

    bits = int(dataset.BitsStored)
    if dataset.PhotometricInterpretation == PALETTE:
        # A segmented palette is a small program that may unpack without end.
        if not _has(dataset, "RedPaletteColorLookupTableData"):
            raise DataError(
                "A DICOM palette must be a plain lookup table, but this file's is missing or "
                "segmented; save it as RGB."
            )
        bits = int(dataset.RedPaletteColorLookupTableDescriptor[2])
        pixels = apply_color_lut(pixels, dataset)
    return (pixels >> max(bits - 8, 0)).clip(0, 255).astype(np.uint8)


def _has(dataset: Dataset, element: str) -> bool:
    """Tell an element that holds a value from one that is missing or empty."""
    return element in dataset and dataset[element].VM > 0


def _to_8_bits(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Stretch `low` to 0 and `high` to 255; a picture of one value is black."""
    if high <= low:
        return np.zeros(values.shape, dtype=np.uint8)
    stretched = (values.astype(np.float64) - low) * (255 / (high - low))
    return np.rint(stretched).clip(0, 255).astype(np.uint8)


def _measured(pixels: NDArray[Any], dataset: Dataset) -> NDArray[Any]:
    """Bring stored values to the scanner's own unit, such as Hounsfield's."""
    from pydicom.pixels.processing import apply_rescale

    if dataset.get("ModalityLUTSequence"):
        return _look_up(pixels, dataset.ModalityLUTSequence[0], dataset)
    return apply_rescale(pixels, dataset)


def _through_window(values: NDArray[Any], dataset: Dataset) -> NDArray[Any]:
    """Apply the first window; what lies below it becomes 0, what lies above 255."""
    from pydicom import Dataset as NewDataset
    from pydicom.pixels.processing import apply_windowing

    function = str(dataset.get("VOILUTFunction") or "LINEAR").upper()
    centre, width = _first(dataset, "WindowCenter"), _first(dataset, "WindowWidth")
    least = 1 if function == "LINEAR" else 0
    if function not in _WINDOWS or not math.isfinite(centre + width) or width <= 0 or width < least:
        raise DataError(
            f"A DICOM window must be one of {', '.join(_WINDOWS)} and wider than 0 (LINEAR: at "
            "least 1), but this file's is not; correct it or take the window out."
        )
    # pydicom stretches to the range of the stored bits; of 8 unsigned bits that is 0 to 255.
    window = NewDataset()
    window.add_new("WindowCenter", "DS", centre)
    window.add_new("WindowWidth", "DS", width)
    window.VOILUTFunction = function
    window.PhotometricInterpretation = GREY[1]
    window.BitsStored = 8
    window.PixelRepresentation = 0
    return apply_windowing(values, window)


def _first(dataset: Dataset, element: str) -> float:
    """Return the first value of an element that may have several."""
    value = dataset[element].value
    return float(value[0] if dataset[element].VM > 1 else value)


def _look_up(values: NDArray[Any], table: Dataset, dataset: Dataset) -> NDArray[Any]:
    """Map values by a lookup table (PS3.3, C.11.1.1.1); as pydicom does.

    Its own function counts entries in the type of what they hold, so that a table from 12 bits to
    8 breaks off at 256. Values below the table's first become its first entry, those above its
    last the last one.
    """
    entries, first, _bits = (int(value) for value in table.LUTDescriptor)
    entries = entries or 2**16  # 16 bits cannot say 65,536
    data = table.LUTData
    if isinstance(data, bytes):
        order = "<" if dataset.file_meta.TransferSyntaxUID.is_little_endian else ">"
        data = np.frombuffer(data, "u1" if len(data) <= entries + 1 else f"{order}u2")
    lut = np.asarray(data)[:entries]
    index = np.rint(values - float(first)).clip(0, len(lut) - 1).astype(np.int64)
    found: NDArray[Any] = lut[index]
    return found
