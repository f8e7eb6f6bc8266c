"""winner/architecture.json: what is read and refused, and which layers make a block."""

import copy
import json
from pathlib import Path
from typing import Any

import fake_answers
import pytest

from neurosweep.errors import RunDirectoryError
from reports.architecture import Architecture, read_architecture
from reports.blocks import MOST_BLOCKS, Block, blocks_of
from reports.figures.architecture import MOST_BOXES, architecture_figure

NETWORK = fake_answers.network(4, "0010-ft")


def read(tmp_path: Path, described: Any) -> Architecture | None:
    path = tmp_path / "architecture.json"
    path.write_text(json.dumps(described))
    return read_architecture(path)


def chain(*layers: tuple[str, str, tuple[int, ...], int, bool]) -> dict[str, Any]:
    """A network without branches."""
    before: list[str] = []
    described = []
    for name, kind, shape, parameters, trainable in layers:
        described.append(
            {
                "name": name,
                "class": kind,
                "output_shape": list(shape),
                "parameters": parameters,
                "inbound": before,
                "trainable": trainable,
            }
        )
        before = [name]
    total = sum(layer["parameters"] for layer in described)
    return {"version": 1, "name": "chain", "parameters": total, "layers": described}


def blocks(tmp_path: Path, described: Any) -> tuple[Block, ...]:
    network = read(tmp_path, described)
    assert network is not None
    return blocks_of(network)


def test_no_file_is_no_network(tmp_path: Path):
    assert read_architecture(tmp_path / "architecture.json") is None


def test_what_stands_there_is_read(tmp_path: Path):
    network = read(tmp_path, NETWORK)
    assert network is not None
    assert (network.trial_id, network.name) == ("0010-ft", "mini_resnet")
    assert network.layers[1].kind == "Conv2D"
    assert network.layers[1].output_shape == (32, 32, 16)


def changed(**values: Any) -> dict[str, Any]:
    described = copy.deepcopy(NETWORK)
    described["layers"][3] |= values
    return described


@pytest.mark.parametrize(
    ("described", "told"),
    [
        ([], "must hold a network of at most 10,000 layers"),
        ({**NETWORK, "layers": []}, "at layers"),
        ({**NETWORK, "version": 2}, "reads version 1 of the file; received 2"),
        (changed(parameters=-1), "parameters"),
        (changed(name="stem_bn"), "unique; received 'stem_bn' twice"),
        (changed(inbound=["softmax"]), "'stem_relu' takes in 'softmax'"),
        (changed(inbound=["stem_relu"]), "'stem_relu' takes in 'stem_relu'"),
    ],
)
def test_something_else_is_refused(tmp_path: Path, described: Any, told: str):
    with pytest.raises(RunDirectoryError, match=told):
        read(tmp_path, described)


def test_layers_named_alike_are_a_block_and_branches_stay_together(tmp_path: Path):
    found = blocks(tmp_path, NETWORK)
    assert [block.name for block in found] == ["images", "stem", "stage1", "pool", "softmax"]
    stem, stage = found[1:3]
    assert (len(stem.layers), stem.units, stem.skips) == (4, 0, False)
    assert (len(stage.layers), stage.units, stage.skips) == (10, 2, True)
    assert stage.output_shape == (16, 16, 16)
    assert stage.parameters == 2 * (2 * 2304 + 64)
    assert stage.has_learned is True
    assert found[0].has_learned is None


def test_the_layers_of_a_head_are_one_block_behind_the_pool(tmp_path: Path):
    described = chain(
        ("images", "InputLayer", (8, 8, 3), 0, False),
        ("conv5_conv", "Conv2D", (8, 8, 16), 100, False),
        ("head_pool", "GlobalAveragePooling2D", (16,), 0, False),
        ("head_dropout1", "Dropout", (16,), 0, False),
        ("head_fc1", "Dense", (8,), 136, True),
        ("softmax", "Dense", (4,), 36, True),
    )
    found = blocks(tmp_path, described)
    names = ["images", "conv5_conv", "head_pool", "head", "softmax"]
    assert [block.name for block in found] == names
    assert [block.has_learned for block in found] == [None, False, None, True, True]


def test_a_long_network_is_grouped_by_the_size_of_its_maps(tmp_path: Path):
    layers = [
        (f"block_{n}_conv", "Conv2D", (64 >> n // 10, 64 >> n // 10, 8), 10, n >= 25)
        for n in range(40)
    ]
    found = blocks(tmp_path, chain(("images", "InputLayer", (64, 64, 1), 0, False), *layers))
    assert len(found) <= MOST_BLOCKS
    # What was trained stands apart from what was frozen, though of one size.
    assert [block.name for block in found] == [
        *("images", "block_0 … block_9", "block_10 … block_19", "block_20 … block_24"),
        *("block_25 … block_29", "block_30 … block_39"),
    ]
    assert sum(block.parameters for block in found) == 400


def test_the_figure_shows_every_block_and_lists_every_layer(tmp_path: Path):
    network = read(tmp_path, NETWORK)
    assert network is not None
    figure = architecture_figure(network)
    for written in (
        ">stem<",
        ">stage1<",
        ">16 \N{MULTIPLICATION SIGN} 16 \N{MULTIPLICATION SIGN} 16<",
        ">2 \N{MULTIPLICATION SIGN} conv, sum, batch norm, ReLU<",
    ):
        assert written in figure.chart
    assert list(figure.numbers["layer"]) == [layer.name for layer in network.layers]
    assert figure.numbers["inbound"][9] == "stage1_block1_conv2 stem_pool"
    assert "17 layers, 10,260 weights" in figure.caption
    assert "A loop on the left" in figure.caption
    assert "Dashed" not in figure.caption


def test_of_an_endless_network_the_middle_is_left_out(tmp_path: Path):
    layers = [(f"fc{n}", "Dense", (8,), 10, True) for n in range(100)]
    network = read(tmp_path, chain(*layers))
    assert network is not None
    figure = architecture_figure(network)
    assert figure.chart.count('class="box"') == MOST_BOXES
    assert f"{100 - MOST_BOXES} further blocks" in figure.chart
    assert len(figure.numbers["layer"]) == 100


def test_hostile_names_are_text(tmp_path: Path):
    described = json.loads(json.dumps(NETWORK).replace("stem", "<script>x"))
    network = read(tmp_path, described)
    assert network is not None
    figure = architecture_figure(network)
    assert "<script>" not in figure.chart
    assert "&lt;script&gt;" in figure.chart


def test_open_sides_are_shown_as_such(tmp_path: Path):
    described = chain(("images", "InputLayer", (8, 8, 3), 0, False))
    described["layers"][0]["output_shape"] = [None, None, 3]
    network = read(tmp_path, described)
    assert network is not None
    assert (
        "? \N{MULTIPLICATION SIGN} ? \N{MULTIPLICATION SIGN} 3"
        in architecture_figure(network).chart
    )
