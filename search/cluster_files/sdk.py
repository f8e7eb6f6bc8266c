"""The packages that Ray's launcher imports to talk to a cloud, on the machine that runs it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from search.cluster_files.findings import Finding, warning
from search.cluster_files.launcher import LauncherFile

__all__ = ["sdk_findings"]

_NEEDED = {"aws": ("boto3", "boto3"), "gcp": ("googleapiclient", "google-api-python-client")}
"""By provider: the package that is imported, and the name under which it is installed."""


def sdk_findings(file: LauncherFile) -> Iterator[Finding]:
    """Whether `ray up` can talk to the cloud from here; checking the file needs it not."""
    module, package = _NEEDED.get(file.provider, ("", ""))
    if module and find_spec(module) is None:
        received = (
            f"`ray up` with provider {file.provider} needs {package}, which is not installed here"
        )
        yield warning("sdk", received, f"pip install {package} before `ray up`")
