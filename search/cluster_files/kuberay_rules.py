"""The rules for a file of KubeRay: versions, the head, workers, the end, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from search.cluster_files.costs import LONG_IDLE
from search.cluster_files.findings import Finding, error, warning
from search.cluster_files.fitting import Shape
from search.cluster_files.images import OUR_RAY
from search.cluster_files.kuberay import KUBERAY, KubeRayFile, container_of, cpus_of
from search.cluster_files.reading import mapping, number

__all__ = ["kuberay_findings", "kuberay_images", "kuberay_shapes"]

_GPU = "nvidia.com/gpu"

_DAY = 86_400  # seconds


def kuberay_findings(file: KubeRayFile) -> Iterator[Finding]:
    """Everything but access and images, which have modules of their own."""
    kind = file.written.get("kind")
    if kind not in KUBERAY:
        yield error("kind", f"kind: {kind}", f"a search runs on one of {', '.join(KUBERAY)}")
        return
    if not file.head:
        yield error(
            "kind", f"the {kind} has no headGroupSpec", "compare with clusters/kuberay.yaml"
        )
        return
    version = file.cluster.get("rayVersion")
    if str(version) != OUR_RAY:
        yield error("image", f"rayVersion: {version}, ours is {OUR_RAY}", f"rayVersion: {OUR_RAY}")
    yield from _head(file)
    yield from _end(file)
    yield from _runs(file)
    yield from _costs(file)


def kuberay_images(file: KubeRayFile) -> dict[str, str]:
    """The images in which Ray runs, by the place where they stand."""
    images = {f"{place}.image": one.get("image") for place, one in file.containers.items()}
    return {place: image for place, image in images.items() if isinstance(image, str)}


def kuberay_shapes(file: KubeRayFile) -> dict[str, Shape]:
    """The kinds of workers of which there may be any, by name."""
    return {
        name: _shape(group)
        for name, group in file.workers.items()
        if number(group.get("maxReplicas")) != 0
    }


def _shape(group: dict[str, Any]) -> Shape:
    """What Ray makes of a group: its own parameters first, then the container's limits."""
    asked, given = mapping(group, "rayStartParams"), _limits(container_of(group))
    cpus = asked.get("num-cpus", given.get("cpu"))
    gpus = asked.get("num-gpus", given.get(_GPU, 0))
    return Shape(cpus=cpus_of(cpus) if cpus is not None else None, gpus=cpus_of(gpus))


def _limits(container: dict[str, Any]) -> dict[str, Any]:
    resources = mapping(container, "resources")
    return {**mapping(resources, "requests"), **mapping(resources, "limits")}


def _head(file: KubeRayFile) -> Iterator[Finding]:
    asked = mapping(file.head, "rayStartParams")
    if number(asked.get("num-cpus")) != 0:
        yield error(
            "head",
            f"the head offers {asked.get('num-cpus', 'all of its')} CPUs to trials",
            'headGroupSpec.rayStartParams: num-cpus: "0"',
        )
    gpus = cpus_of(_limits(container_of(file.head)).get(_GPU, 0)) or 0
    if gpus > 0 or (number(asked.get("num-gpus")) or 0) > 0:
        yield error(
            "head", "the head has GPUs", f"take {_GPU} and num-gpus out: the driver uses none"
        )


def _end(file: KubeRayFile) -> Iterator[Finding]:
    if not file.is_job:
        yield warning(
            "deadline",
            "a RayCluster runs, and is paid, until somebody deletes it",
            "take a RayJob, as in clusters/kuberay.yaml",
        )
        return
    deadline = number(file.job.get("activeDeadlineSeconds"))
    if deadline is None or deadline <= 0:
        yield error(
            "deadline",
            f"activeDeadlineSeconds: {file.job.get('activeDeadlineSeconds')}",
            "set it to more seconds than the experiment's time budget: a job that hangs must end",
        )
    if file.job.get("shutdownAfterJobFinishes") is not True:
        yield error(
            "clean-up",
            "the cluster stays after the search",
            "shutdownAfterJobFinishes: true, and ttlSecondsAfterFinished: 300",
        )
    later = number(file.job.get("ttlSecondsAfterFinished")) or 0
    if later > _DAY:
        yield warning(
            "clean-up",
            f"ttlSecondsAfterFinished: {later:g}",
            "300 leaves time to look at a failure",
        )


def _runs(file: KubeRayFile) -> Iterator[Finding]:
    """Whether the run directory outlives the pods."""
    if not file.is_job or "://" in str(file.job.get("entrypoint", "")):
        return
    volumes = mapping(file.head.get("template"), "spec").get("volumes")
    found = [mapping(volume) for volume in volumes] if isinstance(volumes, list) else []
    if not any(set(volume) - {"name", "emptyDir", "configMap", "secret"} for volume in found):
        yield error(
            "runs",
            "the run directory is on the head's own disk, which goes with the cluster",
            "mount a persistentVolumeClaim, or give --output s3://BUCKET/… in the entrypoint",
        )


def _costs(file: KubeRayFile) -> Iterator[Finding]:
    scales = file.cluster.get("enableInTreeAutoscaling") is True
    for name, group in file.workers.items():
        place = f"workerGroupSpecs.{name}"
        least = number(group.get("minReplicas", group.get("replicas"))) or 0
        if least > 0:
            yield warning(
                "min-workers",
                f"{place}.minReplicas is {least:g}: paid for, used or not",
                "set it to 0",
            )
        elif not scales and not number(group.get("replicas")):
            received = f"{place} has no replicas, and nothing adds any"
            yield error("resources", received, "enableInTreeAutoscaling: true")
        if group.get("maxReplicas") is None:
            yield warning(
                "min-workers", f"{place} has no maxReplicas", "set a limit to what it may cost"
            )
    idle = number(mapping(file.cluster, "autoscalerOptions").get("idleTimeoutSeconds"))
    if idle is not None and idle > LONG_IDLE * 60:
        received = f"an idle worker is kept and paid for {idle:g} seconds"
        yield warning("idle-timeout", received, "set idleTimeoutSeconds to about 300")
