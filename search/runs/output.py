"""Where a run goes: a folder, or a place on an object store with a folder that it mirrors."""

from __future__ import annotations

import argparse
import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from neurosweep.errors import UserError
from search.files.uris import holds_credentials, is_uri

__all__ = ["RUN_HELP", "RunUri", "local_run", "names_of", "parse_data", "parse_output"]

RUN_HELP = "a run directory, or s3://BUCKET/RUN (gs:// too)"
"""What is said of a RUN that a command reads."""


@dataclass(frozen=True)
class RunUri:
    """A run on an object store, such as s3://bucket/run.

    Attributes:
        text: The URI, without a slash at its end; it holds no credentials.
    """

    text: str

    def __str__(self) -> str:
        return self.text

    @property
    def folder(self) -> Path:
        """The run directory on this machine: below the cache folder, the same for the same URI."""
        import scans

        name = re.sub(r"[^A-Za-z0-9._-]+", "-", urlsplit(self.text).path).strip("-.")[-60:]
        digest = hashlib.sha256(self.text.encode()).hexdigest()[:12]
        return scans.default_cache() / "mirrored-runs" / f"{name or 'run'}-{digest}"


def parse_output(text: str) -> Path | RunUri:
    """Reads the value of --output.

    Raises:
        argparse.ArgumentTypeError: if it is a URI that names no place or holds credentials.
    """
    if not is_uri(text):
        return Path(text)
    parts = urlsplit(text)
    _refuse_credentials(text)
    if not parts.path.strip("/"):
        raise argparse.ArgumentTypeError(
            f"an output must name a place inside a bucket, such as {parts.scheme}://BUCKET/RUN; "
            f"received {text}"
        )
    return RunUri(text if parts.query else text.rstrip("/"))


def names_of(runs: Sequence[Path | RunUri]) -> list[str]:
    """Names runs in one list: by their folders, where those differ, else as they were given.

    Raises:
        UserError: if a run was given twice.
    """
    given = [str(run) for run in runs]
    twice = [one for one, times in Counter(given).items() if times > 1]
    if twice:
        raise UserError(f"each run stands in the list once; received {twice[0]} more than once")
    last = [
        Path(urlsplit(one).path).name if is_uri(one) else Path(one).resolve().name for one in given
    ]
    return last if len(set(last)) == len(last) else given


def parse_data(text: str) -> Path | str:
    """Reads the value of --data: a folder, or the URI of one on a store.

    Raises:
        argparse.ArgumentTypeError: if it is a URI that holds credentials.
    """
    if not is_uri(text):
        return Path(text)
    _refuse_credentials(text)
    return text


def local_run(text: str) -> Path:
    """Reads a RUN whose driver a command talks to.

    Raises:
        argparse.ArgumentTypeError: if it is a URI: a driver reads no word from a store.
    """
    if is_uri(text):
        raise argparse.ArgumentTypeError(
            f"a search is asked to stop on its driver's machine, by its run directory; received "
            f"{text}: call this there, with the folder that the search named when it began"
        )
    return Path(text)


def _refuse_credentials(uri: str) -> None:
    if holds_credentials(uri):
        raise argparse.ArgumentTypeError(
            "credentials come from the environment, never from a URI, which is written down; "
            "leave out what stands before the @"
        )
