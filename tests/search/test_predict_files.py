"""Which files `neurosweep predict` takes, and that it decodes them as training does."""

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from neurosweep.errors import DataError
from scans.pictures.formats import ENDINGS
from search.commands.predict import _files
from search.predicting import _read


def write_dicom(path, pixels):
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = MRImageStorage
    dataset.SOPInstanceUID = generate_uid()
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME1"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 0
    dataset.add_new("PixelData", "OW", pixels.astype("<u2").tobytes())
    dataset.save_as(path, enforce_file_format=True)


def test_a_folder_gives_every_ending_that_promises_an_image(tmp_path):
    names = sorted(f"x{ending}" for ending in ENDINGS)
    for name in (*names, "notes.txt", "SCAN.DCM"):
        (tmp_path / name).write_bytes(b"")
    found = [path.name for path in _files([tmp_path])]
    assert sorted(found) == sorted([*names, "SCAN.DCM"])


def test_files_are_decoded_as_for_training(tmp_path):
    ramp = np.arange(256).reshape(16, 16)
    write_dicom(tmp_path / "x.dcm", ramp)
    Image.fromarray((ramp * 16).astype(np.uint16)).save(tmp_path / "x.png")
    dicom, png = _read([tmp_path / "x.dcm", tmp_path / "x.png"])
    np.testing.assert_array_equal(dicom, np.repeat(255 - ramp[..., None], 3, axis=-1))
    np.testing.assert_array_equal(png, np.repeat(ramp[..., None], 3, axis=-1))


def test_what_cannot_be_read_is_named(tmp_path):
    (tmp_path / "x.dcm").write_bytes(bytes(128) + b"DICM")
    with pytest.raises(DataError, match=r"1 files cannot be read as images:\n .*x\.dcm: The DICOM"):
        _read([tmp_path / "x.dcm"])
