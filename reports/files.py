"""Files of a run directory: lines whose last may be torn, YAML, text."""

import os
from pathlib import Path
from typing import Any

from neurosweep.errors import RunDirectoryError

__all__ = ["read_lines", "read_yaml", "replace_text"]


def read_lines(path: Path) -> list[bytes]:
    """Read the full lines of a file that is appended to.

    A line counts from its newline on: what stands after the last newline was torn by a crash
    or is just being written, and is left out. A missing file has no lines.
    """
    if not path.exists():
        return []
    full, _, _torn = path.read_bytes().rpartition(b"\n")
    return [line for line in full.split(b"\n") if line.strip()]


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
    if not isinstance(content, dict):
        raise RunDirectoryError(
            f"{path} must hold names and values; received {type(content).__name__}. "
            "Restore the file, or run the search again with another --output."
        )
    return content


def replace_text(path: Path, text: str) -> None:
    """Write a text file under another name and rename it, so that nobody reads half of it."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)
