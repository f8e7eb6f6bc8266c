"""Places on object stores, as text that a user writes and a run records."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

__all__ = ["holds_credentials", "is_uri"]

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def is_uri(text: str) -> bool:
    """Whether it names a place on a store rather than a folder."""
    return _SCHEME.match(text) is not None


def holds_credentials(uri: str) -> bool:
    """Whether a URI holds what must not be written down.

    For Azure and Google a name before the @ is part of the place; a password never is.

    Raises:
        ValueError: if it is no URI at all.
    """
    parts = urlsplit(uri)
    return bool(parts.password) or (bool(parts.username) and parts.scheme == "s3")
