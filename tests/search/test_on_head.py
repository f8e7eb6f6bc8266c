"""What a laptop asks of a head, answered with a double of Ray's job server."""

import base64
import json
import sys
from types import SimpleNamespace

import pytest
import yaml

from neurosweep.errors import NeurosweepError, RunDirectoryError
from search.runs.run_directory import RunDirectory
from search.submission import on_head
from search.submission.job import ANSWER, Job


class Server:
    """Stands for JobSubmissionClient: jobs run until a test says otherwise."""

    def __init__(self):
        self.jobs = []
        self.logs = {}
        self.on_start = lambda _: None

    def __call__(self, address):
        self.address = address
        return self

    def submit_job(self, *, entrypoint, submission_id, metadata):
        self.add(submission_id, metadata, entrypoint=entrypoint)
        self.on_start(self.jobs[-1])

    def add(self, name, metadata, *, status="RUNNING", entrypoint=""):
        job = SimpleNamespace(
            submission_id=name,
            status=status,
            metadata=metadata,
            entrypoint=entrypoint,
            message="",
            driver_exit_code=None,
            start_time=len(self.jobs),
        )
        self.jobs.append(job)
        return job

    def stop_job(self, name):
        self.get_job_info(name).status = "STOPPED"

    def list_jobs(self):
        return list(reversed(self.jobs))

    def get_job_info(self, name):
        return next(job for job in self.jobs if job.submission_id == name)

    def get_job_logs(self, name):
        return self.logs.get(name, "")


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NEUROSWEEP_CACHE", str(tmp_path / "cache"))
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.setenv(name, "")  # so that what is set later goes with the test
        monkeypatch.delenv(name)
    made = Server()
    monkeypatch.setitem(
        sys.modules, "ray.job_submission", SimpleNamespace(JobSubmissionClient=made)
    )
    return made


def job(**changes):
    told = {"name": "brain", "experiment": "name: brain\n", "output": "", "resume": False}
    return Job(**{**told, **changes}).to_dict()


def fail(server, words):
    def end(started):
        started.status, started.driver_exit_code = "FAILED", 2
        started.message = "Job entrypoint command failed with exit code 2"
        server.logs[started.submission_id] = words

    return end


def test_a_driver_is_started_in_a_folder_of_its_own(server, tmp_path, monkeypatch):
    monkeypatch.setattr(on_head, "_UNDER_WAY_LIMIT", 0.0)
    answer = on_head.submit(job(output="s3://bucket/runs/first"))
    (started,) = server.jobs
    folder = tmp_path / "neurosweep-jobs" / answer["job"]
    assert yaml.safe_load((folder / "experiment.yaml").read_text()) == {"name": "brain"}
    assert started.entrypoint == (
        f"cd '{folder}' && exec env NEUROSWEEP_CACHE={tmp_path}/cache python -P -m search search "
        "experiment.yaml --address auto --output s3://bucket/runs/first"
    )
    assert started.metadata == {"output": "s3://bucket/runs/first", "name": "brain"}
    assert answer["state"] == "RUNNING"
    assert not answer["has_run"]


def test_without_an_output_a_run_has_a_new_folder_on_the_head(server, tmp_path, monkeypatch):
    monkeypatch.setattr(on_head, "_UNDER_WAY_LIMIT", 0.0)
    answer = on_head.submit(job())
    assert answer["output"].startswith(f"{tmp_path}/neurosweep-runs/brain-20")
    assert answer["run"] == answer["output"]


def test_the_token_of_the_node_is_used(server, tmp_path):
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("secret")
    server.add("neurosweep-1", {"output": "/runs/a"})
    on_head.latest()
    assert on_head.os.environ["RAY_AUTH_MODE"] == "token"
    assert server.address == "http://127.0.0.1:8265"


@pytest.mark.parametrize(
    ("name", "value", "mode"),
    [
        ("RAY_AUTH_TOKEN", "secret", "token"),
        ("RAY_AUTH_TOKEN_PATH", "elsewhere", "token"),
        ("RAY_AUTH_TOKEN_PATH", "absent", None),
        ("RAY_AUTH_TOKEN_PATH", "", None),
    ],
)
def test_a_token_that_the_environment_names_is_used(
    server, tmp_path, monkeypatch, name, value, mode
):
    (tmp_path / "elsewhere").write_text("secret")
    monkeypatch.setenv(name, f"{tmp_path}/{value}" if value and "PATH" in name else value)
    server.add("neurosweep-1", {"output": "/runs/a"})
    on_head.latest()
    assert on_head.os.environ.get("RAY_AUTH_MODE") == mode


def test_a_driver_that_refuses_is_told_with_its_words(server):
    server.on_start = fail(server, "noise\nneurosweep: there is no bucket\n  of that name\n")
    answer = on_head.submit(job(output="/runs/a"))
    assert answer["state"] == "FAILED"
    assert answer["exit_code"] == 2
    assert answer["last_lines"].endswith("neurosweep: there is no bucket\n  of that name")


@pytest.mark.parametrize("state", ["PENDING", "RUNNING"])
def test_two_submissions_with_one_output_are_not_taken(server, state):
    server.add("neurosweep-1", {"output": "s3://bucket/a"}, status=state)
    with pytest.raises(RunDirectoryError, match="s3://bucket/a is held by the job neurosweep-1"):
        on_head.submit(job(output="s3://bucket/a"))
    assert len(server.jobs) == 1


def test_after_a_driver_has_ended_its_output_is_free(server, monkeypatch):
    monkeypatch.setattr(on_head, "_UNDER_WAY_LIMIT", 0.0)
    server.add("neurosweep-1", {"output": "s3://bucket/a"}, status="FAILED")
    on_head.submit(job(output="s3://bucket/a", resume=True, experiment="", words=("--set", "x=1")))
    assert server.jobs[-1].entrypoint.endswith(
        "search --resume --address auto --output s3://bucket/a --set x=1"
    )


