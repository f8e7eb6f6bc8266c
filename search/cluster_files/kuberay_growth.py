"""Whether the head is told what may come: KubeRay's autoscaler does not tell a search."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

from neurosweep.errors import UserError
from search.cluster_files.findings import Finding, error
from search.cluster_files.fitting import Shape
from search.cluster_files.kuberay import KubeRayFile, container_of, environment_of
from search.cluster_files.kuberay_rules import kuberay_shapes
from search.cluster_files.reading import number
from search.workers.stated_growth import MAY_GROW, read_stated_growth

__all__ = ["kuberay_growth_findings"]


def kuberay_growth_findings(file: KubeRayFile) -> Iterator[Finding]:
    """Compares what the head is told with the groups of workers that the autoscaler may bring."""
    coming = _coming(file)
    if not coming or file.cluster.get("enableInTreeAutoscaling") is not True:
        return
    wanted = _text(coming)
    said = environment_of(container_of(file.head)).get(MAY_GROW, {}).get("value")
    if said is None:
        received = f"the head's environment has no {MAY_GROW}: a search finds no room for a trial"
    elif (problem := _difference(str(said), coming)) is None:
        return
    else:
        received = f"headGroupSpec: {MAY_GROW}: {problem}"
    yield error("may-grow", received, f'env of the head: {MAY_GROW}: "{wanted}"')


def _difference(said: str, coming: Counter[tuple[float, float]]) -> str | None:
    try:
        stated = read_stated_growth(said)
    except UserError as wrong:
        return str(wrong)
    found: Counter[tuple[float, float]] = Counter()
    for kind in stated.kinds:
        found[kind.cpus, kind.gpus] += kind.nodes
    return None if found == coming else f"{_text(found)}, the groups of workers are others"


def _coming(file: KubeRayFile) -> Counter[tuple[float, float]]:
    """Nodes by CPUs and GPUs; empty where a group does not say as much."""
    found: Counter[tuple[float, float]] = Counter()
    for name, shape in kuberay_shapes(file).items():
        nodes = _nodes(file, name)
        if nodes is None or not _is_known(shape):
            return Counter()
        found[shape.cpus or 0.0, shape.gpus or 0.0] += nodes
    return found


def _nodes(file: KubeRayFile, name: str) -> int | None:
    group = file.workers[name]
    most, each = number(group.get("maxReplicas")), number(group.get("numOfHosts", 1))
    nodes = (most or 0) * (each or 0)
    return int(nodes) if 1 <= nodes < math.inf else None


def _is_known(shape: Shape) -> bool:
    return shape.cpus is not None and shape.cpus > 0 and shape.gpus is not None


def _text(coming: Counter[tuple[float, float]]) -> str:
    kinds = (
        f"{{CPU: {cpus:g}, GPU: {gpus:g}, nodes: {nodes}}}"
        for (cpus, gpus), nodes in coming.items()
    )
    return f"[{', '.join(kinds)}]"
