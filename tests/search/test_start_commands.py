"""What the commands that start Ray say, however they are written."""

import pytest

from search.cluster_files.start_commands import starts


def one(command: str) -> tuple[dict[str, str], dict[str, str]]:
    (start,) = starts([command])
    return start.flags, start.environment


@pytest.mark.parametrize(
    "command",
    [
        "A=1 ray start --head --port=6379",
        "export A=1; ray start --head --port 6379",
        "export A=1 && ulimit -n 65536 && ~/env/bin/ray start --port=6379 --head",
        "export A=0\nexport A=1\nray start --head --port=6379",
        "export A=0; A=1; ray start --head --port=6379",
        "export A=0; A=1 ray start --head --port=6379",
        "env A=1 ray start --head --port=6379",
        "nohup env A=1 ray start --head --port=6379 &",
        "bash -c 'A=1 ray start --head --port=6379'",
        "export A=1; bash -lc 'ray start --head --port=6379'",
        "ray stop; export A=1; ulimit -n 65536 || true; ray start --head --port=6379",
        "if true; then A=1 ray start --head --port=6379; fi",
    ],
)
def test_flags_and_environment_of_one_start(command):
    flags, environment = one(command)
    assert flags["port"] == "6379"
    assert "head" in flags
    assert environment["A"] == "1"


def test_an_assignment_that_is_not_exported_is_not_seen_by_ray():
    assert one("A=1; ray start --head")[1] == {}


def test_what_one_command_exports_is_gone_in_the_next():
    (start,) = starts(["export A=1", "ray start --head"])
    assert start.environment == {}


@pytest.mark.parametrize(
    "command", ["ray stop", "echo ray", "ray start --head 'torn", "", "stingray start"]
)
def test_other_commands_start_nothing(command):
    assert starts([command]) == []


def test_a_flag_keeps_its_own_value_only():
    flags, _ = one("ray start --head --dashboard-host 0.0.0.0 rest --num-cpus=0")
    assert flags == {"head": "", "dashboard-host": "0.0.0.0", "num-cpus": "0"}  # noqa: S104


@pytest.mark.parametrize("read", [". ~/.neurosweep.sh", 'source "$HOME/.neurosweep.sh"'])
def test_the_file_of_settings_counts_where_it_is_written(read):
    command = f"export A=0 B=0; {read}; export B=2; ray start --head"
    (start,) = starts([command], {"A": "1", "B": "1"})
    assert start.environment == {"A": "1", "B": "2"}
    (start,) = starts([f"bash -c '{read.replace(chr(34), '')} && ray start'"], {"A": "1"})
    assert start.environment == {"A": "1"}
    assert starts([command])[0].environment == {"A": "0", "B": "2"}
    assert starts(["ray start; " + read], {"A": "1"})[0].environment == {}
    assert starts([". ~/.other.sh; ray start"], {"A": "1"})[0].environment == {}
