"""The picture formats that are read, and what the ending of a file's name promises."""

from pathlib import PurePath

PILLOW_FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "WEBP", "GIF")
"""The only decoders of Pillow's that a data file can reach, the exotic ones stay out of it.

JPEG stands for MPO too: Pillow opens both by one decoder.
"""

DICOM = "DICOM"

_JPEG = frozenset({"JPEG", "MPO"})  # cameras write an MPO, a JPEG with previews, as .jpg
_TIFF = frozenset({"TIFF"})
_DICOM = frozenset({DICOM})

ENDINGS = {
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".jpe": _JPEG,
    ".jfif": _JPEG,
    ".mpo": _JPEG,
    ".png": frozenset({"PNG"}),
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".bmp": frozenset({"BMP"}),
    ".webp": frozenset({"WEBP"}),
    ".gif": frozenset({"GIF"}),
    ".dcm": _DICOM,
    ".dicom": _DICOM,
}
"""Endings of image files, in lower case, and the formats that each promises."""


def expected_formats(name: str) -> frozenset[str] | None:
    """Return the formats that a file's name promises, as `Picture.format` names them.

    Args:
        name: The file's name or path; the case of its ending does not matter.

    Returns:
        The formats, or None where the name has no ending or one that promises no image.

    Example:
        >>> sorted(expected_formats("Training/a/x.JPG"))
        ['JPEG', 'MPO']
        >>> expected_formats("IM0001") is None
        True
    """
    return ENDINGS.get(PurePath(name).suffix.lower())
