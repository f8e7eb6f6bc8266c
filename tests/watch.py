"""Tells of a test run while it goes on: failures at once, and tests that take long.

A run of thousands of tests that is ended from outside leaves nothing else to look at.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

_LOOK_EVERY = 120.0  # seconds
_LONG = 120.0  # seconds: a test that takes longer is named
_MOST = 6000  # characters of a failure; its end says what was wrong


class Watch:
    """Notes which tests are under way."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._begun: dict[str, float] = {}
        self._ended = threading.Event()

    def pytest_sessionstart(self) -> None:
        threading.Thread(target=self._look, daemon=True).start()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._begun[nodeid] = time.monotonic()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._begun.pop(nodeid, None)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "???":  # its process is gone, and does not tell of its end
            self._begun.pop(report.nodeid, None)
        if report.failed:
            self._tell(
                f"\nFAILED in {report.when}: {report.nodeid}\n{report.longreprtext[-_MOST:]}"
            )

    def pytest_sessionfinish(self) -> None:
        self._ended.set()

    def long(self, now: float) -> list[str]:
        """The tests that have been under way for long, with their seconds."""
        return [
            f"{name}: for {now - begun:.0f} s"
            for name, begun in list(self._begun.items())
            if now - begun > _LONG
        ]

    def _look(self) -> None:
        while not self._ended.wait(_LOOK_EVERY):
            for line in self.long(time.monotonic()):
                self._tell(f"\nunder way: {line}")
