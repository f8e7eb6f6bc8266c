"""Values that nobody filled in: `FILL_IN_…` of our own files, and the usual ones of others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from search.cluster_files.findings import Finding, error

__all__ = ["placeholders"]

_OPEN = re.compile(
    r"\bFILL_IN\w*|\bCHANGE[_-]?ME\b|\bREPLACE[_-]?ME\b|\bYOUR[_-]\w[\w-]*|^<[^<>]+>$",
    re.IGNORECASE,
)


def placeholders(document: dict[str, Any]) -> Iterator[Finding]:
    """One finding for each value, or key, that is still a placeholder."""
    for place, text in _texts(document, ""):
        found = _OPEN.search(text)
        if found is not None:
            yield error("placeholder", f"{place} is {found[0]}", "put your own value there")


def _texts(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, below in value.items():
            name = f"{place}.{key}".lstrip(".")
            if isinstance(key, str):
                yield f"the key {name}", key
            yield from _texts(below, name)
    elif isinstance(value, list):
        for at, below in enumerate(value):
            yield from _texts(below, f"{place}[{at}]")
