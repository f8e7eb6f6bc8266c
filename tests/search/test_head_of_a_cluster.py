"""The head as a laptop reaches it, with a double in the place of Ray's launcher."""

import base64
import json
import subprocess
from pathlib import Path

import pytest
import yaml

from neurosweep.errors import ClusterError, NeurosweepError, UserError
from search.submission import head as module
from search.submission.head import Head
from search.submission.job import ANSWER

NOISE = "INFO -- ClusterState: Loaded cluster state\r\nFetched IP: 10.0.0.1\r\n"


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("cluster_name: mine\nprovider: {type: local}\n")
    return file


@pytest.fixture
def ray(monkeypatch):
    """Stands for Ray's launcher: keeps what it was called with, and says what it is told to."""
    said = {"stdout": "", "stderr": "", "returncode": 0, "calls": []}

    def run(words, **options):
        said["calls"].append((list(words), options))
        if "look" in said:
            said["looked"] = said["look"](words)
        if said.get("late"):
            raise subprocess.TimeoutExpired(words, options["timeout"])
        return subprocess.CompletedProcess(
            words, said["returncode"], said["stdout"], said["stderr"]
        )

    monkeypatch.setattr(module.subprocess, "run", run)
    return said


def test_an_answer_is_found_among_what_ray_and_the_shell_print(ray, file):
    ray["stdout"] = f"{NOISE}motd\r\n\r\n{ANSWER}{json.dumps({'state': 'RUNNING'})}\r\nclosed.\r\n"
    assert Head(file).ask("latest", output="s3://bucket/ä 'b'") == {"state": "RUNNING"}
    ((words, options),) = ray["calls"]
    assert words[1:6] == ["-P", "-m", "ray.scripts.scripts", "exec", str(file)]
    *_, question, told = words[-1].split()
    assert question == "latest"
    assert json.loads(base64.b64decode(told)) == {"output": "s3://bucket/ä 'b'"}
    assert options["env"]["RAY_USAGE_STATS_ENABLED"] == "0"


def test_an_error_there_is_raised_here_with_its_exit_code(ray, file):
    ray["stdout"] = ANSWER + json.dumps({"error": "held by another", "exit_code": 2})
    with pytest.raises(ClusterError, match="held by another") as raised:
        Head(file).ask("submit", job={})
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        (
            'File "ray/commands.py"\nRuntimeError: Head node of cluster (mine) not found!',
            "the cluster is not up: start it with `ray up",
        ),
        ("Head node of cluster (mine) not found!", "the cluster is not up: start it with `ray up"),
        ("root@10.0.0.1: Permission denied (publickey).", "refuses the key: see `auth.ssh_user`"),
        ("ssh: connect to host 10.0.0.1 port 22: No route to host", "whether the machine is up"),
        ("ssh: connect to host x port 22: Connection timed out", "whether the machine is up"),
        ("bash: line 1: rsync: command not found", "rsync is missing there: install it"),
        ("python: No module named search.submission", "this program is not installed there"),
        ("bash: python: command not found", "this program is not installed there"),
    ],
)
def test_what_ray_and_ssh_say_is_told_as_what_to_do(ray, file, said, advice):
    ray.update(stdout=NOISE, stderr=f"{said}\nSSH command failed.", returncode=1)
    with pytest.raises(ClusterError, match=advice) as raised:
        Head(file).ask("status")
    assert "Fetched IP" not in str(raised.value)


def test_what_is_not_known_is_quoted(ray, file):
    ray.update(stderr="something unheard of", returncode=1)
    with pytest.raises(ClusterError, match="said last:\n  something unheard of"):
        Head(file).ask("status")


def test_a_head_that_says_nothing_is_not_waited_for_for_ever(ray, file):
    ray["late"] = True
    with pytest.raises(ClusterError, match="within 240 seconds; it did not"):
        Head(file).ask("status")


def test_folders_and_files_are_copied_as_what_they_are(ray, file, tmp_path):
    Head(file).send(tmp_path, "/there/images-1")
    Head(file).send(file, "/there/labels.csv")
    Head(file).bring("/there/run", tmp_path)
    copied = [(words[4], *words[6:]) for words, _ in ray["calls"]]
    assert copied == [
        ("rsync-up", f"{tmp_path}/", "/there/images-1/"),
        ("rsync-up", str(file), "/there/labels.csv"),
        ("rsync-down", "/there/run/", f"{tmp_path}/"),
    ]
    ray["returncode"] = 1
    with pytest.raises(ClusterError, match="did not give or take"):
        Head(file).send(tmp_path, "/there")


def test_what_a_cluster_file_keeps_from_nodes_is_meant_for_code_alone(ray, file, tmp_path):
    rules = "rsync_exclude: [/data]\nrsync_filter: [.gitignore]\n"
    file.write_text(file.read_text() + rules)
    ray["look"] = lambda words: yaml.safe_load(Path(words[5]).read_text())
    Head(file).send(tmp_path, "/there")
    assert ray["looked"] == {"cluster_name": "mine", "provider": {"type": "local"}}


def test_our_own_traceback_there_is_shown_and_not_taken_for_the_networks(ray, file):
    said = 'File "x/search/submission/on_head.py", line 1\nOSError: Connection refused'
    ray.update(stdout=said, returncode=1)
    with pytest.raises(ClusterError, match="OSError: Connection refused"):
        Head(file).ask("status")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no file"),
        (b"\xff\xfe", "not readable as a cluster file"),
        (b"a: [", "not readable as a cluster file"),
        (b"name: brain-mri\n", "a cluster file has a `provider`"),
        (b"- a\n", "a cluster file has a `provider`"),
    ],
)
def test_what_is_no_cluster_file_is_refused_before_ray_is_called(ray, tmp_path, content, message):
    file = tmp_path / "x.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError, match=message):
        Head(file)
    assert ray["calls"] == []


@pytest.mark.parametrize("program", ["ssh", "rsync"])
def test_a_laptop_without_ssh_or_rsync_is_told(file, monkeypatch, program):
    monkeypatch.setattr(module.shutil, "which", lambda name: None if name == program else name)
    with pytest.raises(NeurosweepError, match=f"this machine has no {program}: install it"):
        Head(file)
