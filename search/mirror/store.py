"""A place on an object store, reached through pyarrow alone.

Credentials are found by pyarrow where each store's users keep them: environment, profile, role.
A short outage is waited out; what waiting cannot mend is told at once.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, TypeVar

import pyarrow as pa

from neurosweep.errors import RunDirectoryError, StoreError

__all__ = ["Entry", "Store"]

_T = TypeVar("_T")

_WAITS = (1.0, 2.0, 4.0)
"""Seconds before each further try; pyarrow itself has tried for about six by then."""

_HOPELESS = {
    "NO_SUCH_BUCKET": "there is no such bucket; make it, or correct the name",
    "ACCESS_DENIED": "access was denied; give credentials that may {may}",
    "INVALID_ACCESS_KEY": "the credentials are not known there; check the environment",
    "SIGNATURE_DOES_NOT_MATCH": "the secret does not fit the key; check the environment",
    "EXPIRED_TOKEN": "the credentials have expired; renew them",
    "HTTP status 403": "access was denied; give credentials that may {may}",
}
"""What no waiting mends, by what the store's client says, and what to do about it."""

_SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@dataclass(frozen=True)
class Entry:
    """What a store tells of an object: its bytes, and when it was last written by its clock."""

    size: int
    modified: datetime | None


class Store:
    """Objects below one URI, by names relative to it, such as trials/t0001/record.json."""

    def __init__(
        self,
        uri: str,
        *,
        what: str = "an output",
        may: str = "list, read, write and delete",
        go_on: str | None = None,
        waits: tuple[float, ...] = _WAITS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Finds the file system.

        Args:
            uri: Anything pyarrow.fs understands: s3://, gs://, abfs://, file:// …
            what: What the place is to the user, for messages.
            may: What credentials must allow, for messages.
            go_on: What to do once the store is up again; None for going on with a search there.
            waits: Seconds before each further try when the store does not answer.
            sleep: Waits so long.

        Raises:
            RunDirectoryError: if pyarrow does not know the URI, or it may not be used.
            StoreError: if the store does not answer.
        """
        self.uri = uri
        self._what = what
        self._may = may
        self._go_on = go_on or (
            f"go on with `neurosweep search --resume --output {uri}` (what was finished is kept)"
        )
        self._waits = waits
        self._sleep = sleep
        self._files, base = self._attempt("be reached", lambda: _file_system(uri))
        self._base = str(base).rstrip("/")
        self._is_local = self._files.type_name == "local"

    def __str__(self) -> str:
        return self.uri

    def put(self, name: str, content: bytes) -> None:
        """Writes an object; readers see the whole of it or what was there before."""
        self._attempt(f"take {name}", lambda: self._put(name, content))

    def get(self, name: str) -> bytes | None:
        """Reads an object; None where there is none."""
        return self._attempt(f"give {name}", lambda: self._get(name))

    def delete(self, name: str) -> None:
        """Deletes an object, if it is there."""
        self._attempt(f"delete {name}", lambda: self._delete(name))

    def entry(self, name: str) -> Entry | None:
        """What the store tells of one object; None where there is none."""
        return self._attempt(f"tell of {name}", lambda: self._entry(name))

    def entries(self) -> dict[str, Entry]:
        """Every object below the URI, by its name relative to it."""
        return self._attempt("list what is there", self._entries)

    def require(self) -> None:
        """Makes sure that the bucket, or the folder, is there.

        A listing does not tell a bucket that is missing from one that is empty.

        Raises:
            RunDirectoryError: if it is not.
        """
        from pyarrow.fs import FileType

        top = self._base if self._is_local else self._base.partition("/")[0]
        found = self._attempt("tell of the bucket", lambda: self._files.get_file_info(top))
        if found.type == FileType.NotFound:
            raise RunDirectoryError(
                f"{self.uri} cannot be used: there is no such bucket or folder; make it, or "
                "correct the name"
            )

    def _path(self, name: str) -> str:
        return f"{self._base}/{name}"

    def _put(self, name: str, content: bytes) -> None:
        path = self._path(name)
        if not self._is_local:
            with self._files.open_output_stream(path) as stream:
                stream.write(content)
            return
        # An object appears when its upload is complete; a file has to be renamed for that.
        self._files.create_dir(str(PurePosixPath(path).parent), recursive=True)
        aside = f"{path}.{secrets.token_hex(4)}.partial"
        with self._files.open_output_stream(aside) as stream:
            stream.write(content)
        self._files.move(aside, path)

    def _get(self, name: str) -> bytes | None:
        try:
            with self._files.open_input_stream(self._path(name)) as stream:
                content: bytes = stream.read()
                return content
        except FileNotFoundError:
            return None

    def _delete(self, name: str) -> None:
        try:
            self._files.delete_file(self._path(name))
        except FileNotFoundError:
            return

    def _entry(self, name: str) -> Entry | None:
        from pyarrow.fs import FileType

        info = self._files.get_file_info(self._path(name))
        return Entry(info.size, info.mtime) if info.type == FileType.File else None

    def _entries(self) -> dict[str, Entry]:
        from pyarrow.fs import FileSelector, FileType

        below = FileSelector(self._base, recursive=True, allow_not_found=True)
        prefix = f"{self._base}/"
        return {
            info.path.removeprefix(prefix): Entry(info.size, info.mtime)
            for info in self._files.get_file_info(below)
            if info.type == FileType.File
        }

    def _attempt(self, what: str, action: Callable[[], _T]) -> _T:
        """Does it, again after a while where the store does not answer.

        Raises:
            RunDirectoryError: if no waiting helps.
            StoreError: if it did not answer in the end.
        """
        for wait in (*self._waits, None):
            try:
                return action()
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                raise RunDirectoryError(
                    f"{self._what} is a folder or a URI that pyarrow understands (s3://, gs://, "
                    f"abfs://); {self.uri} is not: {_without_secrets(error)}"
                ) from None
            except OSError as error:
                self._refuse_hopeless(error)
                if wait is None:
                    raise self._silent(what, error) from None
                self._sleep(wait)
        raise RuntimeError("the last try either returns or raises")

    def _refuse_hopeless(self, error: OSError) -> None:
        text = _without_secrets(error)
        for mark, advice in _HOPELESS.items():
            if mark in text or (isinstance(error, PermissionError) and mark == "ACCESS_DENIED"):
                told = advice.format(may=self._may)
                raise RunDirectoryError(
                    f"{self.uri} cannot be used: {told} (the store said: {text})"
                ) from None

    def _silent(self, what: str, error: OSError) -> StoreError:
        return StoreError(
            f"{self.uri} did not {what} in {len(self._waits) + 1} tries; see whether network and "
            f"store are up, then {self._go_on}. The store's client said: {_without_secrets(error)}"
        )


def _file_system(uri: str) -> tuple[Any, str]:
    from pyarrow.fs import FileSystem

    found: tuple[Any, str] = FileSystem.from_uri(uri)
    return found


def _without_secrets(error: BaseException) -> str:
    text = str(error)
    for name in _SECRETS:
        if value := os.environ.get(name):
            text = text.replace(value, "***")
    return text
