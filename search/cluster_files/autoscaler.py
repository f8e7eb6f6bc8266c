"""Which of Ray's two autoscalers a cluster of own machines gets."""

from __future__ import annotations

from collections.abc import Iterator

from search.cluster_files.findings import Finding, warning
from search.cluster_files.launcher import LauncherFile
from search.cluster_files.reading import mapping

__all__ = ["autoscaler_findings"]

_SWITCH = "RAY_enable_autoscaler_v2"


def autoscaler_findings(file: LauncherFile) -> Iterator[Finding]:
    """Own machines need the first autoscaler: seen with Ray 2.60.0, where one worker joined.

    `ray up` exports the switch as 1 before the head's command, so that command has the last word.
    """
    workers = mapping(file.written, "provider").get("worker_ips")
    several = isinstance(workers, list) and len(workers) > 1
    if not file.is_local or not several:
        return
    for start in file.head_starts:
        if start.environment.get(_SWITCH) != "0":
            yield warning(
                "autoscaler",
                f"no {_SWITCH}=0 in the head's `ray start`: only one worker would join",
                f"write {_SWITCH}=0 there, or start with RAY_UP_enable_autoscaler_v2=0 ray up",
            )
