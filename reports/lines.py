"""JSON lines whose last line may be torn, and JSON or YAML files of a run directory."""

import json
from pathlib import Path
from typing import Any

from neurosweep.errors import RunDirectoryError

__all__ = ["read_json", "read_lines", "read_yaml"]


def read_lines(path: Path) -> list[bytes]:
    """Read the full lines of a file that is appended to.

    A line counts from its newline on: what stands after the last newline was torn by a crash
    or is just being written, and is left out. A missing file has no lines.
    """
    if not path.exists():
        return []
    full, _, _torn = path.read_bytes().rpartition(b"\n")
    return [line for line in full.split(b"\n") if line.strip()]


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds one object.

    Raises:
        RunDirectoryError: It is not JSON, or not an object.
    """
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise RunDirectoryError(
            f"{path} must hold JSON; received something else ({error}). "
            "Restore the file, or run the search again with another --output."
        ) from error
    return _object(content, path)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds one mapping.

    Raises:
        RunDirectoryError: It is not YAML, or not a mapping.
    """
    import yaml

    try:
        content = yaml.safe_load(path.read_bytes())
    except yaml.YAMLError as error:
        raise RunDirectoryError(
            f"{path} must hold YAML; received something else ({error}). "
            "Restore the file, or run the search again with another --output."
        ) from error
    return _object(content, path)


def _object(content: object, path: Path) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise RunDirectoryError(
            f"{path} must hold names and values; received {type(content).__name__}. "
            "Restore the file, or run the search again with another --output."
        )
    return content
