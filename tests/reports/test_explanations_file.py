import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_explanations import explanations, write_explanations
from fake_run import CLASSES

from neurosweep.errors import RunDirectoryError
from reports.explanations import read_explanations


@pytest.fixture
def read(tmp_path: Path) -> Callable[[dict[str, Any]], object]:
    def write_and_read(told: dict[str, Any]) -> object:
        write_explanations(tmp_path, explanations(CLASSES))
        (tmp_path / "explanations" / "explanations.json").write_text(json.dumps(told))
        return read_explanations(tmp_path)

    return write_and_read


def test_a_run_without_the_file_has_no_explanations(tmp_path: Path):
    assert read_explanations(tmp_path) is None


def test_the_file_is_read_as_typed_figures(read: Callable[[dict[str, Any]], Any]):
    told = read(explanations(CLASSES))
    assert (told.wrong, told.missed, len(told.misclassified)) == (15, 2, 15)
    assert [told.is_missed(one) for one in told.misclassified[:3]] == [True, True, False]
    assert told.grad_cam.grid == (8, 6)
    assert told.grad_cam.images[0].peak == 1.5
    assert told.feature_maps.blocks[1].highs == (2.0, 3.125)


@pytest.mark.parametrize("beyond", [1e-7, 1e-3])
def test_what_rounding_left_beyond_0_and_1_is_read(
    read: Callable[[dict[str, Any]], Any], beyond: float
):
    shares = [1 + beyond, -beyond, 0.0, 0.0]
    told = read(_changed(("misclassified", 0, "probabilities"), shares))
    assert told.misclassified[0].probabilities == tuple(shares)


def test_without_a_negative_class_nothing_is_missed(read: Callable[[dict[str, Any]], Any]):
    told = read({**explanations(CLASSES), "negative_class": None, "missed": None})
    assert not any(map(told.is_missed, told.misclassified))


def _changed(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    told = explanations(CLASSES)
    inner: Any = told
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return told


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("wrong",), "many", "at wrong: Input should be a valid integer"),
        (("misclassified", 0, "true"), "<b>", "is one of the classes; received '<b>'"),
        (("misclassified", 0, "probabilities"), [0.5, 0.5], "for each of the 4 classes"),
        (("grad_cam", "images", 0, "probabilities"), [2, 0, 0, 0], "a probability from 0 to 1"),
        (("grad_cam", "images", 0, "probabilities"), [1.002, 0, 0, 0], "a probability from 0"),
        (("grad_cam", "images", 0, "peak"), float("nan"), "finite number"),
        (("feature_maps", "image", "predicted"), "cat", "is one of the classes; received 'cat'"),
        (("feature_maps", "blocks", 0, "lows"), [0.0], "a channel, a low, a high and a picture"),
        (("negative_class",), "none", "the negative class is one of the classes"),
        (("wrong",), 3, "the wrong answers are some of 320; received 3"),
        (("grad_cam",), {}, "either the reason .*received layer None and grid None"),
        (("grad_cam", "grid"), None, "received layer 'stage1_block2_relu2' and grid None"),
        (("grad_cam", "layer"), None, r"received layer None and grid \(8, 6\)"),
        (("grad_cam",), {"reason": ""}, "either the reason"),
        (("feature_maps", "blocks"), [], "at least one block; received none"),
        (("missed",), 16, "missed positives are some of the wrong answers; received 16"),
    ],
)
def test_what_is_wrong_in_it_is_told(
    read: Callable[[dict[str, Any]], Any], path: tuple[Any, ...], value: Any, message: str
):
    with pytest.raises(RunDirectoryError, match=message) as error:
        read(_changed(path, value))
    assert "--resume` makes it again" in str(error.value)


def test_a_torn_file_is_told(read: Callable[[dict[str, Any]], Any], tmp_path: Path):
    read(explanations(CLASSES))
    (tmp_path / "explanations" / "explanations.json").write_text('{"version": 1')
    with pytest.raises(RunDirectoryError, match="must hold explanations of the winner's answers"):
        read_explanations(tmp_path)
