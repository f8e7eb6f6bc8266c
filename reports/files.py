"""Files of a run directory: lines whose last may be torn, YAML, typed JSON, text."""

import contextlib
import os
import secrets
from pathlib import Path
from typing import Any, TypeVar

from neurosweep.errors import NeurosweepError, RunDirectoryError

__all__ = [
    "MOST_BYTES",
    "read_lines",
    "read_typed",
    "read_yaml",
    "replace_bytes",
    "replace_text",
]

MOST_BYTES = 64 * 1024 * 1024
"""A larger JSON file is none of ours: half a million pairs of file names fit in."""

_T = TypeVar("_T")


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
    # The reader also gives up on brackets nested too deeply, and on dates that are none.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
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


def read_typed(path: Path, kind: type[_T], *, holds: str, advice: str) -> _T | None:
    """Read a JSON file into a dataclass; None where there is no such file.

    Keys beside the known ones are left to whoever reads them.

    Args:
        path: The file.
        kind: The dataclass; pydantic checks its types.
        holds: What the file must hold, for the message.
        advice: What to do if it does not, for the message.

    Raises:
        RunDirectoryError: It is larger than `MOST_BYTES`, no JSON, or lacks something.
    """
    from pydantic import TypeAdapter, ValidationError

    if not path.exists():
        return None
    try:
        return TypeAdapter(kind).validate_json(_limited(path, holds, advice))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise RunDirectoryError(
            f"{path} must hold {holds}; at {where}: {first['msg']}. {advice}"
        ) from error


def _limited(path: Path, holds: str, advice: str) -> bytes:
    if not path.is_file() or path.stat().st_size > MOST_BYTES:
        raise RunDirectoryError(
            f"{path} must hold {holds} in a file of at most {MOST_BYTES:,} bytes; received "
            f"{f'{path.stat().st_size:,} bytes' if path.is_file() else 'no file'}. {advice}"
        )
    return path.read_bytes()


def replace_text(path: Path, text: str) -> None:
    """Write a text file under another name and rename it, so that nobody reads half of it.

    Raises:
        NeurosweepError: It cannot be written; what was there before still is.
    """
    replace_bytes(path, text.encode())


def replace_bytes(path: Path, content: bytes) -> None:
    """Write a file under another name and rename it, so that nobody reads half of it.

    Raises:
        NeurosweepError: It cannot be written; what was there before still is.
    """
    # By such names a run that goes on knows what a killed process left.
    aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        raise NeurosweepError(
            f"{path} could not be written ({error.strerror}); make space, or make its folder "
            "writable, and write it again: nothing that was recorded is lost"
        ) from error
    finally:
        with contextlib.suppress(OSError):  # on a disk that is gone there is nothing to tidy
            aside.unlink(missing_ok=True)
