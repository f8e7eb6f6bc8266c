"""Who may reach a cluster of KubeRay: services, the token, and what Ray tells its makers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from search.cluster_files.findings import Finding, error, warning
from search.cluster_files.kuberay import KubeRayFile, container_of, environment_of
from search.cluster_files.reading import mapping

__all__ = ["kuberay_access_findings"]

_OPEN = {"LoadBalancer", "NodePort"}

_INSIDE = "ClusterIP: `kubectl port-forward` reaches the dashboard from outside"


def kuberay_access_findings(file: KubeRayFile) -> Iterator[Finding]:
    """Whether strangers can reach the dashboard, which runs any code for whoever asks."""
    yield from _services(file)
    yield from _token(file)
    told = environment_of(container_of(file.head)).get("RAY_USAGE_STATS_ENABLED", {})
    if file.head and str(told.get("value")) != "0":
        yield warning(
            "usage-statistics", "the head leaves them on", 'env: RAY_USAGE_STATS_ENABLED: "0"'
        )


def _services(file: KubeRayFile) -> Iterator[Finding]:
    own = {"headGroupSpec.serviceType": file.head.get("serviceType")}
    own["headService"] = mapping(file.head, "headService", "spec").get("type")
    own["headService"] = own["headService"] or mapping(file.cluster, "headService", "spec").get(
        "type"
    )
    for document in file.others:
        if document.get("kind") == "Service":
            own[f"Service {_name(document)}"] = mapping(document.get("spec")).get("type")
        if document.get("kind") == "Ingress":
            yield error("dashboard", f"Ingress {_name(document)} leads in from outside", _INSIDE)
    for place, kind in own.items():
        if kind in _OPEN:
            yield error("dashboard", f"{place}: {kind} opens it to the world", _INSIDE)
    if file.head.get("enableIngress") is True:
        yield error("dashboard", "headGroupSpec.enableIngress leads in from outside", _INSIDE)


def _token(file: KubeRayFile) -> Iterator[Finding]:
    written = [document for document in file.others if document.get("kind") == "Secret"]
    for secret in written:
        yield error(
            "authentication",
            f"the secret {_name(secret)} stands in the file",
            "take it out, make another one, and create it with kubectl",
        )
    mode = mapping(file.cluster, "authOptions").get("mode", "token")
    if isinstance(file.cluster.get("authOptions"), dict) and mode == "token":
        return
    for place, container in file.containers.items():
        yield from _by_environment(place, environment_of(container))


def _by_environment(place: str, environment: dict[str, dict[str, Any]]) -> Iterator[Finding]:
    token = environment.get("RAY_AUTH_TOKEN", {})
    if "value" in token:
        received = f"{place}: a token stands in the file (RAY_AUTH_TOKEN)"
        yield error("authentication", received, "take it from a secret: valueFrom.secretKeyRef")
    asked = environment.get("RAY_AUTH_MODE", {}).get("value") == "token"
    if not asked or not token:
        yield error(
            "authentication",
            f"{place} asks for no token",
            "authOptions: {mode: token, secretName: NAME} beside rayVersion",
        )


def _name(document: Any) -> str:
    return str(mapping(document, "metadata").get("name", "without a name"))
