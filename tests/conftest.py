"""What tests of several rooms need: an S3 server of our own, and a disk small enough to fill."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from s3_server import S3, s3_server_at
from watch import Watch

# On a machine that is busy an example may wait for longer than it takes.
settings.register_profile("neurosweep", deadline=None)
settings.load_profile("neurosweep")


@pytest.hookimpl(trylast=True)  # the terminal is there by then
def pytest_configure(config: pytest.Config) -> None:
    """Has failures and slow tests told while they run, by the process that has the terminal."""
    if not hasattr(config, "workerinput"):
        terminal = config.pluginmanager.get_plugin("terminalreporter")
        config.pluginmanager.register(Watch(terminal.write_line), "watch")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests of clusters, which have the machine to themselves."""
    for item in items:
        if item.path.parent.name == "cluster":
            item.add_marker(pytest.mark.hosts)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3]:
    with s3_server_at("127.0.0.1") as server:
        yield server


@pytest.fixture
def s3(s3_server, monkeypatch) -> S3:
    """The server, with this process's environment set to find it."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return s3_server


@pytest.fixture
def gets(monkeypatch) -> list[str]:
    """The names of the objects that were read from stores."""
    from search.mirror.store import Store

    names, get = [], Store.get

    def counted(self, name):
        names.append(name)
        return get(self, name)

    monkeypatch.setattr(Store, "get", counted)
    return names


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Callable[[str], Path]]:
    """Returns a function that mounts a small file system in memory; only root may."""
    mounted = []

    def make(size: str) -> Path:
        folder = tmp_path / "small"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except FileNotFoundError:
            pytest.skip("there is no program `mount` here")
        if done.returncode:
            pytest.skip(f"this user may not mount: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield make
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
