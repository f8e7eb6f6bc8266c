"""What a laptop asks of a cluster's head; this runs there, once for each question.

    python -P -m search.submission.on_head QUESTION WORDS

WORDS is JSON in base64, which no shell changes. The answer is one line of JSON behind a mark, for
a login shell prints what it likes before it. Ray's job server, which listens to this machine
alone, starts the driver and knows the jobs.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

import scans
from neurosweep.errors import NeurosweepError, RunDirectoryError
from scans.caches.decoded import CACHE_VARIABLE
from search.following.holding import is_held
from search.runs.output import RunUri, parse_output
from search.submission.job import ANSWER, EXPERIMENT_FILE, JOB_PREFIX, Job

__all__ = ["main"]

_UNDER_WAY_LIMIT = 90.0
"""Seconds in which a driver says that something is wrong with what it was asked for, or begins."""

_LINES_SHOWN = 30
_GOING_ON = ("PENDING", "RUNNING")


def main() -> int:
    """Answers one question on standard output."""
    question, words = sys.argv[1:]
    told = json.loads(base64.b64decode(words))
    try:
        answer = QUESTIONS[question](**told)
    except NeurosweepError as error:
        answer = {"error": str(error), "exit_code": error.exit_code}
    except (RuntimeError, OSError) as error:  # what the job server's client raises, and full disks
        answer = {"error": f"the cluster's head could not do it: {error}", "exit_code": 1}
    print(f"\n{ANSWER}{json.dumps(answer)}", flush=True)
    return 0


def places(paths: list[str]) -> dict[str, Any]:
    """Which of some paths are here, and where what is sent may go."""
    store = _jobs_folder() / "sent"
    store.mkdir(parents=True, exist_ok=True)
    return {"there": [path for path in paths if Path(path).exists()], "store": str(store)}


def submit(job: dict[str, Any]) -> dict[str, Any]:
    """Starts a driver, unless one is at work on the same run; waits until it is under way."""
    asked = Job.from_dict(job)
    server = _JobServer()
    name = f"{JOB_PREFIX}{datetime.now().astimezone():%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    folder = _jobs_folder() / name
    _jobs_folder().mkdir(exist_ok=True)
    with FileLock(_jobs_folder() / ".lock"):  # of two at once the second sees the first
        output = _own_output(asked, server, name) if asked.output == "" else _whole(asked.output)
        _refuse_second(server, output)
        folder.mkdir()
        (folder / EXPERIMENT_FILE).write_text(asked.experiment, encoding="utf-8")
        # The cache that is looked into here: a mirrored run's folder is in it.
        cache = shlex.quote(f"{CACHE_VARIABLE}={scans.default_cache()}")
        command = f"cd '{folder}' && exec env {cache} {asked.command(output)}"
        server.start(name, command, {"output": output, "name": asked.name})
    return _under_way(server, name)


def latest(output: str = "") -> dict[str, Any]:
    """The newest job, or the newest of one output: its state, its run, its last lines."""
    server = _JobServer()
    return _told(server, _newest(server, output))


def status(output: str = "", width: int = 100) -> dict[str, Any]:
    """How the newest run stands, as text and as plain values; as `latest` where there is none."""
    from rich.console import Console

    from search.following.drawing import draw_status
    from search.following.run_status import read_status

    server = _JobServer()
    told = _told(server, _newest(server, output))
    if not told["has_run"]:
        return told
    again = f"neurosweep submit CLUSTER.yaml --resume --output {told['output']}"
    found = replace(read_status(Path(told["run"])), again=again)
    console = Console(width=width, force_terminal=False)
    with console.capture() as drawn:
        console.print(draw_status(found, width=width))
    return {**told, "text": drawn.get(), "status": found.to_dict()}


def stop(output: str = "") -> dict[str, Any]:
    """Asks the driver of a run to end its search in order; says what will happen."""
    from search.following.asking import ask_to_stop

    server = _JobServer()
    told = _told(server, _newest(server, output))
    if told["has_run"] or told["state"] not in _GOING_ON:
        return {**told, "text": ask_to_stop(Path(told["run"]))}
    server.stop(told["job"])  # it has come to no run yet: nothing can be lost
    return {**told, "text": f"ended {told['job']}, which had not begun its run"}


@dataclass(frozen=True, kw_only=True)
class _JobInfo:
    name: str
    state: str
    output: str
    message: str
    exit_code: int | None


class _JobServer:
    """Ray's job server on this machine."""

    def __init__(self) -> None:
        if _has_token():
            os.environ.setdefault("RAY_AUTH_MODE", "token")
        try:
            from ray.job_submission import JobSubmissionClient

            address = os.environ.get("RAY_API_SERVER_ADDRESS", "http://127.0.0.1:8265")
            self._client: Any = JobSubmissionClient(address)
        except (ImportError, RuntimeError, ConnectionError) as error:
            raise NeurosweepError(
                "searches are started by Ray's job server, which listens on the cluster's head; "
                f"it does not answer ({_first_line(error)}): install ray[default] there (the extra "
                "`cluster` of this program), and start the head as the cluster files here do"
            ) from None

    def start(self, name: str, command: str, told: dict[str, str]) -> None:
        self._client.submit_job(entrypoint=command, submission_id=name, metadata=told)

    def stop(self, name: str) -> None:
        self._client.stop_job(name)

    def ours(self) -> list[_JobInfo]:
        """Our jobs, the newest last."""
        found = [job for job in self._client.list_jobs() if _is_ours(job)]
        return [_info(job) for job in sorted(found, key=lambda job: job.start_time or 0)]

    def job(self, name: str) -> _JobInfo:
        return _info(self._client.get_job_info(name))

    def last_lines(self, name: str) -> str:
        lines = self._client.get_job_logs(name).splitlines()
        return "\n".join(lines[-_LINES_SHOWN:])


