"""Who holds a run: a process, told by host, number and time."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

__all__ = ["Holder"]

_CLOCK_STEP = 2.0  # seconds by which the start of one process may read differently


@dataclass(frozen=True, kw_only=True)
class Holder:
    """A process that holds a run.

    Attributes:
        host: The name of its machine.
        process: Its number there.
        since: ISO 8601 time at which it took the run.
        started: Seconds since 1970 at which the process began: numbers are used again.
        kernel: Which boot of which machine the number counts in, and which container; "" where
            the system does not say.
    """

    host: str
    process: int
    since: str
    started: float
    kernel: str

    @staticmethod
    def here() -> Holder:
        """This process, from now on."""
        return Holder(
            host=socket.gethostname(),
            process=os.getpid(),
            since=datetime.now(UTC).isoformat(timespec="seconds"),
            started=psutil.Process().create_time(),
            kernel=_kernel(),
        )

    @staticmethod
    def parse(text: str | bytes) -> Holder | None:
        """Reads what `to_json` wrote; None if it is something else."""
        try:
            return Holder(**json.loads(text))
        except (ValueError, TypeError):
            return None

    def to_json(self) -> str:
        """Writes it as one line."""
        return json.dumps(asdict(self))

    def __str__(self) -> str:
        return f"process {self.process} on {self.host} since {self.since}"

    @property
    def is_dead(self) -> bool:
        """Whether it is certain that the process has ended.

        Only a process of this same boot and container can be looked up.
        """
        if not self.kernel or self.kernel != _kernel():
            return False
        try:
            process = psutil.Process(self.process)
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
            return abs(process.create_time() - self.started) > _CLOCK_STEP
        except psutil.NoSuchProcess:
            return True
        except psutil.Error:
            return False


def _kernel() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""
