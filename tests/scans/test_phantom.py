"""Phantom images: the same bytes from the same seed, balanced, lesions and nothing else painted."""

import hashlib

import numpy as np
import pytest
from PIL import Image

import scans
from neurosweep.errors import DataError
from scans.phantom.anatomy import SELLA, load_head
from scans.phantom.folder import draw_phantom
from scans.phantom.lesions import LESIONS
from scans.phantom.pose import draw_pose, plane_points


def hashes(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom") / "first"
    scans.write_phantom(folder, images=40, size=64, seed=5)
    return folder


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(phantom, tmp_path):
    scans.write_phantom(tmp_path / "again", images=40, size=64, seed=5)
    scans.write_phantom(tmp_path / "other", images=40, size=64, seed=6)
    assert hashes(tmp_path / "again") == hashes(phantom)
    first, other = hashes(phantom), hashes(tmp_path / "other")
    pictures = [name for name in first if name.endswith(".jpg")]
    assert pictures
    assert all(first[name] != other[name] for name in pictures)


def test_classes_and_parts_are_balanced_in_the_usual_layout(phantom):
    counts = {
        f"{part}/{label}": len(list((phantom / part / label).glob("*.jpg")))
        for part in ("Training", "Testing")
        for label in LESIONS
    }
    assert counts == {
        **{f"Training/{label}": 8 for label in LESIONS},
        **{f"Testing/{label}": 2 for label in LESIONS},
    }


def test_the_folder_says_that_it_is_synthetic(phantom):
    manifest = scans.read_manifest(phantom)
    assert manifest.synthetic
    assert manifest.images == 40
    assert not manifest.unreadable
    assert manifest.classes == ("glioma", "meningioma", "notumor", "pituitary")
    text = (phantom / "README.md").read_text()
    assert "no scans of any person" in text
    assert "--images 40 --size 64 --seed 5" in text


def test_pictures_are_grey_squares_of_the_asked_size(phantom):
    for path in phantom.rglob("*.jpg"):
        with Image.open(path) as image:
            assert (image.mode, image.size) == ("L", (64, 64))


@pytest.mark.parametrize("label", LESIONS)
def test_a_lesion_changes_its_place_and_leaves_the_rest_as_it_was(label):
    changed = []
    for key in range(12):
        source = np.random.SeedSequence(11, spawn_key=(key,))
        painted = draw_phantom(label, source, size=96).astype(float)
        before = draw_phantom(label, source, size=96, lesions=False).astype(float)
        changed.append(np.mean(np.abs(painted - before) > 12))
    if label == "notumor":
        assert max(changed) == 0
    else:
        assert 0.002 < np.mean(changed) < 0.15


def test_drawing_an_image_twice_gives_the_same_image():
    source = np.random.SeedSequence(3)
    first, again = (draw_phantom("glioma", source, size=64) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_planes_and_positions_do_not_tell_the_class():
    """A share of slices through the sella that differs by class would be a trick.

    Tolerance: 1,000 poses each, planes one third each: a count outside 333 ± 75 (five standard
    deviations) has a false-alarm rate below 1e-6.
    """
    for through in (True, False):
        random = np.random.default_rng(0)
        poses = [draw_pose(random, through_sella=through) for _ in range(1000)]
        planes = [pose.plane for pose in poses]
        assert all(258 < planes.count(p) < 408 for p in ("axial", "coronal", "sagittal"))
        passes = [_misses_sella_by(pose) < 8.5 for pose in poses]
        assert np.mean(passes) > (0.999 if through else 0.70)


def _misses_sella_by(pose):
    normal = np.cross(pose.across, pose.down)
    return abs(normal @ (SELLA - pose.centre))


def test_every_slice_shows_a_brain():
    random = np.random.default_rng(1)
    head = load_head()
    for _ in range(60):
        points = plane_points(draw_pose(random, through_sella=False), 48)
        assert np.mean(head.intensity(points) > 0.2) > 0.05


def test_depth_is_positive_inside_and_negative_outside():
    head = load_head()
    inside, outside = np.zeros((3, 1)), np.array([[0.0], [0.0], [300.0]])
    assert head.depth_at(inside)[0] > 10
    assert head.depth_at(outside)[0] < 0
    assert head.intensity(outside)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"images": 39}, "at least 40 images; received 39"),
        ({"size": 16}, "32 to 1024 pixels wide; received 16"),
        ({"size": 2000}, "32 to 1024 pixels wide; received 2000"),
        ({"seed": -1}, "a seed is at least 0; received -1"),
    ],
)
def test_numbers_out_of_bounds(tmp_path, arguments, message):
    with pytest.raises(DataError, match=message):
        scans.write_phantom(tmp_path / "x", **arguments)
    assert not list(tmp_path.iterdir())


def test_a_folder_with_files_is_left_alone(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(DataError, match="not an empty folder; name another one"):
        scans.write_phantom(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_failure_half_way_leaves_no_folder(tmp_path, monkeypatch):
    import scans.phantom.folder as module

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "draw_phantom", full)
    with pytest.raises(DataError, match="could not be written .No space left on device."):
        scans.write_phantom(tmp_path / "x", images=40, size=32)
    assert not list(tmp_path.iterdir())
