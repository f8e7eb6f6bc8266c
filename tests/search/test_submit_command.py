"""`submit`, and `status` and `stop` of a cluster, with a double in the place of its head."""

import json
import re

import pytest
import yaml

from search import cli
from search.submission import head as head_module
from search.submission import places


class Head:
    """Stands for a head: has some paths, takes what it is sent, answers as it is told."""

    def __init__(self):
        self.there = set()
        self.sent = []
        self.asked = []
        self.shown = []
        self.answers = {}

    def __call__(self, file):
        self.file = file
        return self

    def ask(self, question, **told):
        self.asked.append((question, told))
        if question == "places":
            there = [path for path in told["paths"] if path in self.there]
            return {"there": there, "store": "/there/sent"}
        return self.answers[question]

    def send(self, source, target):
        self.sent.append((str(source), target))

    def show(self, words):
        self.shown.append(words)
        return 0


STARTED = {
    "job": "neurosweep-1",
    "state": "RUNNING",
    "output": "s3://bucket/a",
    "run": "/cache/a",
    "has_run": True,
    "exit_code": None,
    "message": "",
    "last_lines": "",
}
FAILED = {
    **STARTED,
    "state": "FAILED",
    "exit_code": 2,
    "message": "Job entrypoint command failed with exit code 2",
    "last_lines": "[00:00] prepare\nneurosweep: there is no such bucket; make it",
}


@pytest.fixture
def head(monkeypatch):
    made = Head()
    made.answers["submit"] = STARTED
    monkeypatch.setattr(head_module, "Head", made)
    return made


@pytest.fixture
def experiment(tmp_path):
    file = tmp_path / "experiment.yaml"
    file.write_text("name: mine\nfamilies: {plain_cnn: {}}\n")
    return str(file)


def submitted(head):
    question, told = head.asked[-1]
    assert question == "submit"
    job = told["job"]
    return job, yaml.safe_load(job["experiment"]) if job["experiment"] else None


def test_options_and_file_become_one_experiment(head, experiment, capsys):
    words = ["--trials", "7", "--output", "s3://bucket/a", "--set", "data.image_size=64"]
    assert cli.main(["submit", "mine.yaml", experiment, *words]) == 0
    job, told = submitted(head)
    assert (job["name"], job["output"], job["resume"]) == ("mine", "s3://bucket/a", False)
    assert told["search"]["trials"] == 7
    assert told["data"]["image_size"] == 64
    out = capsys.readouterr().out
    assert "neurosweep-1 is under way; this machine is not needed any more" in out
    assert out.splitlines()[-1] == "s3://bucket/a"


def test_a_small_folder_is_sent_and_the_experiment_names_its_new_place(
    head, experiment, tmp_path, capsys
):
    images = tmp_path / "images"
    images.mkdir()
    (images / "a.png").write_bytes(b"x")
    labels = tmp_path / "labels.csv"
    labels.write_text("file,label\n")
    words = ["--data", str(images), "--set", f"data.labels={labels}"]
    assert cli.main(["submit", "mine.yaml", experiment, *words]) == 0
    _, told = submitted(head)
    targets = dict(head.sent)
    assert told["data"]["path"] == targets[str(images)]
    assert told["data"]["labels"] == targets[str(labels)]
    assert targets[str(images)].startswith("/there/sent/images-")
    assert targets[str(labels)].endswith(".csv")
    assert f"{images} was sent to the head" in capsys.readouterr().out
    cli.main(["submit", "mine.yaml", experiment, *words])
    assert dict(head.sent) == targets  # the same place again: nothing is copied twice
    (images / "a.png").unlink()
    (images / "b.png").write_bytes(b"y")
    cli.main(["submit", "mine.yaml", experiment, *words])
    assert dict(head.sent)[str(images)] != targets[str(images)]  # a.png must not be there


def test_no_name_of_a_users_comes_into_a_shell(head, experiment, tmp_path):
    images = tmp_path / "Brain Tumor; $(touch x) MRI"
    images.mkdir()
    assert cli.main(["submit", "mine.yaml", experiment, "--data", str(images)]) == 0
    ((_, target),) = head.sent
    assert re.fullmatch(r"/there/sent/Brain-Tumor-touch-x-MRI-[0-9a-f]{16}", target)


def test_a_path_that_the_head_has_is_used_there(head, experiment, capsys):
    head.there = {"/mnt/images"}
    assert cli.main(["submit", "mine.yaml", experiment, "--data", "/mnt/images"]) == 0
    assert submitted(head)[1]["data"]["path"] == "/mnt/images"
    assert head.sent == []
    assert "/mnt/images is the head's own" in capsys.readouterr().out


def test_a_path_that_is_nowhere_is_refused(head, experiment, capsys):
    assert cli.main(["submit", "mine.yaml", experiment, "--data", "/nowhere/at/all"]) == 2
    assert "/nowhere/at/all is on neither" in capsys.readouterr().err