def test_without_an_output_the_newest_run_is_gone_on_with(server, monkeypatch):
    monkeypatch.setattr(on_head, "_UNDER_WAY_LIMIT", 0.0)
    for name in ("old", "new"):
        server.add(f"neurosweep-{name}", {"output": f"/runs/{name}"}, status="FAILED")
    assert on_head.submit(job(resume=True))["output"] == "/runs/new"


def test_jobs_of_others_are_not_ours(server):
    server.add("neurosweep-1", {"output": "/runs/a"}, status="SUCCEEDED")
    server.add("raysubmit_1", {"output": "/elsewhere"})
    server.add("neurosweep-tool", {})
    server.add(None, None)
    assert on_head.latest()["output"] == "/runs/a"
    with pytest.raises(NeurosweepError, match="no search was submitted to /runs/b"):
        on_head.latest("/runs/b")


def test_paths_that_are_there_and_where_others_may_go(tmp_path, server):
    (tmp_path / "images").mkdir()
    answer = on_head.places([str(tmp_path / "images"), "/nowhere/at/all"])
    assert answer["there"] == [str(tmp_path / "images")]
    assert answer["store"] == str(tmp_path / "neurosweep-jobs" / "sent")


def call(question, capsys, monkeypatch, **told):
    words = base64.b64encode(json.dumps(told).encode()).decode()
    monkeypatch.setattr(sys, "argv", ["on_head", question, words])
    assert on_head.main() == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith(ANSWER)
    return json.loads(line.removeprefix(ANSWER))


def test_answers_and_errors_are_one_marked_line(server, capsys, monkeypatch):
    answer = call("latest", capsys, monkeypatch)
    assert answer["exit_code"] == 1
    assert answer["error"].startswith("no search was submitted since this head was started")
    server.add("neurosweep-1", {"output": "/runs/a"})
    assert call("latest", capsys, monkeypatch, output="/runs/a")["job"] == "neurosweep-1"


def test_a_job_server_that_does_not_answer_is_told(monkeypatch):
    def refuse(address):
        raise ConnectionError(f"Failed to connect to Ray at address: {address}.")

    monkeypatch.setitem(
        sys.modules, "ray.job_submission", SimpleNamespace(JobSubmissionClient=refuse)
    )
    with pytest.raises(NeurosweepError, match="it does not answer .Failed to connect to Ray"):
        on_head.latest()


def test_a_search_that_has_no_run_yet_is_told_and_ended_as_a_job(server, tmp_path):
    server.add("neurosweep-1", {"output": str(tmp_path / "run")})
    server.logs["neurosweep-1"] = "brought 300 of 7023 images"
    told = on_head.status()
    assert "text" not in told
    assert not told["has_run"]
    assert told["last_lines"] == "brought 300 of 7023 images"
    assert on_head.stop()["text"] == "ended neurosweep-1, which had not begun its run"
    assert on_head.latest()["state"] == "STOPPED"
    with pytest.raises(RunDirectoryError):
        on_head.stop()


@pytest.mark.parametrize("output", ["runs/a", "~/runs/a", "HOME/runs/a"])
def test_an_output_on_the_head_is_below_its_home_folder(server, tmp_path, monkeypatch, output):
    monkeypatch.setattr(on_head, "_UNDER_WAY_LIMIT", 0.0)
    answer = on_head.submit(job(output=output.replace("HOME", str(tmp_path))))
    assert answer["output"] == f"{tmp_path}/runs/a"
    assert on_head.latest(output="runs/a")["job"] == answer["job"]


def test_a_uri_is_the_same_with_a_slash_at_its_end(server, monkeypatch):
    monkeypatch.setattr(on_head, "_UNDER_WAY_LIMIT", 0.0)
    on_head.submit(job(output="s3://bucket/a/"))
    assert on_head.latest(output="s3://bucket/a")["output"] == "s3://bucket/a"
    with pytest.raises(RunDirectoryError, match="is held by the job"):
        on_head.submit(job(output="s3://bucket/a"))


def test_a_run_that_another_driver_holds_is_not_taken(server, tmp_path):
    with (
        RunDirectory.create(tmp_path / "run", {"name": "brain"}),
        pytest.raises(RunDirectoryError, match="is held by a driver that no job of ours is"),
    ):
        on_head.submit(job(output=str(tmp_path / "run")))
    assert server.jobs == []


def test_what_the_job_server_cannot_do_is_no_traceback(server, capsys, monkeypatch):
    def fail(name):
        raise RuntimeError("Request failed with status code 500: gone.")

    monkeypatch.setattr(server, "get_job_info", fail)
    answer = call("submit", capsys, monkeypatch, job=job(output="s3://bucket/a"))
    assert answer["exit_code"] == 1
    assert "could not do it: Request failed with status code 500" in answer["error"]


def test_how_a_run_stands_is_drawn_and_says_how_to_go_on_from_a_laptop(server, tmp_path):
    info = {"name": "brain", "began": "2026-11-25T10:00:00Z"}
    server.add("neurosweep-1", {"output": str(tmp_path / "run")})
    with RunDirectory.create(tmp_path / "run", info) as run:
        run.update(state="running")
        assert on_head.status(width=200)["status"]["state"] == "running"
        assert on_head.stop()["text"].startswith(f"asked {tmp_path}/run to stop")
    told = on_head.status(width=200)
    assert told["status"]["state"] == "driver gone"
    assert f"neurosweep submit CLUSTER.yaml --resume --output {tmp_path}/run" in told["text"]
    with pytest.raises(RunDirectoryError, match="a search is stopped while it runs"):
        on_head.stop()
