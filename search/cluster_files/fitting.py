"""Whether one trial fits a worker; one that fits none waits for ever."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from search.cluster_files.findings import Finding, error, warning
from search.cluster_files.launcher import LauncherFile
from search.cluster_files.reading import mapping, number
from search.cluster_files.start_commands import Start

__all__ = ["Shape", "Trial", "fitting_findings", "launcher_shapes", "unsaid_findings"]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What one trial asks for.

    Args:
        cpus: `resources.cpus_per_trial`.
        gpus: `resources.gpus_per_trial`; `auto` is one where any worker has GPUs, else none. Of
            more than one a trial of the search takes one; fine-tuning of backbones takes all.
        source: The experiment that says so.
    """

    cpus: float
    gpus: float | Literal["auto"]
    source: str


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a kind of worker offers; None where only the machine itself knows."""

    cpus: float | None
    gpus: float | None


def launcher_shapes(file: LauncherFile) -> dict[str, Shape]:
    """The kinds of workers of a file of Ray's launcher of which there may be any, by name."""
    if file.is_local:
        return {f"worker {at}": _started(start) for at, start in enumerate(file.worker_starts)}
    most = number(file.value("max_workers"))
    return {
        name: _shape(mapping(kind, "resources"))
        for name, kind in file.workers.items()
        if number(kind.get("max_workers", most)) != 0 and most != 0
    }


def fitting_findings(shapes: Mapping[str, Shape], trial: Trial) -> Iterator[Finding]:
    """Whether there are workers, and whether a trial fits one of them."""
    if not shapes:
        yield error(
            "resources",
            "no kind of worker that may run",
            "add one with max_workers of at least 1: the head runs no trial",
        )
        return
    unknown = [name for name, shape in shapes.items() if shape.cpus is None or shape.gpus is None]
    gpus = min(_gpus(shapes, trial), 1.0)  # more than one is for fine-tuning alone
    if any(_fits(shape, trial.cpus, gpus) for shape in shapes.values()):
        yield from _for_fine_tuning(shapes, trial)
        return
    asked = f"a trial asks for {trial.cpus:g} CPUs and {gpus:g} GPUs ({trial.source})"
    known = {name: shape for name, shape in shapes.items() if name not in unknown}
    offered = ", ".join(f"{name}: {_said(shape)}" for name, shape in known.items())
    yield error(
        "resources",
        f"{asked}, and no kind of worker offers that: {offered}",
        "take larger workers, or lower resources.cpus_per_trial or resources.gpus_per_trial",
    )


def _for_fine_tuning(shapes: Mapping[str, Shape], trial: Trial) -> Iterator[Finding]:
    gpus = _gpus(shapes, trial)
    if gpus > 1 and not any(_fits(shape, trial.cpus, gpus) for shape in shapes.values()):
        yield warning(
            "resources",
            f"no kind of worker has {gpus:g} GPUs ({trial.source}): trials take one each, and "
            "fine-tuning of backbones, which could use more, will take one as well",
            f"add a kind with {gpus:g} GPUs, or set resources.gpus_per_trial to 1",
        )


def unsaid_findings(file: LauncherFile) -> Iterator[Finding]:
    """Kinds of workers in a cloud whose CPUs the file does not say."""
    for name, kind in file.workers.items():
        if not file.is_local and "CPU" not in mapping(kind, "resources"):
            yield warning(
                "resources",
                f"available_node_types.{name} does not say how many CPUs it has",
                "write resources: {CPU: N, GPU: N}, so that this can be checked",
            )


def _started(start: Start) -> Shape:
    return Shape(cpus=number(start.flags.get("num-cpus")), gpus=number(start.flags.get("num-gpus")))


def _shape(resources: dict[str, Any]) -> Shape:
    cpus = number(resources.get("CPU"))
    return Shape(cpus=cpus, gpus=number(resources.get("GPU", None if cpus is None else 0)))


def _gpus(shapes: Mapping[str, Shape], trial: Trial) -> float:
    if trial.gpus != "auto":
        return trial.gpus
    return 1.0 if any((shape.gpus or 0) >= 1 for shape in shapes.values()) else 0.0


def _fits(shape: Shape, cpus: float, gpus: float) -> bool:
    """Whether it fits, as far as is known."""
    enough_cpus = shape.cpus is None or shape.cpus >= cpus
    return enough_cpus and (shape.gpus is None or shape.gpus >= gpus)


def _said(shape: Shape) -> str:
    return f"{shape.cpus:g} CPUs, {shape.gpus:g} GPUs"
