"""Who takes part in a cluster on several hosts: the laptop, and the cluster as it sees it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hosts import Hosts

ROOT = Path(__file__).resolve().parents[2]
HEAD, FIRST, SECOND = 0, 1, 2
WORKERS = (FIRST, SECOND)

EXPERIMENT = """
name: on-hosts
data: {image_size: 32}
families:
  mini_resnet: {stem_filters: 16, filters: {max: 32}}
  plain_cnn: {filters: {max: 32}, fc_width: 64}
  transfer: {backbones: [MobileNetV2], weights: random, image_size: 32}
training: {epochs: 3, patience: 4, augmentation: false, learning_rate: 0.003}
search: {trials: 12, papers: false, seed: 3}
resources: {workers: 2, precision: float32, fused_batch_norm: false}
final: {finalists: 2, fine_tune: false}
"""

JOINED_WITHIN = 240.0  # seconds for both workers to be in the cluster


@dataclass(frozen=True)
class Laptop:
    """Where a user sits: a home folder of its own, and the programs of this environment."""

    home: Path
    work: Path
    store: dict[str, str]

    @property
    def environment(self) -> dict[str, str]:
        programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        own = {"HOME": str(self.home), "RAY_TMPDIR": str(self.home / "ray"), "PATH": programs}
        own |= {"NEUROSWEEP_CACHE": str(self.home / "cache"), "RAY_AUTH_MODE": "token"}
        return {**os.environ, **own, **self.store}

    def run(self, *words: object, seconds: float = 280, folder: Path | None = None):
        return subprocess.run(
            [str(word) for word in words],
            cwd=folder or self.work,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
        )

    def neurosweep(self, *words: object, seconds: float = 280) -> str:
        done = self.run("neurosweep", *words, seconds=seconds)
        assert done.returncode == 0, f"{words}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout


@dataclass(frozen=True)
class Cluster:
    """A cluster that is up."""

    file: Path
    hosts: Hosts
    laptop: Laptop
    seconds: float  # of `ray up`
    joined: float  # from then on, until all workers were there

    def submit(self, *words: object) -> str:
        """Submits, and returns the run as the user is told it."""
        return self.laptop.neurosweep("submit", self.file, *words).splitlines()[-1]

    def status(self, run: str) -> dict[str, Any]:
        words = ("status", self.file, "--output", run, "--format", "json")
        told: dict[str, Any] = json.loads(self.laptop.neurosweep(*words))
        return told

    def wait(self, run: str, until, seconds: float = 280) -> dict[str, Any]:
        """Waits until how a run stands is as wanted."""
        end = time.monotonic() + seconds
        while not until(told := self.status(run)):
            assert told["state"] in ("PENDING", "RUNNING"), told
            assert time.monotonic() < end, told
            time.sleep(1)
        return told

    def wait_for_end(self, run: str, seconds: float = 280) -> dict[str, Any]:
        """Waits until a run's driver has ended, however that was."""
        end = time.monotonic() + seconds
        while (told := self.status(run))["state"] in ("PENDING", "RUNNING"):
            assert time.monotonic() < end, told
            time.sleep(2)
        return told

    def finish(self, run: str, seconds: float = 280) -> dict[str, Any]:
        """Waits until a run has ended in order."""
        told = self.wait_for_end(run, seconds)
        assert told["state"] == "SUCCEEDED", told
        return told

    def runs_ray(self, number: int) -> bool:
        """Whether a raylet is left on a host."""
        return "raylet" in self.hosts.ssh(number, "cat /proc/[0-9]*/comm").stdout.split()

    def alive(self) -> int:
        """Nodes that are in the cluster."""
        told = self.on_head(_COUNT)
        return int(told.split("nodes=")[1].split()[0]) if "nodes=" in told else 0

    def on_head(self, code: str) -> str:
        """Runs Python on the head, connected to the cluster as a driver is."""
        words = f"RAY_AUTH_MODE=token ~/neurosweep-env/bin/python -P -c {shlex.quote(code)}"
        return self.hosts.ssh(HEAD, words).stdout


def ended(told: dict[str, Any]) -> int:
    """Trials that ended, as the status of a run tells it."""
    return sum(told.get("status", {}).get("counts", {}).values())


_COUNT = """
import ray
ray.init("auto", log_to_driver=False)
print("nodes=" + str(sum(node["Alive"] for node in ray.nodes())))
"""
