from collections.abc import Callable
from pathlib import Path

import pytest
from fake_run import FakeRun, fake_run

from reports import LeaderboardRow, Run, build_leaderboard, read_run


@pytest.fixture
def fake() -> FakeRun:
    return fake_run()


@pytest.fixture
def write(tmp_path: Path) -> Callable[[FakeRun], Run]:
    def write_and_read(fake: FakeRun) -> Run:
        return read_run(fake.write(tmp_path / "fake-run"))

    return write_and_read


@pytest.fixture
def run(fake: FakeRun, write: Callable[[FakeRun], Run]) -> Run:
    return write(fake)


@pytest.fixture
def rows(run: Run) -> list[LeaderboardRow]:
    return build_leaderboard(run)
