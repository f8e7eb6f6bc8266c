"""What a provider cannot do without, and Ray's validation does not miss."""

from __future__ import annotations

from collections.abc import Iterator

from search.cluster_files.findings import Finding, error
from search.cluster_files.launcher import LauncherFile
from search.cluster_files.reading import mapping

__all__ = ["address_findings"]

_NEEDED = {
    "aws": ("region",),
    "gcp": ("project_id", "region", "availability_zone"),
    "local": ("head_ip", "worker_ips"),
}


def address_findings(file: LauncherFile) -> Iterator[Finding]:
    """Projects, regions and addresses that are empty or missing."""
    provider = mapping(file.written, "provider")
    if not file.provider:
        yield error("provider", "provider.type is missing", "aws, gcp, or local for own machines")
    for key in _NEEDED.get(file.provider, ()):
        if not provider.get(key) and not (file.is_local and "coordinator_address" in provider):
            yield error("provider", f"provider.{key} is empty", "say which")
    workers = provider.get("worker_ips")
    if not file.is_local or not isinstance(workers, list):
        return
    if provider.get("head_ip") in workers:
        yield error(
            "provider",
            f"the head's address {provider.get('head_ip')} is among the workers'",
            "take it out of worker_ips: starting a worker there ends the head",
        )
    if any(not isinstance(one, str) or not one for one in workers):
        yield error("provider", "provider.worker_ips has what is no address", "addresses as text")
