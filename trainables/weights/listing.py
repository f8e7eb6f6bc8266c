"""`weights.json`: what a folder of weight files says of them, so that each can be held to it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from neurosweep.errors import DataError
from scans.files.content import read_content

__all__ = ["LISTING", "Listed", "UnreadableListingError", "listing_bytes", "read_listing"]

LISTING = "weights.json"
"""Name of the file."""

MOST_BYTES = 2**20
"""Largest `weights.json` that is read; ours have some thousand bytes."""

_SCHEMA = 1
_MOST_LETTERS = 1000
_SHA256 = re.compile(r"[0-9a-f]{64}")


class UnreadableListingError(Exception):
    """A `weights.json` is none; the message says why, in a few words."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """What is said of one file.

    Attributes:
        sha256: Of its content, 64 small hexadecimal digits.
        bytes: Its length.
        backbone: Whose weights it holds.
        source: Where it came from: a URL or free text; "" where nothing is said.
    """

    sha256: str
    bytes: int
    backbone: str
    source: str = ""


def read_listing(folder: Path) -> dict[str, Listed]:
    """Read a folder's `weights.json`: file name to what is said of it; {} where there is none.

    Raises:
        UnreadableListingError: It is too large, no JSON, or not of the known shape.
    """
    path = folder / LISTING
    if not path.exists() and not path.is_symlink():
        return {}
    try:
        told = json.loads(read_content(path, limit=MOST_BYTES))
    except DataError as error:
        raise UnreadableListingError(str(error)) from error
    except (ValueError, RecursionError) as error:
        raise UnreadableListingError(f"it is no JSON: {error}") from error
    return _parse(told)


def listing_bytes(files: Mapping[str, Listed]) -> bytes:
    """Return the content of a `weights.json`, files in the order of their names."""
    told = {name: asdict(files[name]) for name in sorted(files)}
    return (json.dumps({"schema": _SCHEMA, "files": told}, indent=2) + "\n").encode()


def _parse(told: Any) -> dict[str, Listed]:
    if not isinstance(told, dict) or told.get("schema") != _SCHEMA:
        raise UnreadableListingError(f'its "schema" must be {_SCHEMA}')
    files = told.get("files")
    if not isinstance(files, dict):
        raise UnreadableListingError('its "files" must map file names to what is said of them')
    return {name: _listed(name, one) for name, one in files.items()}


def _listed(name: str, told: Any) -> Listed:
    if not isinstance(told, dict) or not _is_right(told):
        raise UnreadableListingError(
            f'{name[:80]!r} must have "sha256" (64 small hexadecimal digits), "bytes" (a whole '
            f'number), "backbone" and, where wanted, "source" (texts of up to {_MOST_LETTERS:,})'
        )
    return Listed(
        sha256=told["sha256"],
        bytes=told["bytes"],
        backbone=told["backbone"],
        source=told.get("source", ""),
    )


def _is_right(told: dict[str, Any]) -> bool:
    length = told.get("bytes")
    texts = [told.get("sha256"), told.get("backbone"), told.get("source", "")]
    return (
        all(isinstance(text, str) and len(text) <= _MOST_LETTERS for text in texts)
        and _SHA256.fullmatch(told["sha256"]) is not None
        and isinstance(length, int)
        and not isinstance(length, bool)
        and length >= 0
    )
