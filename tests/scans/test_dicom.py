"""DICOM: what a viewer would show, and nothing of the person."""

import contextlib
import logging
import struct
import sys
import threading
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pydicom
import pytest
from dicom_files import PERSON, dicom_bytes, new_dicom, to_bytes
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.processing import apply_windowing
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

import scans
from neurosweep.errors import DataError
from scans.manifest import read_manifest
from scans.pictures import dicom as reading
from scans.pictures.decode import read_image

RAMP = np.arange(256, dtype=np.uint16).reshape(16, 16)


def shown(content: bytes) -> np.ndarray:
    return np.asarray(read_image(content).image)


def test_it_is_known_by_its_magic_and_says_what_it_is():
    picture = read_image(dicom_bytes(RAMP))
    assert (picture.format, picture.mode, picture.image.mode) == ("DICOM", "MONOCHROME2", "L")
    assert not reading.is_dicom(b"DICM" + bytes(200))


def test_a_dicom_file_is_read_like_any_other(tmp_path):
    (tmp_path / "IM0001").write_bytes(dicom_bytes(RAMP))
    decoded = scans.decode(tmp_path / "IM0001", image_size=None, color="rgb")
    np.testing.assert_array_equal(decoded, np.repeat(RAMP[..., None], 3, axis=-1))


class TestGrey:
    def test_without_a_window_the_own_range_is_shown(self):
        image = shown(dicom_bytes(RAMP * 10 + 1000))
        np.testing.assert_array_equal(image, RAMP)

    def test_one_value_is_black(self):
        assert not shown(dicom_bytes(np.full((4, 4), 700, np.uint16))).any()

    def test_monochrome1_is_inverted(self):
        image = shown(dicom_bytes(RAMP, PhotometricInterpretation="MONOCHROME1"))
        np.testing.assert_array_equal(image, 255 - RAMP)

    def test_signed_pixels(self):
        image = shown(dicom_bytes(RAMP.astype(np.int16) * 4 - 512))
        np.testing.assert_array_equal(image, RAMP)

    def test_the_window_is_in_units_after_slope_and_intercept(self):
        rescaled = {"RescaleSlope": 2, "RescaleIntercept": -1024}
        window = {"WindowCenter": -1024 + 2 * 64, "WindowWidth": 65}
        image = shown(dicom_bytes(RAMP, **rescaled, **window)).ravel()
        assert (image[:48] == 0).all()  # -1024 + 2 * 48 is the window's lower edge
        assert (image[81:] == 255).all()
        assert (np.diff(image[48:80].astype(int)) > 0).all()

    def test_the_first_of_several_windows_is_taken(self):
        two = dicom_bytes(RAMP, WindowCenter=[100, 20], WindowWidth=[50, 10])
        one = dicom_bytes(RAMP, WindowCenter=100, WindowWidth=50)
        np.testing.assert_array_equal(shown(two), shown(one))

    def test_an_empty_window_is_none(self):
        image = shown(dicom_bytes(RAMP, WindowCenter="", WindowWidth=""))
        np.testing.assert_array_equal(image, RAMP)

    def test_the_kinds_of_windows_differ_as_the_standard_says(self):
        window = {"WindowCenter": 128, "WindowWidth": 100}
        linear = shown(dicom_bytes(RAMP, **window, VOILUTFunction="LINEAR")).ravel()
        exact = shown(dicom_bytes(RAMP, **window, VOILUTFunction="LINEAR_EXACT")).ravel()
        sigmoid = shown(dicom_bytes(RAMP, **window, VOILUTFunction="SIGMOID")).ravel()
        # PS3.3, C.11.2.1.2 and C.11.2.1.3, at the value 140
        assert linear[140] == round(((140 - 127.5) / 99 + 0.5) * 255)
        assert exact[140] == round(((140 - 128) / 100 + 0.5) * 255)
        assert sigmoid[140] == round(255 / (1 + np.exp(-4 * (140 - 128) / 100)))
        np.testing.assert_array_equal(shown(dicom_bytes(RAMP, **window)).ravel(), linear)

    @pytest.mark.parametrize(
        "window",
        [
            {"WindowWidth": 0},
            {"WindowWidth": -5},
            {"WindowWidth": 0.5},
            {"WindowWidth": 0, "VOILUTFunction": "SIGMOID"},
            {"WindowWidth": 10, "VOILUTFunction": "CUBIC"},
        ],
    )
    def test_a_window_that_cannot_be(self, window):
        with pytest.raises(DataError, match=r"window must be one of LINEAR.*wider than 0"):
            read_image(dicom_bytes(RAMP, WindowCenter=100, **window))

    def test_values_that_are_not_finite(self):
        content = dicom_bytes(RAMP, RescaleSlope="1e200", RescaleIntercept="1e308")
        with pytest.raises(DataError, match="must lead to finite values"):
            read_image(content)

    @pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
    @pytest.mark.parametrize("representation", ["US", "OW"])
    def test_a_voi_table_from_12_bits_to_8(self, syntax, representation):
        item = lookup_table((np.arange(4096) // 16)[::-1], bits=8, vr=representation, syntax=syntax)
        pixels = RAMP * 16
        image = shown(
            dicom_bytes(pixels, syntax=syntax, BitsStored=12, HighBit=11, VOILUTSequence=[item])
        )
        np.testing.assert_array_equal(image, 255 - RAMP)

    def test_a_voi_table_goes_before_a_window(self):
        item = lookup_table(np.arange(256) * 257, bits=16)
        content = dicom_bytes(RAMP, VOILUTSequence=[item], WindowCenter=3, WindowWidth=2)
        np.testing.assert_array_equal(shown(content), RAMP)

    def test_a_voi_table_of_10_bits_keeps_its_scale(self):
        content = dicom_bytes(RAMP, VOILUTSequence=[lookup_table(np.arange(256) * 2, bits=10)])
        assert shown(content).max() == round(510 / 1023 * 255)

    def test_values_beyond_a_table_take_its_ends(self):
        item = lookup_table(np.array([10, 20, 30]), bits=8, first=100)
        image = shown(dicom_bytes(RAMP, VOILUTSequence=[item])).ravel()
        assert [image[i] for i in (0, 100, 101, 102, 255)] == [10, 10, 20, 30, 30]

    def test_a_modality_table_goes_before_the_window(self):
        item = lookup_table(np.arange(256)[::-1] * 4, bits=16)
        content = dicom_bytes(RAMP, ModalityLUTSequence=[item], WindowCenter=512, WindowWidth=1025)
        direct = dicom_bytes(RAMP[::-1, ::-1] * 4, WindowCenter=512, WindowWidth=1025)
        np.testing.assert_array_equal(shown(content), shown(direct))


def lookup_table(values, *, bits, first=0, vr="US", syntax=ImplicitVRLittleEndian) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(values) % 65536, first, bits])
    order = "<" if syntax.is_little_endian else ">"
    packed = np.asarray(values).astype(f"{order}u2").tobytes()
    item.add_new("LUTData", vr, packed if vr == "OW" else [int(value) for value in values])
    return item


