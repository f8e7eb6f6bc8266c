"""docs/experiment.md has every key of an experiment file, with its default."""

import re
from pathlib import Path

import pytest
import yaml

from search import experiment_file
from search.experiment import Data, Final, SearchSettings, TransferSettings
from search.experiment_resources import Resources
from search.experiment_section import seconds_of

DOCUMENT = (Path(__file__).parents[2] / "docs" / "experiment.md").read_text(encoding="utf-8")
SECTIONS = {
    "data": Data,
    "families": TransferSettings,
    "search": SearchSettings,
    "resources": Resources,
    "final": Final,
}


def table_of(section):
    text = DOCUMENT.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| `([^`]*)` \|", text, re.MULTILINE))


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_stands_there_with_its_default(section):
    fields = SECTIONS[section].model_fields
    told = table_of(section)
    assert list(told) == list(fields)
    for key, text in told.items():
        value = fields[key].get_default(call_default_factory=True)
        expected = list(value) if isinstance(value, tuple) else value
        found = seconds_of(text) if key == "epoch_limit" else yaml.safe_load(text)
        assert found == expected, key


def test_what_may_change_is_what_the_program_lets_change():
    named = re.search(r"<!-- may change -->(.*?)<!-- end -->", DOCUMENT, re.DOTALL)
    assert tuple(re.findall(r"`([\w.]+)`", named[1])) == experiment_file._MAY_CHANGE
