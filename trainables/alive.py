"""Signs of life from inside training, for whoever watches this process from outside.

What is long without a word — a batch of training, a batch of measuring — calls `beat` after each.
A process has one watcher at most, as it has one state of TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["BreakOff", "beat", "watch"]


class BreakOff(BaseException):
    """What a watcher raises to end training in the middle of an epoch: its whole epochs count.

    A BaseException, so that no library keeps it.
    """


_watcher: Callable[[], None] | None = None


def watch(watcher: Callable[[], None] | None) -> None:
    """Have `watcher` called at each sign of life from now on; None for nobody.

    It is called in the middle of training, up to thousands of times a second, and must be quick.
    It may raise `BreakOff`.
    """
    global _watcher  # noqa: PLW0603 - a process is watched as a whole
    _watcher = watcher


def beat() -> None:
    """Say that this process is alive; free of effect on what it computes.

    Raises:
        BreakOff: Whoever watches wants no more of this epoch.
    """
    if _watcher is not None:
        _watcher()
