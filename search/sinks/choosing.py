"""Which sinks an experiment asks for: whether they are installed, and how they are opened."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from neurosweep.errors import ExperimentError
from neurosweep.extras import install_extra
from search.runs.run_directory import RunDirectory
from search.sinks.in_background import BackgroundSink

if TYPE_CHECKING:
    from search.sinks.protocol import Sink

__all__ = ["check_sinks", "open_sinks"]

_PACKAGES = {"tensorboard": "tensorboardX", "mlflow": "mlflow"}
"""What each sink writes with; the extra that installs it has the sink's name."""


def check_sinks(names: Sequence[str]) -> None:
    """Checks that the sinks can be written.

    Raises:
        ExperimentError: The package of one of them is not installed.
    """
    for name in names:
        if importlib.util.find_spec(_PACKAGES[name]) is None:
            raise ExperimentError(
                f"`search.sinks` names {name}, which writes through the package "
                f"{_PACKAGES[name]}, and that is not installed: install it with "
                f"`{install_extra(name)}` in the checkout, or leave {name} out"
            )


@contextmanager
def open_sinks(
    names: Sequence[str], run: RunDirectory, note: Callable[[str], None]
) -> Iterator[tuple[BackgroundSink, ...]]:
    """Opens the sinks for a run, and closes them at the end of the block.

    Args:
        names: Those of the experiment's `search.sinks`.
        run: The run directory.
        note: Takes what a person should know.
    """
    openers = {"tensorboard": _tensorboard, "mlflow": _mlflow}
    with ExitStack() as stack:
        yield tuple(
            stack.enter_context(BackgroundSink(name, openers[name](run), note)) for name in names
        )


def _tensorboard(run: RunDirectory) -> Callable[[], Sink]:
    def opened() -> Sink:
        from search.sinks.tensorboard import TensorBoardSink

        return TensorBoardSink(run.path / "tensorboard")

    return opened


def _mlflow(run: RunDirectory) -> Callable[[], Sink]:
    def opened() -> Sink:
        from search.sinks.mlflow import MlflowSink

        name, began = str(run.info["name"]), str(run.info["began"])
        return MlflowSink(run.path, experiment=name, key=f"{name}-{began}")

    return opened
