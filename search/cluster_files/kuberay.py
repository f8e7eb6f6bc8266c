"""A file for KubeRay: the parts that rules look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search.cluster_files.reading import mapping

__all__ = [
    "KUBERAY",
    "KubeRayFile",
    "container_of",
    "cpus_of",
    "environment_of",
    "is_kuberay",
]

KUBERAY = ("RayJob", "RayCluster")
"""The kinds on which a search can run."""


def is_kuberay(document: Mapping[str, Any]) -> bool:
    """Whether a document is for KubeRay."""
    return str(document.get("apiVersion", "")).startswith("ray.io/")


@dataclass(frozen=True, kw_only=True)
class KubeRayFile:
    """One document for KubeRay, and what stands beside it.

    Args:
        written: The document.
        others: The other documents of the file, such as claims, secrets and services.
    """

    written: Mapping[str, Any]
    others: Sequence[Mapping[str, Any]]

    @property
    def is_job(self) -> bool:
        """Whether it is a RayJob, which ends; a RayCluster stays."""
        return self.written.get("kind") == "RayJob"

    @property
    def job(self) -> dict[str, Any]:
        """The specification of the job; empty for a cluster alone."""
        return mapping(self.written.get("spec")) if self.is_job else {}

    @property
    def cluster(self) -> dict[str, Any]:
        """The specification of the cluster."""
        return (
            mapping(self.job, "rayClusterSpec")
            if self.is_job
            else mapping(self.written.get("spec"))
        )

    @property
    def head(self) -> dict[str, Any]:
        """The head's group."""
        return mapping(self.cluster, "headGroupSpec")

    @property
    def workers(self) -> dict[str, dict[str, Any]]:
        """The groups of workers, by name."""
        groups = self.cluster.get("workerGroupSpecs")
        found = [mapping(group) for group in groups] if isinstance(groups, list) else []
        return {str(group.get("groupName", at)): group for at, group in enumerate(found)}

    @property
    def containers(self) -> dict[str, dict[str, Any]]:
        """The container in which Ray runs, of the head and of each group of workers."""
        groups = {"headGroupSpec": self.head} if self.head else {}
        groups |= {f"workerGroupSpecs.{name}": group for name, group in self.workers.items()}
        return {place: container_of(group) for place, group in groups.items()}


def container_of(group: Mapping[str, Any]) -> dict[str, Any]:
    """The container in which Ray runs: KubeRay takes the first."""
    containers = mapping(group.get("template"), "spec").get("containers")
    return mapping(containers[0]) if isinstance(containers, list) and containers else {}


def environment_of(container: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The environment of a container: each variable's entry by its name."""
    entries = container.get("env")
    found = [mapping(entry) for entry in entries] if isinstance(entries, list) else []
    return {str(entry.get("name")): entry for entry in found}


def cpus_of(value: Any) -> float | None:
    """A quantity of Kubernetes, such as 8 or 7500m."""
    text = str(value)
    try:
        return float(text[:-1]) / 1000 if text.endswith("m") else float(text)
    except ValueError:
        return None
