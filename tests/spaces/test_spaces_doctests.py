import doctest
import importlib
import re
from pathlib import Path

import pytest
import yaml

import spaces

MODULES = ("spaces.joint", "spaces.papers", "spaces.ranges", "spaces.scope", "spaces.task")


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_are_true(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0


def test_the_pages_example_of_narrowing_can_be_declared(task):
    page = Path(__file__).parents[2] / "docs" / "spaces.md"
    (example,) = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    narrowings = yaml.safe_load(example)
    space = spaces.declare_space(task, narrowings["families"], narrowings["training"])
    ranges = {row["name"]: row["range"] for row in spaces.describe(space)}
    assert ranges["plain_cnn/filters_1"] == "16, 24, 32"
    assert ranges["mini_resnet/filters_2"] == "32, 64"
    assert ranges["transfer/backbone"] == "ResNet50V2, VGG16"
    assert ranges["training/optimizer"] == "adam, sgd"