def test_a_large_folder_is_refused_with_what_to_do(head, experiment, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(places, "MOST_SENT", 2**20)
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(2**20)
    assert cli.main(["submit", "mine.yaml", experiment, "--data", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "put it on an object store" in error
    assert "the nodes fetch it" in error
    assert [question for question, _ in head.asked] == ["places"]


def test_weights_and_earlier_runs_are_places_too(head, tmp_path):
    file = tmp_path / "transfer.yaml"
    run, weights = tmp_path / "run", tmp_path / "weights"
    run.mkdir()
    weights.mkdir()
    file.write_text(
        f"families: {{transfer: {{weights: {weights}}}}}\nsearch: {{warm_start: [{run}]}}\n"
    )
    assert cli.main(["submit", "mine.yaml", str(file)]) == 0
    _, told = submitted(head)
    targets = dict(head.sent)
    assert told["families"]["transfer"]["weights"] == targets[str(weights)]
    assert told["search"]["warm_start"] == [targets[str(run)]]


def test_a_driver_that_refuses_gives_its_message_and_its_exit_code(head, experiment, capsys):
    head.answers["submit"] = FAILED
    assert cli.main(["submit", "mine.yaml", experiment]) == 2
    assert capsys.readouterr().err == "neurosweep: there is no such bucket; make it\n"


def test_a_driver_that_was_killed_is_told_with_its_last_lines(head, experiment, capsys):
    head.answers["submit"] = {**FAILED, "exit_code": None, "last_lines": "[00:00] prepare"}
    assert cli.main(["submit", "mine.yaml", experiment]) == 1
    assert "[00:00] prepare" in capsys.readouterr().err


def test_a_run_is_gone_on_with_by_its_output_alone(head, tmp_path):
    words = ["--resume", "--output", "s3://bucket/a", "--trials", "20", "--data", str(tmp_path)]
    assert cli.main(["submit", "mine.yaml", *words]) == 0
    job, told = submitted(head)
    assert told is None
    assert job["resume"]
    (_, target) = head.sent[0]
    assert job["words"] == ("--set", f'data.path="{target}"', "--set", "search.trials=20")


@pytest.mark.parametrize("words", [[], ["EXPERIMENT", "--resume"]])
def test_an_experiment_is_named_or_a_run_gone_on_with(head, experiment, capsys, words):
    words = [experiment if word == "EXPERIMENT" else word for word in words]
    assert cli.main(["submit", "mine.yaml", *words]) == 2
    assert "--resume" in capsys.readouterr().err
    assert head.asked == []


def test_a_mistake_in_the_experiment_is_told_before_the_cluster_is_asked(head, tmp_path, capsys):
    file = tmp_path / "wrong.yaml"
    file.write_text("dat: {}\n")
    assert cli.main(["submit", "mine.yaml", str(file)]) == 2
    assert "did you mean `data`?" in capsys.readouterr().err
    assert head.asked == []


def test_what_was_started_is_json_if_asked(head, experiment, capsys):
    assert cli.main(["submit", "mine.yaml", experiment, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == STARTED


def test_status_of_a_cluster_is_that_of_its_newest_search(head, capsys):
    head.answers["status"] = {**STARTED, "text": "3 of 12 trials\n", "status": {"state": "running"}}
    assert cli.main(["status", "mine.yaml", "--output", "s3://bucket/a"]) == 0
    out = capsys.readouterr().out
    assert "neurosweep-1 on the cluster: running, output s3://bucket/a\n3 of 12 trials" in out
    assert head.asked[-1][1]["output"] == "s3://bucket/a"
    assert cli.main(["status", "mine.yaml", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == {"state": "running"}


def test_status_of_a_search_that_came_to_no_run_has_its_last_words(head, capsys):
    head.answers["status"] = {**FAILED, "has_run": False}
    assert cli.main(["status", "mine.yaml"]) == 0
    assert capsys.readouterr().out.endswith("there is no such bucket; make it\n")


def test_a_search_on_a_cluster_is_stopped_by_its_head(head, capsys):
    head.answers["stop"] = {**STARTED, "text": "asked /cache/a to stop"}
    assert cli.main(["stop", "mine.yaml"]) == 0
    assert "asked /cache/a to stop" in capsys.readouterr().out
    assert cli.main(["stop", "mine.yaml", "--wait", "1m"]) == 2
    assert "leave it out" in capsys.readouterr().err


def test_options_that_would_do_nothing_are_refused(head, tmp_path, capsys):
    for words in (
        ("status", "mine.yaml", "--watch"),
        ("status", str(tmp_path), "--output", "x"),
        ("stop", str(tmp_path), "--output", "x"),
        ("fetch", str(tmp_path), "there", "--output", "x"),
        ("submit", "mine.yaml", "--resume", "--set", "data.path=/laptop"),
    ):
        assert cli.main([*words]) == 2
        assert "received" in capsys.readouterr().err
    assert head.asked == []
