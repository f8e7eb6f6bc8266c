"""Stage 2: the decoded caches, and what trains fastest on a worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import scans
from neurosweep.errors import NeurosweepError
from search.books.assignment import Plan
from search.display import Display
from search.experiment import Experiment, Resources
from search.runs.run_directory import RunDirectory
from search.stages.context import StageWorkers
from search.stages.node_notes import note_caches
from search.workers.depot import RemoteDepot
from search.workers.patience import Patience
from trainables import Runtime
from trainables.variant import Variant

__all__ = ["choose_runtime"]


def choose_runtime(
    run: RunDirectory,
    plan: Plan,
    source: scans.Source,
    resources: Mapping[str, float],
    display: Display,
    *,
    depot: RemoteDepot | None = None,
    placed: Callable[[Any], None] | None = None,
) -> Runtime:
    """Builds the decoded caches on a worker and measures there; a resumed run keeps its choice.

    Args:
        run: The run directory; its run.yaml gets the choice.
        plan: Says which sizes are trained at.
        source: The driver's.
        resources: What a trial gets, as Ray names it.
        display: Told what was measured.
        depot: Where the worker's node gets images from; None where it has the driver's folder.
        placed: Told the worker's actor once it has its place.

    Returns:
        What every trial of the run is trained under; it stands in run.yaml.
    """
    wanted = plan.experiment.resources
    threads = max(1, int(resources["CPU"]))
    deterministic, fused = wanted.deterministic, wanted.fused_batch_norm
    if deterministic == "auto":
        # Free of cost on CPUs; on GPUs it is not, so there it must be asked for.
        deterministic = resources["GPU"] == 0
    with StageWorkers(
        Runtime(threads=threads),
        resources,
        depot=depot,
        patience=Patience(display.note),
        placed=placed,
    ) as worker:
        sizes = [(size, plan.experiment.data.color) for size in plan.image_sizes()]
        note_caches(run, worker.run("prepare", {"source": source, "sizes": sizes}))
        if "runtime" in run.info:
            return Runtime(**run.info["runtime"])
        if resources["GPU"] == 0 and _is_settled(plan.experiment):
            return _as_asked(run, threads, wanted)
        measured: dict[str, Any] = worker.run(
            "measure",
            {
                "source": source,
                "image_size": plan.image_sizes()[0],
                "channels": plan.task.channels,
                "threads": threads,
            },
        )
    if resources["GPU"] > 0 and measured["device"] == "cpu":
        raise NeurosweepError(
            f"each trial was to have {resources['GPU']:g} GPUs, but TensorFlow sees none on the "
            "worker; install the extra there (pip install 'neurosweep[gpu]'), or train on CPUs "
            "with --set resources.gpus_per_trial=0"
        )
    precision = measured["precision"] if wanted.precision == "auto" else wanted.precision
    fused = measured["fused_batch_norm"] if fused == "auto" else fused
    runtime = Runtime(
        threads=threads,
        precision=precision,
        deterministic=bool(deterministic),
        fused_batch_norm=bool(fused),
    )
    run.update(runtime=dict(vars(runtime)), measured=measured)
    display.note(_choice(runtime, measured))
    return runtime


def _is_settled(experiment: Experiment) -> bool:
    """Whether a measurement would change nothing: all was asked for, or only heads are trained.

    Frozen backbones and heads are computed in float32 whatever trains fastest.
    """
    wanted = experiment.resources
    asked = wanted.precision != "auto" and wanted.fused_batch_norm != "auto"
    return asked or (set(experiment.families) == {"transfer"} and not experiment.final.fine_tune)


def _as_asked(run: RunDirectory, threads: int, wanted: Resources) -> Runtime:
    """The runtime on CPUs of an experiment that leaves nothing to a measurement."""
    fused = wanted.fused_batch_norm
    runtime = Runtime(
        threads=threads,
        precision="float32" if wanted.precision == "auto" else wanted.precision,
        deterministic=bool(wanted.deterministic),  # "auto" too: on CPUs it costs nothing
        fused_batch_norm=fused != "auto" and fused,
    )
    run.update(runtime=dict(vars(runtime)))
    return runtime


def _choice(runtime: Runtime, measured: Mapping[str, Any]) -> str:
    """What trials are trained in, and where the choice comes from."""
    rates = measured["images_per_second"]
    name = Variant(precision=runtime.precision, fused_batch_norm=runtime.fused_batch_norm).name
    gain = f", {rates[name] / rates['float32']:.2f} x float32" if name in rates else ""
    before = " by an earlier run; `neurosweep cache clear` forgets it" if measured["cached"] else ""
    return f"training steps in {name}{gain}, measured{before}"
