"""SIGTERM, which ends a run as Ctrl-C does."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from typing import Any

__all__ = ["sigterm_as_interrupt", "take_sigterm"]


@contextlib.contextmanager
def sigterm_as_interrupt() -> Iterator[None]:
    """Lets SIGTERM end a run as Ctrl-C does."""
    before = take_sigterm()
    try:
        yield
    finally:
        # None stands for a handler that was not Python's, and cannot be set again from here.
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)


def take_sigterm() -> Any:
    """Answers SIGTERM as Ctrl-C from now on; returns what answered it before."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    return signal.signal(signal.SIGTERM, interrupt)