@given(
    pixels=arrays.arrays(np.int16, (5, 7)),
    centre=st.integers(-40_000, 40_000),
    width=st.integers(1, 70_000),
    function=st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
)
def test_windows_are_pydicoms_own_brought_to_8_bits(pixels, centre, width, function):
    window = {"WindowCenter": centre, "WindowWidth": width, "VOILUTFunction": function}
    dataset = new_dicom(pixels, **window)
    with np.errstate(over="ignore"):  # of a steep sigmoid, far below its centre
        expected = apply_windowing(pixels, dataset)  # in the range of 16 signed bits
    difference = shown(to_bytes(dataset)) - (expected + 32768) * (255 / 65535)
    assert np.abs(difference).max() < 0.51


@given(pixels=arrays.arrays(np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_any_pixels_are_stretched_to_their_own_range(pixels):
    image = shown(dicom_bytes(pixels))
    assert image.shape == pixels.shape
    order = pixels.astype(int).ravel().argsort(kind="stable")
    assert (np.diff(image.ravel()[order].astype(int)) >= 0).all()
    if pixels.min() < pixels.max():
        assert (image.min(), image.max()) == (0, 255)


class TestColour:
    NOISE = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)

    def test_rgb_stays(self):
        picture = read_image(dicom_bytes(self.NOISE))
        assert (picture.mode, picture.image.mode) == ("RGB", "RGB")
        np.testing.assert_array_equal(np.asarray(picture.image), self.NOISE)

    def test_planes_one_after_the_other(self):
        planes = np.ascontiguousarray(self.NOISE.transpose(2, 0, 1)).tobytes()
        content = dicom_bytes(self.NOISE, PlanarConfiguration=1, PixelData=planes)
        np.testing.assert_array_equal(shown(content), self.NOISE)

    def test_16_bits_are_brought_to_8_by_the_bits_stored(self):
        wide = self.NOISE.astype(np.uint16) * 16
        np.testing.assert_array_equal(
            shown(dicom_bytes(wide, BitsStored=12, HighBit=11)), self.NOISE
        )

    def test_ybr_becomes_rgb(self):
        ybr = np.asarray(Image.fromarray(self.NOISE).convert("YCbCr"))
        image = shown(dicom_bytes(ybr, PhotometricInterpretation="YBR_FULL"))
        assert np.abs(image.astype(int) - self.NOISE).max() <= 3

    def test_a_palette_becomes_rgb(self):
        pixels = RAMP.astype(np.uint8)
        dataset = new_dicom(pixels, PhotometricInterpretation="PALETTE COLOR")
        ramps = {"Red": np.arange(256), "Green": np.arange(256)[::-1], "Blue": np.zeros(256)}
        for name, ramp in ramps.items():
            setattr(dataset, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
            packed = (ramp * 257).astype("<u2").tobytes()
            setattr(dataset, f"{name}PaletteColorLookupTableData", packed)
        image = shown(to_bytes(dataset))
        np.testing.assert_array_equal(image, np.stack([pixels, 255 - pixels, 0 * pixels], -1))

    def test_a_palette_that_is_missing(self):
        content = dicom_bytes(RAMP.astype(np.uint8), PhotometricInterpretation="PALETTE COLOR")
        with pytest.raises(DataError, match="palette must be a plain lookup table"):
            read_image(content)

    def test_an_unknown_photometric_interpretation_is_not_repeated(self):
        content = dicom_bytes(RAMP, PhotometricInterpretation="SECRET")
        with pytest.raises(DataError, match="must have a photometric interpretation") as caught:
            read_image(content)
        assert PERSON not in str(caught.value)


class TestTransferSyntaxes:
    @pytest.mark.parametrize(
        "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
    )
    def test_plain_ones(self, syntax):
        np.testing.assert_array_equal(shown(dicom_bytes(RAMP, syntax=syntax)), RAMP)

    def test_run_lengths(self):
        dataset = new_dicom(RAMP)
        dataset.compress(RLELossless, generate_instance_uid=False)
        np.testing.assert_array_equal(shown(to_bytes(dataset)), RAMP)

    @pytest.mark.parametrize(
        ("syntax", "form", "options"),
        [(JPEGBaseline8Bit, "JPEG", {"quality": 95}), (JPEG2000Lossless, "JPEG2000", {})],
    )
    def test_jpeg(self, tmp_path, syntax, form, options):
        pixels = RAMP.astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "frame", form, **options)
        frame = encapsulate([(tmp_path / "frame").read_bytes()])
        dataset = new_dicom(pixels, PixelData=frame)
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset["PixelData"].is_undefined_length = True
        assert np.abs(shown(to_bytes(dataset)).astype(int) - RAMP).max() <= 4

    def test_one_without_a_decoder_is_named(self):
        dataset = new_dicom(RAMP, PixelData=encapsulate([b"\0" * 64]))
        dataset.file_meta.TransferSyntaxUID = JPEGLSLossless
        dataset["PixelData"].is_undefined_length = True
        with pytest.raises(
            DataError,
            match=r"coded as JPEG-LS Lossless.*1\.2\.840\.10008\.1\.2\.4\.80.*save the file",
        ):
            read_image(to_bytes(dataset))

    def test_an_endless_deflated_file(self, monkeypatch):
        monkeypatch.setattr(reading, "MAX_BYTES", 10_000)
        content = dicom_bytes(
            np.zeros((200, 200), np.uint16), syntax=DeflatedExplicitVRLittleEndian
        )
        assert len(content) < 10_000
        with pytest.raises(DataError, match=r"may unpack to at most 10,000 bytes"):
            read_image(content)

    def test_run_lengths_that_claim_more_than_the_picture(self):
        dataset = new_dicom(RAMP, PixelData=encapsulate([b"\x81\0" * 600_000]))
        dataset.file_meta.TransferSyntaxUID = RLELossless
        dataset["PixelData"].is_undefined_length = True
        with pytest.raises(DataError, match="must be no longer than plain ones"):
            read_image(to_bytes(dataset))


class TestRefused:
    def test_too_many_pixels_are_refused_before_they_are_decoded(self):
        content = dicom_bytes(RAMP, Rows=50_000, Columns=50_000)
        with pytest.raises(DataError, match=r"at most 89,478,485 pixels.*50000 x 50000"):
            read_image(content)

    def test_frames_count_as_pixels(self):
        with pytest.raises(DataError, match="at most 89,478,485 pixels"):
            read_image(dicom_bytes(RAMP, NumberOfFrames=1_000_000))

    def test_several_frames(self):
        content = dicom_bytes(RAMP, Rows=8, NumberOfFrames=2)
        with pytest.raises(DataError, match="one image, but this DICOM holds 2 frames"):
            read_image(content)

    def test_one_frame_may_be_said(self):
        np.testing.assert_array_equal(shown(dicom_bytes(RAMP, NumberOfFrames=1)), RAMP)

    def test_no_pixels(self):
        with pytest.raises(DataError, match="must hold a picture, but this one has no pixel data"):
            read_image(dicom_bytes(RAMP, PixelData=None))

    def test_without_pydicom(self, monkeypatch):
        content = dicom_bytes(RAMP)
        monkeypatch.setitem(sys.modules, "pydicom", None)
        with pytest.raises(DataError, match=r"needs pydicom.*-e '\.\[medical\]'"):
            read_image(content)

    def test_cut_off_anywhere(self):
        content = dicom_bytes(RAMP, WindowCenter=100, WindowWidth=50)
        for length in range(132, len(content), 7):
            with pytest.raises(DataError, match="DICOM"):
                read_image(content[:length])

    @given(st.binary(max_size=300))
    def test_anything_after_the_magic(self, rest):
        with pytest.raises(DataError):
            read_image(bytes(128) + b"DICM" + rest)

    def test_sequences_without_a_bottom(self):
        item = struct.pack("<HHL", 0x0008, 0x1140, 0xFFFFFFFF)
        item += struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
        dataset = new_dicom(RAMP, syntax=ImplicitVRLittleEndian)
        with pytest.raises(DataError, match="damaged or cut off"):
            read_image(after_file_meta(dataset, item * 5000))


class TestSecrets:
    """A name in a DICOM file leaves it by no door."""

    def broken(self) -> list[bytes]:
        """Files that name a person, and where the name also stands in for numbers."""
        files = [dicom_bytes(RAMP)[:-40]]
        whole = {"WindowCenter": 9, "WindowWidth": 9, "RescaleIntercept": 1, "RescaleSlope": 1}
        for keyword in (*reading._ELEMENTS, "SpecificCharacterSet"):
            dataset = new_dicom(RAMP, syntax=ImplicitVRLittleEndian, **whole)
            if keyword in dataset:
                del dataset[keyword]
            files.append(after_file_meta(dataset, raw_element(keyword)))
        return [*files, self.with_syntax()]

    def with_syntax(self) -> bytes:
        plain = dicom_bytes(RAMP)
        old = b"1.2.840.10008.1.2.1\0"
        assert plain.count(old) == 1
        return plain.replace(old, b"SECRET^PERSON".ljust(len(old), b"\0"))

    def test_nothing_says_it(self, write_images, caplog):
        root = write_images({"a": 1, "b": 1})
        files = self.broken()
        for number, content in enumerate(files):
            (root / "a" / f"{number}.dcm").write_bytes(content)
        (root / "a" / "whole.dcm").write_bytes(dicom_bytes(RAMP))
        with warnings.catch_warnings(record=True) as caught, caplog.at_level(logging.DEBUG):
            warnings.simplefilter("always")
            logging.getLogger("pydicom").setLevel(logging.DEBUG)
            manifest = read_manifest(root)
        assert len(manifest.unreadable) > len(files) // 2  # a grey picture needs no palette
        assert "a/whole.dcm" in manifest.columns["file"]
        told = [str(manifest), str(manifest.columns), caplog.text]
        told += [str(warning.message) for warning in caught]
        told += [str(scans.audit(manifest, scans.find_copies(manifest)))]
        assert not [text for text in told if PERSON in text]

    def test_no_traceback_says_it(self):
        for content in self.broken():
            told = ""
            try:
                read_image(content)
            except DataError as error:
                told = "".join(traceback.format_exception(error))
            assert PERSON not in told

    def test_many_threads_stay_silent_at_once(self, caplog):
        files = self.broken() * 8
        start = threading.Barrier(4)

        def work(part: int) -> None:
            start.wait(timeout=60)
            for content in files[part::4]:
                with contextlib.suppress(DataError):
                    read_image(content)

        with warnings.catch_warnings(record=True) as caught, caplog.at_level(logging.DEBUG):
            warnings.simplefilter("always")
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(work, range(4)))
        assert not [warning for warning in caught if PERSON in str(warning.message)]
        assert PERSON not in caplog.text

    def test_identifiers_are_not_even_parsed(self, monkeypatch):
        seen = []
        show = reading.show_grey
        monkeypatch.setattr(
            reading, "show_grey", lambda p, dataset: seen.append(dataset) or show(p, dataset)
        )
        read_image(dicom_bytes(RAMP))
        (dataset,) = seen
        assert "Rows" in dataset
        assert "PatientName" not in dataset
        assert PERSON not in str(dataset) + str(dataset.file_meta)


def after_file_meta(dataset: Dataset, raw: bytes) -> bytes:
    """The file of a data set with raw bytes before its own elements."""
    content = to_bytes(dataset)
    (length,) = struct.unpack("<L", content[140:144])  # of the file meta information
    start = 144 + length
    return content[:start] + raw + content[start:]


def raw_element(keyword: str) -> bytes:
    """An element in implicit VR whose value is a name, whatever it should be."""
    tag = pydicom.tag.Tag(keyword)
    value = f"{PERSON}^PERSON ".encode()
    return struct.pack("<HHL", tag.group, tag.element, len(value)) + value
