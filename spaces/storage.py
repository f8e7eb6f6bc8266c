"""A space as a JSON file in KerasTuner's own format."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import keras_tuner

from neurosweep.errors import SpaceError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["load_space", "save_space"]


def save_space(space: keras_tuner.HyperParameters, path: Path) -> None:
    """Write a space to a file."""
    path.write_text(json.dumps(space.get_config(), indent=1) + "\n", encoding="utf-8")


def load_space(path: Path) -> keras_tuner.HyperParameters:
    """Read a space back.

    Raises:
        SpaceError: The file is missing or does not hold a space.
    """
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        return keras_tuner.HyperParameters.from_config(config)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SpaceError(
            f"A space is read from a file that save_space wrote, received {path}: {error}. "
            "Check the path, or save the space again."
        ) from error
