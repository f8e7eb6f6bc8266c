"""The head of a cluster as a laptop reaches it: over SSH, by Ray's own launcher.

Nothing of a cluster listens to the world but its SSH servers, so whatever is asked of it is asked
by `ray exec` and `ray rsync-up`, with the key, user and container that the cluster file names.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from neurosweep.errors import ClusterError, NeurosweepError, UserError
from search.submission.job import ANSWER

__all__ = ["Head"]

_RAY = (sys.executable, "-P", "-m", "ray.scripts.scripts")
"""-P: the folder that a user is in may have packages of the names of Ray's and ours."""

_ANSWER_LIMIT = 240.0  # seconds; SSH itself gives up after two minutes
_COPY_LIMIT = 3600.0

_OUR_TRACEBACK = "on_head.py"  # names a file of ours there: to be read as it is, whatever it says

_KNOWN = (
    (
        r"Head node of cluster .* not found|Head node not found",
        "the cluster is not up: start it with `ray up {file}`",
    ),
    (
        r"Permission denied \(|Too many authentication failures",
        "its SSH server refuses the key: see `auth.ssh_user` and `auth.ssh_private_key` in {file}",
    ),
    (
        r"No route to host|Connection refused|Connection timed out|Connection closed|"
        r"Could not resolve|Network is unreachable|timed out",
        "it does not answer: see whether the machine is up, and whether the address in {file} is "
        "its own",
    ),
    (
        r"rsync: (command )?not found|rsync.*not found",
        "rsync is missing there: install it on every node",
    ),
    (
        r"No module named|python.*not found",
        "this program is not installed there: let `ray up {file}` run the setup commands to their "
        "end, and see that its Python is the first on the PATH of a login shell",
    ),
)
"""What Ray and SSH say, and what it means to a user."""


class Head:
    """The machine on which a cluster's drivers run."""

    def __init__(self, file: Path) -> None:
        """Finds the cluster file and the programs that are needed; asks the cluster nothing yet.

        Args:
            file: The cluster file.

        Raises:
            UserError: There is no such file, or it is none that `ray up` takes.
            NeurosweepError: SSH or rsync is missing on this machine.
        """
        self.file = file.absolute()
        _check_file(file)
        for program in ("ssh", "rsync"):
            if shutil.which(program) is None:
                raise NeurosweepError(
                    f"a cluster is reached with ssh and rsync; this machine has no {program}: "
                    "install it"
                )

    def ask(self, question: str, **told: Any) -> dict[str, Any]:
        """Asks `search.submission.on_head` there; its answer.

        Raises:
            ClusterError: The head does not answer, or what it was asked for failed there.
        """
        words = base64.b64encode(json.dumps(told).encode()).decode()
        command = f"python -P -m search.submission.on_head {question} {words}"
        done = self._ray("exec", str(self.file), command, seconds=_ANSWER_LIMIT)
        for line in done.stdout.splitlines():
            mark, _, text = line.partition(ANSWER)
            if not mark.strip() and text:
                return _answer(json.loads(text))
        raise self._failure(done, "answer")

    def show(self, words: list[str]) -> int:
        """Runs a command of ours there in this terminal; its exit code, or Ray's."""
        command = shlex.join(["python", "-P", "-m", "search", *words])
        return subprocess.call([*_RAY, "exec", str(self.file), command], env=_environment())

    def send(self, source: Path, target: str) -> None:
        """Copies a file, or what is in a folder, to a place on the head.

        Raises:
            ClusterError: It did not arrive.
        """
        slash = "/" if source.is_dir() else ""
        places = (f"{source}{slash}", f"{target}{slash}")
        self._copy("rsync-up", *places)

    def bring(self, source: str, target: Path) -> None:
        """Copies what is in a folder of the head into a folder of this machine.

        Raises:
            ClusterError: It did not arrive.
        """
        self._copy("rsync-down", f"{source}/", f"{target}/")

    def _copy(self, how: str, source: str, target: str) -> None:
        # What the cluster file keeps from being copied is meant for the code, not for images.
        content = yaml.safe_load(self.file.read_text("utf-8"))
        plain = {key: content[key] for key in content if not key.startswith("rsync_")}
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
            yaml.safe_dump(plain, file)
            file.flush()
            done = self._ray(how, file.name, source, target, seconds=_COPY_LIMIT)
        if done.returncode:
            raise self._failure(done, f"give or take {source}")

    def _ray(self, *words: str, seconds: float) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [*_RAY, *words],
                check=False,
                capture_output=True,
                text=True,
                errors="replace",
                stdin=subprocess.DEVNULL,
                timeout=seconds,
                env=_environment(),
            )
        except subprocess.TimeoutExpired as error:
            raise ClusterError(
                f"the head of {self.file} is to answer within {seconds:g} seconds; it did not "
                f"(`ray {words[0]}`): see whether it is up and overloaded, and try again"
            ) from error

    def _failure(self, done: subprocess.CompletedProcess[str], what: str) -> ClusterError:
        said = f"{done.stdout}\n{done.stderr}"
        for pattern, advice in () if _OUR_TRACEBACK in said else _KNOWN:
            if re.search(pattern, said):
                advised = advice.format(file=self.file)
                return ClusterError(f"the head of the cluster did not {what}: {advised}")
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        last = "\n  ".join(lines[-8:]) or "nothing"
        return ClusterError(
            f"the head of the cluster did not {what}; `ray exec {self.file} 'ray status'` may tell "
            f"more. What Ray and SSH said last:\n  {last}"
        )


def _answer(answer: dict[str, Any]) -> dict[str, Any]:
    if (error := answer.get("error")) is None:
        return answer
    raise ClusterError(str(error), exit_code=int(answer.get("exit_code", 1)))


def _check_file(file: Path) -> None:
    if not file.is_file():
        raise UserError(
            f"a cluster is named by the file that `ray up` takes; there is no file {file}"
        )
    try:
        content = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"{file} is not readable as a cluster file: {error}") from None
    if not isinstance(content, dict) or "provider" not in content:
        raise UserError(
            f"a cluster file has a `provider` and is started with `ray up`; {file} is none: if it "
            "is for Kubernetes, use kubectl (docs/cluster.md says how)"
        )


def _environment() -> dict[str, str]:
    return {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}
