from pathlib import Path

import pytest

import spaces
from spaces.document import backbone_table, tables

PAGE = Path(__file__).parents[2] / "docs" / "spaces.md"


@pytest.mark.parametrize("scope", [*spaces.FAMILIES, "training"])
def test_the_page_has_todays_tables(scope):
    table = tables()[scope]
    assert f"<!-- {scope} -->\n{table}\n<!-- end -->" in PAGE.read_text(encoding="utf-8")


def test_the_page_has_todays_backbones():
    table = backbone_table()
    assert f"<!-- backbones -->\n{table}\n<!-- end -->" in PAGE.read_text(encoding="utf-8")


def test_each_backbone_has_a_row_and_those_outside_the_roster_are_marked():
    rows = [line.split(" | ")[0].removeprefix("| ") for line in backbone_table().splitlines()[2:]]
    assert rows[:13] == list(spaces.DEFAULT_BACKBONES)
    assert [row.removesuffix(" (by name)") for row in rows[13:]] == list(spaces.BACKBONES)[13:]
    assert all(row.endswith(" (by name)") for row in rows[13:])


def test_figures_stand_in_readable_units():
    (row,) = (line for line in backbone_table().splitlines() if line.startswith("| MobileNetV2 "))
    assert "| 224 | 32 | 2.3 M | 0.30 G | 1280 | -1 to 1 | `block_13_expand` |" in row


def test_what_is_ours_is_marked():
    rows = {line.split("|")[1].strip(): line for line in tables()["plain_cnn"].splitlines()}
    assert rows["`kernel_1`"].endswith("| 3 (ours) |")
    assert rows["`filters_1`"].endswith("| 64 |")
