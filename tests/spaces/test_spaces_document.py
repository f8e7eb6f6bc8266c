from pathlib import Path

import pytest

import spaces
from spaces.document import tables

PAGE = Path(__file__).parents[2] / "docs" / "spaces.md"


@pytest.mark.parametrize("scope", [*spaces.FAMILIES, "training"])
def test_the_page_has_todays_tables(scope):
    table = tables()[scope]
    assert f"<!-- {scope} -->\n{table}\n<!-- end -->" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", spaces.BACKBONES)
def test_the_page_has_todays_backbones(name):
    record = spaces.BACKBONES[name]
    start = f"| {name} | {record.native_size} | {record.minimum_size} |"
    (line,) = (
        line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(start)
    )
    assert line.endswith(f"| `{record.top_block_start}` |")


def test_what_is_ours_is_marked():
    rows = {line.split("|")[1].strip(): line for line in tables()["plain_cnn"].splitlines()}
    assert rows["`kernel_1`"].endswith("| 3 (ours) |")
    assert rows["`filters_1`"].endswith("| 64 |")
