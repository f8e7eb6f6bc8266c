"""What is paid although nobody uses it."""

from __future__ import annotations

from collections.abc import Iterator

from search.cluster_files.findings import Finding, warning
from search.cluster_files.launcher import LauncherFile
from search.cluster_files.reading import number

__all__ = ["LONG_IDLE", "cost_findings"]

LONG_IDLE = 60.0
"""Minutes after which an idle worker has cost more than starting it anew."""


def cost_findings(file: LauncherFile) -> Iterator[Finding]:
    """Workers of a cloud that run, and cost, without trials."""
    if file.is_local:
        return
    for name, kind in file.workers.items():
        least = number(kind.get("min_workers")) or 0
        if least > 0:
            yield warning(
                "min-workers",
                f"available_node_types.{name}.min_workers is {least:g}: these run, and are paid, "
                "from `ray up` to `ray down`, used or not",
                "set it to 0: workers come when a search asks for them",
            )
    idle = number(file.value("idle_timeout_minutes"))
    if idle is not None and idle > LONG_IDLE:
        yield warning(
            "idle-timeout",
            f"an idle worker is kept and paid for {idle:g} minutes",
            "set idle_timeout_minutes to about 5",
        )
