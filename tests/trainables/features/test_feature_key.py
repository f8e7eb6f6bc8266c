"""The name that features are kept under: whatever decides their numbers changes it."""

import re
from dataclasses import fields, replace

import pytest

from neurosweep.errors import WeightsError
from spaces import BACKBONES, Task
from trainables.features.frozen import Frozen, store_of
from trainables.features.key import FeatureKey, files_hash, views_of

KEY = FeatureKey(
    data="d" * 64,
    files="f" * 64,
    network="MobileNetV2",
    weights="w" * 64,
    image_size=32,
    channels=1,
    preprocessing="native",
)
OTHER = {
    "data": "e" * 64,
    "files": "e" * 64,
    "network": "VGG16",
    "weights": "e" * 64,
    "image_size": 33,
    "channels": 3,
    "preprocessing": "unit",
    "layer": "block_13_expand",
    "view": "flipped",
    "precision": "float32",
}


def test_the_changes_below_cover_all_fields():
    assert set(OTHER) == {field.name for field in fields(FeatureKey)}


@pytest.mark.parametrize("field", OTHER)
def test_any_field_changes_the_name(field):
    assert replace(KEY, **{field: OTHER[field]}).name != KEY.name
    assert replace(KEY).name == KEY.name


@pytest.mark.parametrize("package", ["keras", "tensorflow"])
def test_another_version_of_what_computes_changes_the_name(monkeypatch, package):
    before = KEY.name
    from trainables.features import key as naming

    told = naming.version
    monkeypatch.setattr(naming, "version", lambda name: "0" if name == package else told(name))
    assert KEY.name != before


@pytest.mark.parametrize("layer", ["../../etc/passwd", "a/b:0", "schicht ä", "-rf", ".", "a\n"])
def test_names_are_safe_names_of_folders(layer):
    name = replace(KEY, layer=layer).name
    assert re.fullmatch(r"[\w-]+", name)
    assert not name.startswith("-")
    # What the name does not tell, its hash does.
    assert name != replace(KEY, layer=layer.replace("/", ":").replace(" ", "\t") + "x").name


def test_files_in_another_order_are_other_rows():
    assert files_hash(["a", "b"]) != files_hash(["b", "a"])
    assert files_hash(["a"]) != files_hash(["a", "b"])


def test_views_of_so_many_copies():
    assert views_of(0) == ("plain",)
    assert views_of(1) == ("plain", "flipped")
    assert views_of(4) == ("plain", "flipped", "random1", "random2", "random3")


class _Images:
    files = ("a.png", "b.png")
    fingerprint = "d" * 64

    def __init__(self, cache):
        self.cache = cache


@pytest.fixture
def frozen(tmp_path):
    """A backbone with a weights file of a few bytes, which nobody loads here."""
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / BACKBONES["MobileNetV2"].weights_file).write_bytes(b"one")
    return Frozen(
        backbone="MobileNetV2",
        weights=str(weights),
        weights_hash="",
        preprocessing="native",
        task=Task(image_size=32, channels=1, classes=("a", "b")),
    )


def test_features_of_other_weights_are_never_used(frozen, tmp_path):
    first = frozen.known()
    (tmp_path / "weights" / BACKBONES["MobileNetV2"].weights_file).write_bytes(b"other")
    second = frozen.known()
    assert first.weights_hash != second.weights_hash
    one, other = (store_of(each, _Images(tmp_path)).folder for each in (first, second))
    assert one != other
    # A recipe that was trained with the first weights does not go on with the second.
    with pytest.raises(WeightsError, match=r"belong to the weights.*Put the earlier file back"):
        first.known()


def test_weights_that_are_gone_are_told(frozen, tmp_path):
    (tmp_path / "weights" / BACKBONES["MobileNetV2"].weights_file).unlink()
    with pytest.raises(WeightsError, match="MobileNetV2 must be in"):
        frozen.known()
