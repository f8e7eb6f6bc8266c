"""Stage 2: the decoded caches, and what trains fastest on a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import scans
from neurosweep.errors import NeurosweepError
from neurosweep.extras import install_extra
from search.books.assignment import Plan
from search.display import Display
from search.experiment import Resources
from search.runs.run_directory import RunDirectory
from search.stages.context import StageWorkers
from search.stages.node_notes import note_caches
from search.workers.depot import RemoteDepot
from search.workers.patience import Patience
from search.workers.this_node import whereabouts
from trainables import Runtime
from trainables.variant import Variant

__all__ = ["choose_runtime"]

_NO_XLA = {
    False: "off: on CPUs it compiles for minutes; resources.xla: true asks for it",
    True: "off: Keras compiles nothing where operations are deterministic",
}
"""Why XLA was not measured where nothing was said of it, by whether trials have a GPU."""


def choose_runtime(
    run: RunDirectory,
    plan: Plan,
    source: scans.Source,
    resources: Mapping[str, float],
    display: Display,
    *,
    depot: RemoteDepot | None = None,
    here: bool = False,
    placed: Callable[[Any], None] | None = None,
    lost: Callable[[str], None] | None = None,
) -> Runtime:
    """Builds the decoded caches on a worker and measures there; a resumed run keeps its choice.

    Where this machine is the only one and nothing is left to measure, no worker is started for it.

    Args:
        run: The run directory; its run.yaml gets the choice.
        plan: Says which sizes are trained at.
        source: The driver's.
        resources: What a trial gets, as Ray names it.
        display: Told what was measured.
        depot: Where the worker's node gets images from; None where it has the driver's folder.
        here: Whether trials run on this machine alone.
        placed: Told the worker's actor once it has its place.
        lost: Told why, each time that the worker was lost and is replaced.

    Returns:
        What the trials of each family are trained under; it stands in run.yaml.
    """
    wanted, on_gpu = plan.experiment.resources, resources["GPU"] > 0
    deterministic = wanted.deterministic
    if deterministic == "auto":
        # Free of cost on CPUs; on GPUs it is not, so there it must be asked for.
        deterministic = not on_gpu and wanted.xla is not True
    with_xla = wanted.xla is True or (wanted.xla == "auto" and on_gpu and not deterministic)
    base = Runtime(threads=max(1, int(resources["CPU"])), deterministic=deterministic)
    families = _measured_families(plan)
    sizes = [(size, plan.experiment.data.color) for size in plan.image_sizes()]
    is_settled = not on_gpu and (_is_settled(wanted) or not families)
    nothing_to_measure = is_settled or "runtime" in run.info
    if here and nothing_to_measure:
        note_caches(run, [{**whereabouts(), **one} for one in scans.build_caches(source, sizes)])
        return _unmeasured(run, base, wanted)
    with StageWorkers(
        base,
        resources,
        depot=depot,
        patience=Patience(display.note),
        placed=placed,
        lost=lost,
    ) as worker:
        note_caches(run, worker.run("prepare", {"source": source, "sizes": sizes}))
        if nothing_to_measure:
            return _unmeasured(run, base, wanted)
        measured: dict[str, Any] = worker.run(
            "measure",
            {
                "source": source,
                # Where nothing is measured, a GPU is looked for all the same.
                "image_sizes": families or {"transfer": plan.image_sizes()[0]},
                "channels": plan.task.channels,
                "with_xla": with_xla,
            },
        )
    if on_gpu and any(figures["device"] == "cpu" for figures in measured.values()):
        raise NeurosweepError(
            f"each trial was to have {resources['GPU']:g} GPUs, but TensorFlow sees none on the "
            f"worker; install the extra there (`{install_extra('gpu')}` in the checkout), or train "
            "on CPUs with --set resources.gpus_per_trial=0"
        )
    chosen = {family: _choice(figures, wanted) for family, figures in measured.items()}
    runtime = _together(base, chosen)
    told = {"xla": _NO_XLA[on_gpu]} if wanted.xla == "auto" and not with_xla else {}
    run.update(runtime=runtime.record(), measured={"families": measured, **told})
    for line in _lines(chosen, measured):
        display.note(line)
    return runtime


def _measured_families(plan: Plan) -> dict[str, int]:
    """The families whose steps are worth a measurement, each with its smallest image size.

    Frozen backbones and heads are computed in float32 whatever trains fastest, so `transfer` counts
    for its fine-tuning alone.
    """
    experiment = plan.experiment
    sizes = {name: plan.task.image_size for name in experiment.families if name != "transfer"}
    if experiment.transfer is not None and experiment.final.fine_tune:
        sizes["transfer"] = min(plan.task_for(name).image_size for name in plan.backbones())
    return sizes


def _is_settled(wanted: Resources) -> bool:
    """Whether a measurement on CPUs would change nothing: all was asked for."""
    return wanted.precision != "auto" and wanted.fused_batch_norm != "auto"


def _unmeasured(run: RunDirectory, base: Runtime, wanted: Resources) -> Runtime:
    """What an earlier sitting chose; else that of an experiment which leaves nothing to measure."""
    if "runtime" in run.info:
        return Runtime(**run.info["runtime"])
    plain = {"precision": "float32", "fused_batch_norm": False}
    runtime = _together(base, {"": _choice(plain, wanted)})
    run.update(runtime=runtime.record())
    return runtime


def _choice(figures: Mapping[str, Any], wanted: Resources) -> Variant:
    """What was measured, but for what was asked for."""
    precision, fused, xla = wanted.precision, wanted.fused_batch_norm, wanted.xla
    return Variant(
        precision=figures["precision"] if precision == "auto" else precision,
        fused_batch_norm=figures["fused_batch_norm"] if fused == "auto" else fused,
        xla=figures.get("xla", False) if xla == "auto" else xla,
    )


def _together(base: Runtime, chosen: Mapping[str, Variant]) -> Runtime:
    """One runtime for all families, each with its own variant where they differ."""
    different = set(chosen.values())
    shared = different.pop() if len(different) == 1 else base.variant
    own = {family: variant.record() for family, variant in chosen.items() if variant != shared}
    return Runtime(
        threads=base.threads,
        deterministic=base.deterministic,
        families=own,
        **vars(shared),
    )


def _lines(chosen: Mapping[str, Variant], measured: Mapping[str, Any]) -> Iterator[str]:
    """What trials are trained in, and where the choice comes from."""
    for family, variant in chosen.items():
        figures = measured[family]
        rates, name = figures["images_per_second"], variant.name
        gain = f", {rates[name] / rates['float32']:.2f} x float32" if name in rates else ""
        again = " by an earlier run; `neurosweep cache clear` forgets it"
        before = again if figures["cached"] else ""
        whose = "fine-tuning" if family == "transfer" else family
        yield f"training steps of {whose} in {name}{gain}, measured{before}"
