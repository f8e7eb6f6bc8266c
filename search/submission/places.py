"""Folders and files that an experiment names, and how each comes to be on a cluster's head.

What lies on an object store stays there, and a path that the head has is used there: nodes that
lack images fetch them from the head. What only this machine has is sent if it is small.
"""

from __future__ import annotations

import hashlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from neurosweep.errors import UserError
from search.files.uris import is_uri
from search.submission.head import Head

__all__ = ["MOST_SENT", "on_the_head"]

MOST_SENT = 2**30
"""Bytes that are sent from a laptop: a Kaggle set of brain images has about 150 MB."""

_SINGLE = (("data", "path"), ("data", "labels"), ("data", "groups"))
_NAMED_WEIGHTS = ("imagenet", "random")


def on_the_head(experiment: dict[str, Any], head: Head) -> tuple[dict[str, Any], list[str]]:
    """Returns an experiment that holds on the head, and what was sent or found there.

    Args:
        experiment: Plain values; not changed.
        head: Asked, and sent to.

    Raises:
        UserError: A path is neither here nor there, or too large to be sent.
        ClusterError: The head does not answer.
    """
    paths = sorted({path for path in _paths(experiment) if not is_uri(path)})
    if not paths:
        return experiment, []
    answer = head.ask("places", paths=paths)
    there = set(answer["there"])
    sent = [path for path in paths if path not in there]
    for path in sent:
        _check_small(Path(path))
    moved = {path: _send(Path(path), head, answer["store"]) for path in sent}
    told = [f"{path} was sent to the head" for path in sent]
    told += [f"{path} is the head's own" for path in sorted(there)]
    return _replaced(experiment, moved), told


def _paths(experiment: dict[str, Any]) -> Iterator[str]:
    for section, key in _SINGLE:
        if (path := experiment.get(section, {}).get(key)) is not None:
            yield path
    weights = experiment.get("families", {}).get("transfer", {}).get("weights", "imagenet")
    if weights not in _NAMED_WEIGHTS:
        yield weights
    yield from experiment.get("search", {}).get("warm_start", ())


def _replaced(content: Any, moved: dict[str, str]) -> Any:
    """The same with every path that was moved in its new place."""
    if isinstance(content, dict):
        return {key: _replaced(value, moved) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_replaced(value, moved) for value in content]
    return moved.get(content, content) if isinstance(content, str) else content


def _check_small(path: Path) -> None:
    if not path.exists():
        raise UserError(
            f"what an experiment names must be on the cluster's head or on this machine; {path} is "
            "on neither: correct the path, or put it on an object store and name its URI"
        )
    size = _size(path)
    if size > MOST_SENT:
        raise UserError(
            f"a local folder of up to {MOST_SENT / 2**30:g} GiB is sent to a cluster; {path} has "
            f"{size / 2**30:.1f} GiB and is not on its head: put it on an object store and name it "
            "by its URI (--data s3://BUCKET/FOLDER), or copy it to the same path on the head, from "
            "which the nodes fetch it"
        )


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def _send(path: Path, head: Head, store: str) -> str:
    """Sends it to a place of its own: what was taken away here must not be left there."""
    # No name of a user's in a shell that somebody else writes.
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem if path.is_file() else path.name)
    suffix = path.suffix if path.is_file() else ""
    target = f"{store}/{name}-{_digest(path)}{re.sub(r'[^A-Za-z0-9.]', '', suffix)}"
    head.send(path, target)
    return target


def _digest(path: Path) -> str:
    """Names, sizes and times of all files: the same again is found there, and not sent twice."""
    digest = hashlib.sha256(f"{socket.gethostname()}:{path}".encode())
    for file in sorted([path] if path.is_file() else path.rglob("*")):
        told = file.stat()
        digest.update(f"\0{file.relative_to(path)}\0{told.st_size}\0{told.st_mtime_ns}".encode())
    return digest.hexdigest()[:16]
