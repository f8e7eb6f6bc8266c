"""A cluster on several hosts, brought up once for all tests here, as a user brings one up."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hosts import Hosts, hosts, missing
from s3_server import S3, s3_server_at

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

_JOINED_WITHIN = 240.0  # seconds for both workers to be in the cluster


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
    seconds: float
    began: float

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

    def alive(self) -> int:
        """Nodes that are in the cluster."""
        told = self.on_head(_COUNT)
        return int(told.split("nodes=")[1].split()[0]) if "nodes=" in told else 0

    def on_head(self, code: str) -> str:
        """Runs Python on the head, connected to the cluster as a driver is."""
        words = f"RAY_AUTH_MODE=token ~/neurosweep-env/bin/python -P -c {shlex.quote(code)}"
        return self.hosts.ssh(HEAD, words).stdout


_COUNT = """
import ray
ray.init("auto", log_to_driver=False)
print("nodes=" + str(sum(node["Alive"] for node in ray.nodes())))
"""


@pytest.fixture(scope="session")
def network() -> Iterator[Hosts]:
    """Three hosts, on which what the cluster file installs is installed already."""
    if reason := missing():
        pytest.skip(reason)
    with hosts([Path(sys.base_prefix), Path(sys.prefix), ROOT]) as made:
        for number in (HEAD, *WORKERS):
            made.up(number)
            _install(made, number)
        yield made


def _install(made: Hosts, number: int) -> None:
    """Leaves what `clusters/install.sh` leaves, which then has nothing to install.

    The host has an environment of its own, in which its own copy of our code comes first; the
    libraries in it are those of the environment that the tests run in.
    """
    home, base = Path.home(), Path(sys.base_prefix) / "bin" / "python3"
    assert made.ssh(number, f"{base} -m venv --without-pip ~/neurosweep-env").returncode == 0
    place = made.home(number) / "neurosweep-env"
    libraries = next(path for path in sys.path if path.endswith("site-packages"))
    (own,) = place.glob("lib/python*/site-packages")
    lines = (f"{home}/neurosweep", f"import site; site.addsitedir({libraries!r})")
    (own / "installed.pth").write_text("\n".join(lines) + "\n")
    for name, module in (("ray", "ray.scripts.scripts"), ("neurosweep", "search")):
        script = place / "bin" / name
        script.write_text(f'#!/bin/sh\nexec ~/neurosweep-env/bin/python -P -m {module} "$@"\n')
        script.chmod(0o755)
    (place / "neurosweep-installed").mkdir()
    (place / "neurosweep-installed" / _mark()).touch()


def _mark() -> str:
    """What `clusters/install.sh` calls the installation that the cluster file asks for."""
    code = Path.home() / "neurosweep"
    words = f"-c {code}/constraints.txt -e {code}"
    told = f"Python {platform.python_version()}\n{words}\n".encode()
    for name in ("pyproject.toml", "constraints.txt"):
        told += (ROOT / name).read_bytes()
    return hashlib.sha256(told).hexdigest()


@pytest.fixture(scope="session")
def store(network) -> Iterator[S3]:
    """An S3 server on the network; of the hosts only the head knows how to reach it."""
    with s3_server_at(network.router) as server:
        exports = [f"export {name}={value}" for name, value in server.environment.items()]
        with (network.home(HEAD) / ".bashrc").open("a") as file:
            file.write("\n".join(exports) + "\n")
        yield server


@pytest.fixture(scope="session")
def laptop(tmp_path_factory, store) -> Laptop:
    home = tmp_path_factory.mktemp("laptop")
    work = home / "work"
    work.mkdir()
    (work / "experiment.yaml").write_text(EXPERIMENT)
    made = Laptop(home, work, store.environment)
    token = made.run("ray", "get-auth-token", "--generate")
    assert token.returncode == 0, token.stderr
    images = made.run("neurosweep", "data", "phantom", "images", "--images", 200, "--size", 48)
    assert images.returncode == 0, images.stderr
    return made


@pytest.fixture(scope="session")
def cluster_file(network, laptop) -> Path:
    """The project's own file for machines that one owns, with the addresses filled in."""
    filled = {
        "FILL_IN_HEAD_ADDRESS": network.address(HEAD),
        "FILL_IN_WORKER_ADDRESS": ", ".join(network.address(number) for number in WORKERS),
        "FILL_IN_SSH_USER": "root",
        "FILL_IN_SSH_KEY": str(network.key),
    }
    text = (ROOT / "clusters/onprem.yaml").read_text()
    for name, value in filled.items():
        text = text.replace(name, value)
    file = laptop.work / "onprem.yaml"
    file.write_text(text)
    return file


@pytest.fixture(scope="session")
def cluster(network, laptop, cluster_file) -> Iterator[Cluster]:
    began = time.monotonic()
    up = laptop.run("ray", "up", "-y", cluster_file, seconds=290, folder=ROOT)
    assert up.returncode == 0, f"{up.stdout[-4000:]}\n{up.stderr[-4000:]}"
    seconds = time.monotonic() - began
    made = Cluster(cluster_file, network, laptop, seconds, began)
    end = time.monotonic() + _JOINED_WITHIN
    while made.alive() < 1 + len(WORKERS):
        assert time.monotonic() < end, "the workers did not join"
        time.sleep(1)
    yield made
    laptop.run("ray", "down", "-y", cluster_file)
