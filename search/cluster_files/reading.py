"""From the bytes of a cluster file to its YAML documents; whatever is wrong becomes a finding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from search.cluster_files.findings import Finding, error

__all__ = ["LARGEST_FILE", "mapping", "number", "read", "texts"]

LARGEST_FILE = 1_000_000
"""Bytes; a cluster file is a few pages of text."""

_MOST_VALUES = 100_000  # aliases of aliases make a short file huge

_ADVICE = "name a file like cluster.yaml or one of those in clusters/"


def read(path: Path) -> list[dict[str, Any]] | Finding:
    """Reads a cluster file.

    Returns:
        Its documents, at least one, each a mapping; or the finding that there are none.
    """
    text = _text(path)
    if isinstance(text, Finding):
        return text
    try:
        documents = [document for document in yaml.safe_load_all(text) if document is not None]
    except (yaml.YAMLError, ValueError, RecursionError) as failure:
        return error("readable", f"no YAML: {_first_lines(failure)}", "repair this place")
    if not documents:
        return error("readable", "an empty file", _ADVICE)
    for document in documents:
        if not isinstance(document, dict):
            return error("readable", f"a {type(document).__name__}, not keys and values", _ADVICE)
        if _size(document) > _MOST_VALUES:
            return error("readable", f"more than {_MOST_VALUES} values", _ADVICE)
    return documents


def mapping(value: Any, *keys: str) -> dict[str, Any]:
    """The mapping below `keys`; an empty one where there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def texts(value: Any) -> list[str]:
    """The texts of a list, or of a single text; what is neither is left to Ray's validation."""
    if isinstance(value, str):
        return [value]
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def number(value: Any) -> float | None:
    """A number, also one that is written as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _text(path: Path) -> str | Finding:
    try:
        if not path.is_file():
            return error("readable", "no such file" if not path.exists() else "no file", _ADVICE)
        if path.stat().st_size > LARGEST_FILE:
            return error("readable", f"more than {LARGEST_FILE} bytes", _ADVICE)
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return error("readable", "no UTF-8 text", _ADVICE)
    except (OSError, ValueError) as failure:
        return error("readable", f"cannot be opened: {failure}", "check its name and permissions")


def _size(document: dict[str, Any]) -> int:
    """How many values a document has, counted up to a little beyond the limit."""
    count, waiting = 0, [document]
    while waiting and count <= _MOST_VALUES:
        value: Any = waiting.pop()
        count += 1
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return count


def _first_lines(failure: BaseException) -> str:
    return " ".join(str(failure).split())[:300] or type(failure).__name__
