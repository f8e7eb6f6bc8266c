"""One search as it is handed over to a cluster: plain values, for a JSON text."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

__all__ = ["ANSWER", "EXPERIMENT_FILE", "JOB_PREFIX", "Job"]

ANSWER = "NEUROSWEEP-ANSWER "
"""What stands before the head's answer: a login shell prints what it likes before it."""

JOB_PREFIX = "neurosweep-"
"""What the ids of our jobs begin with; a cluster may run others'."""

EXPERIMENT_FILE = "experiment.yaml"


@dataclass(frozen=True, kw_only=True)
class Job:
    """What the head needs to know to start a search.

    Attributes:
        name: The experiment's name; empty where a run is gone on with.
        experiment: YAML text of the experiment with the head's own places in it; empty for a run
            that is gone on with.
        output: A URI, or a folder on the head; empty for a new folder there, or the newest run.
        resume: Go on with the run.
        words: Further words of `neurosweep search`.
    """

    name: str
    experiment: str
    output: str
    resume: bool
    words: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Self:
        """Reads what `to_dict` gave."""
        return cls(**{**told, "words": tuple(told["words"])})

    def command(self, output: str) -> str:
        """The shell command that the cluster's job server runs, in the job's own folder."""
        # -P: the folder that a command starts in must not hide our packages.
        words = ["python", "-P", "-m", "search", "search"]
        words += ["--resume"] if self.resume else [EXPERIMENT_FILE]
        words += ["--address", "auto", "--output", output, *self.words]
        return shlex.join(words)
