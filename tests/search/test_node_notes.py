"""What run.yaml says of nodes adds up over the sittings of a run."""

import pytest
import yaml

from search.runs.run_directory import RunDirectory
from search.stages.node_notes import note_present


@pytest.fixture
def run(tmp_path):
    with RunDirectory.create(tmp_path / "run", {"name": "x"}) as opened:
        yield opened


def node(address, python="3.11.7"):
    return {"hostname": f"host-{address}", "address": address, "cpus": 2.0, "python": python}


def test_nodes_of_earlier_sittings_stay_and_the_newest_word_of_each_counts(run):
    note_present(run, [node("10.0.0.1"), node("10.0.0.2")])
    note_present(run, [node("10.0.0.2", "3.11.9")])  # the next sitting, on another cluster
    note_present(run, [node("10.0.0.2", "3.11.9"), node("10.0.0.3")])
    written = yaml.safe_load((run.path / "run.yaml").read_text())["nodes"]
    assert [(one["address"], one["python"]) for one in written] == [
        ("10.0.0.1", "3.11.7"),
        ("10.0.0.2", "3.11.9"),
        ("10.0.0.3", "3.11.7"),
    ]


def test_two_nodes_that_had_one_address_after_another_are_both_of_this_sitting(run):
    note_present(run, [node("10.0.0.1", "3.11.7"), node("10.0.0.1", "3.11.9")])
    assert [one["python"] for one in run.info["nodes"]] == ["3.11.7", "3.11.9"]
