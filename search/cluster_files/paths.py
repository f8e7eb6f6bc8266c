"""Files that a cluster file names on the machine from which it is started."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from search.cluster_files.findings import Finding, error, warning
from search.cluster_files.launcher import LauncherFile
from search.cluster_files.placeholders import placeholders
from search.cluster_files.reading import mapping

__all__ = ["path_findings"]

_SHARED_BY_ALL = ".ray/auth_token"


def path_findings(file: LauncherFile) -> Iterator[Finding]:
    """Mounted files, keys and scripts that are not there.

    Ray takes relative paths from the folder in which `ray up` is run, so these do as well.
    """
    mounts = mapping(file.written, "file_mounts")
    for target, source in mounts.items():
        if isinstance(source, str):
            yield from _mount(str(target), source)
    for name in ("ssh_private_key", "ssh_public_key"):
        key = mapping(file.written, "auth").get(name)
        if isinstance(key, str) and not any(placeholders({name: key})) and not _exists(key):
            yield error(
                "path", f"auth.{name}: {key} does not exist", "name the key that opens the nodes"
            )
    for command in file.setup:
        yield from _read_by_setup(command, mounts)


def _mount(target: str, source: str) -> Iterator[Finding]:
    if any(placeholders({target: source})) or _exists(source):
        return
    received = f"file_mounts.{target}: {source} does not exist"
    if source.endswith(_SHARED_BY_ALL):
        yield warning("path", received, "before `ray up`: ray get-auth-token --generate")
    else:
        yield error("path", f"{received} (from {Path.cwd()})", "name a file or folder that exists")


def _read_by_setup(command: str, mounts: dict[str, object]) -> Iterator[Finding]:
    """What setup commands read below a mounted folder must be in the folder that is mounted."""
    for target, source in mounts.items():
        if not isinstance(source, str) or not Path(source).expanduser().is_dir():
            continue
        below = str(target).rstrip("/") + "/"
        for name in re.findall(re.escape(below) + r"([\w./-]+\.\w+)", command):
            if not _exists(f"{source}/{name}"):
                yield warning(
                    "path",
                    f"setup reads {below}{name}, and {source} (from {Path.cwd()}) has no {name}",
                    "run `ray up` from the folder of the checkout",
                )


def _exists(path: str) -> bool:
    try:
        return Path(path).expanduser().exists()
    except (OSError, ValueError, RuntimeError):
        return False
