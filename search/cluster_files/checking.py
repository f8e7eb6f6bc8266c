"""Looks through one cluster file with every rule that is for its kind."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from search.cluster_files.access import access_findings
from search.cluster_files.addresses import address_findings
from search.cluster_files.autoscaler import autoscaler_findings
from search.cluster_files.costs import cost_findings
from search.cluster_files.findings import Finding, error
from search.cluster_files.fitting import (
    Trial,
    fitting_findings,
    launcher_shapes,
    unsaid_findings,
)
from search.cluster_files.head_rules import head_findings
from search.cluster_files.image_rules import image_findings, launcher_images
from search.cluster_files.kuberay import KubeRayFile, is_kuberay
from search.cluster_files.kuberay_access import kuberay_access_findings
from search.cluster_files.kuberay_growth import kuberay_growth_findings
from search.cluster_files.kuberay_rules import kuberay_findings, kuberay_images, kuberay_shapes
from search.cluster_files.launcher import LauncherFile
from search.cluster_files.paths import path_findings
from search.cluster_files.placeholders import placeholders
from search.cluster_files.ray_validation import ray_defaults, ray_findings
from search.cluster_files.reading import mapping, read
from search.cluster_files.sdk import sdk_findings

__all__ = ["check"]

_CLAIM = "PersistentVolumeClaim"  # of a file like clusters/kuberay_storage.yaml: only filled in


def check(path: Path, trial: Trial) -> list[Finding]:
    """Everything that is wrong with a cluster file; nothing is started, and no cloud is asked.

    Args:
        path: A file of Ray's launcher or of KubeRay.
        trial: What one trial asks for.

    Returns:
        The findings, errors first; a file that cannot be read has one.
    """
    documents = read(path)
    if isinstance(documents, Finding):
        return [documents]
    return _sorted([*_open(documents), *_by_kind(documents, trial)])


def _by_kind(documents: list[dict[str, Any]], trial: Trial) -> Iterator[Finding]:
    for_kuberay = [document for document in documents if is_kuberay(document)]
    if for_kuberay:
        for document in for_kuberay:
            others = [other for other in documents if other is not document]
            yield from _kuberay(KubeRayFile(written=document, others=others), trial)
    elif len(documents) == 1 and {"provider", "cluster_name"} & documents[0].keys():
        yield from _launcher(documents[0], trial)
    elif not all(document.get("kind") == _CLAIM for document in documents):
        yield error(
            "kind",
            "neither keys of Ray's launcher (cluster_name, provider) nor apiVersion: ray.io/…",
            "name a file like cluster.yaml or one of those in clusters/",
        )


def _open(documents: Iterable[dict[str, Any]]) -> Iterator[Finding]:
    return itertools.chain.from_iterable(map(placeholders, documents))


def _launcher(document: dict[str, Any], trial: Trial) -> Iterator[Finding]:
    provider = mapping(document, "provider").get("type")
    file = LauncherFile(written=document, defaults=ray_defaults(str(provider)))
    yield from ray_findings(document)
    yield from address_findings(file)
    yield from path_findings(file)
    yield from image_findings(launcher_images(file))
    yield from head_findings(file)
    yield from fitting_findings(launcher_shapes(file), trial)
    yield from unsaid_findings(file)
    yield from access_findings(file)
    yield from autoscaler_findings(file)
    yield from cost_findings(file)
    yield from sdk_findings(file)


def _kuberay(file: KubeRayFile, trial: Trial) -> Iterator[Finding]:
    yield from kuberay_findings(file)
    if file.head:
        yield from image_findings(kuberay_images(file))
        yield from fitting_findings(kuberay_shapes(file), trial)
        yield from kuberay_growth_findings(file)
        yield from kuberay_access_findings(file)


def _sorted(findings: list[Finding]) -> list[Finding]:
    """Errors first, each once, otherwise as they were found."""
    return sorted(dict.fromkeys(findings), key=lambda finding: finding.level)