def _has_token() -> bool:
    """Whether this node has a token, where Ray looks for one: two variables, then a file."""
    if os.environ.get("RAY_AUTH_TOKEN"):
        return True
    path = os.environ.get("RAY_AUTH_TOKEN_PATH")
    return (Path(path) if path else Path.home() / ".ray" / "auth_token").is_file()


def _is_ours(job: Any) -> bool:
    return (job.submission_id or "").startswith(JOB_PREFIX) and "output" in (job.metadata or {})


def _info(job: Any) -> _JobInfo:
    return _JobInfo(
        name=job.submission_id,
        state=str(getattr(job.status, "value", job.status)),
        output=job.metadata["output"],
        message=job.message or "",
        exit_code=job.driver_exit_code,
    )


def _jobs_folder() -> Path:
    return Path.home() / "neurosweep-jobs"


def _own_output(job: Job, server: _JobServer, name: str) -> str:
    """A new folder for a new run, or the run that the newest job had."""
    if job.resume:
        return _newest(server, "").output
    return str(Path.home() / "neurosweep-runs" / f"{job.name}-{name.removeprefix(JOB_PREFIX)}")


def _whole(output: str) -> str:
    """An output as jobs are told apart by it: a URI, or an absolute folder of this machine."""
    place = parse_output(output)
    return str(place) if isinstance(place, RunUri) else str(Path.home() / place.expanduser())


def _refuse_second(server: _JobServer, output: str) -> None:
    jobs = [job.name for job in server.ours() if job.output == output and job.state in _GOING_ON]
    if not jobs and not is_held(_run_of(output)):
        return
    holder = f"the job {jobs[0]}" if jobs else "a driver that no job of ours is"
    raise RunDirectoryError(
        f"one driver at a time works on a run; {output} is held by {holder}: name another "
        "--output, or end that search with `neurosweep stop CLUSTER.yaml`"
    )


def _newest(server: _JobServer, output: str) -> _JobInfo:
    output = output and _whole(output)
    jobs = [job for job in server.ours() if output in ("", job.output)]
    if not jobs:
        what = f" to {output}" if output else ""
        raise NeurosweepError(
            f"no search was submitted{what} since this head was started: see `neurosweep submit`, "
            "or read the run where it was written to"
        )
    return jobs[-1]


def _under_way(server: _JobServer, name: str) -> dict[str, Any]:
    """Waits until the run directory is there, or the driver has ended."""
    end = time.monotonic() + _UNDER_WAY_LIMIT
    told = _told(server, server.job(name))
    while told["state"] in _GOING_ON and not _is_at_work(told) and time.monotonic() < end:
        time.sleep(0.5)
        told = _told(server, server.job(name))
    return told


def _is_at_work(told: dict[str, Any]) -> bool:
    """Whether a driver holds the run: an earlier one may have left it behind."""
    return told["has_run"] and is_held(Path(told["run"]))


def _told(server: _JobServer, job: _JobInfo) -> dict[str, Any]:
    run = _run_of(job.output)
    failed, has_run = job.state not in (*_GOING_ON, "SUCCEEDED"), (run / "run.yaml").is_file()
    return {
        "job": job.name,
        "state": job.state,
        "output": job.output,
        "run": str(run),
        "has_run": has_run,
        "exit_code": job.exit_code,
        "message": job.message if failed else "",
        # Images that are brought take long, and are told before there is a run.
        "last_lines": server.last_lines(job.name) if failed or not has_run else "",
    }


def _run_of(output: str) -> Path:
    """The folder of a run on this machine."""
    place = parse_output(output)
    return place.folder if isinstance(place, RunUri) else place


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


QUESTIONS: dict[str, Callable[..., dict[str, Any]]] = {
    "places": places,
    "submit": submit,
    "latest": latest,
    "status": status,
    "stop": stop,
}

if __name__ == "__main__":
    sys.exit(main())
