"""A cluster on several hosts, brought up once for all tests here, as a user brings one up."""

from __future__ import annotations

import hashlib
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hosts import Hosts, hosts, missing
from on_hosts import EXPERIMENT, HEAD, JOINED_WITHIN, ROOT, WORKERS, Cluster, Laptop
from s3_server import S3, s3_server_at


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
    is_up = time.monotonic()
    made = Cluster(cluster_file, network, laptop, seconds=is_up - began, joined=0.0)
    _wait(lambda: made.alive() == 1 + len(WORKERS), "the workers did not join")
    yield replace(made, joined=time.monotonic() - is_up)
    down = laptop.run("ray", "down", "-y", cluster_file)
    assert down.returncode == 0, f"{down.stdout[-4000:]}\n{down.stderr[-4000:]}"
    for number in (HEAD, *WORKERS):
        _wait(lambda number=number: not made.runs_ray(number), f"Ray still runs on host {number}")


def _wait(until, what: str) -> None:
    end = time.monotonic() + JOINED_WITHIN
    while not until():
        assert time.monotonic() < end, what
        time.sleep(1)
