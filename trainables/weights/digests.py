"""Checksums of weight files, computed once per process for each state of a file."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

__all__ = ["md5_of", "sha256_of"]


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal; a file of the same size and time is not read again.

    Raises:
        OSError: It cannot be read.
    """
    return _of(path, "sha256")


def md5_of(path: Path) -> str:
    """Return a file's MD5 in hexadecimal, which is what Keras knows of its own files.

    Raises:
        OSError: It cannot be read.
    """
    return _of(path, "md5")


def _of(path: Path, kind: str) -> str:
    found = path.stat()
    return _digest(str(path.absolute()), found.st_size, found.st_mtime_ns, kind)


@lru_cache(maxsize=256)
def _digest(path: str, _size: int, _mtime_ns: int, kind: str) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(
            file, lambda: hashlib.new(kind, usedforsecurity=False)
        ).hexdigest()
