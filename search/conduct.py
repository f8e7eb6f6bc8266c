"""One run from images to a leaderboard: the stages in their order, whatever ends them early."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

import reports
import scans
from neurosweep.errors import DataError, ExperimentError, NeurosweepError, RunDirectoryError
from reports.ranking import Ranking
from reports.wording import printable
from scans.files.folder import find_files
from scans.phantom import PHANTOM_CLASSES
from search import provenance
from search.books.assignment import Plan
from search.books.held_before import held_before, held_now
from search.books.warm_start import check_warm_start
from search.budgets.budget import Budget
from search.budgets.priced import check_priced
from search.display import Display, PlainDisplay, SeveralDisplays, StatusFile, display_for
from search.experiment import Experiment
from search.interrupts import sigterm_as_interrupt, take_sigterm
from search.mirror.restore import read_info
from search.mirror.store import Store
from search.runs.output import RunUri
from search.runs.run_directory import RunDirectory, default_location, mirror_of, newest_run
from search.runs.stopping import StopRequest
from search.sinks import check_sinks, open_sinks
from search.stages.context import (
    FINAL_STAGES,
    PLACE_LIMIT,
    Run,
    StageWorkers,
    losing,
    placing,
    timed,
)
from search.stages.cross_validate import cross_validate
from search.stages.ensemble import ensemble
from search.stages.evaluate import evaluate, finalists
from search.stages.explain import explain
from search.stages.fine_tune import fine_tune
from search.stages.measure import choose_runtime
from search.stages.node_notes import note_nodes, note_present
from search.stages.prepare import prepare
from search.stages.publish import publish_tables, publish_winner
from search.stages.repeat import repeat
from search.stages.screen import screen
from search.stages.search import search
from search.staging.images import have_images
from search.workers.cluster import Capacity, connected, for_fine_tuning, plan_workers
from search.workers.depot import RemoteDepot, depot
from search.workers.places import nodes
from search.workers.roll_call import RollCall

__all__ = ["Request", "conduct", "open_run", "resumed_experiment"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a user asked for.

    Attributes:
        experiment: The experiment, options of the command line already applied.
        output: The run directory, or its place on an object store; None for the default place.
        resume: Go on with that run, or with the newest one.
        address: A Ray cluster, or None for this machine.
        quiet: Show nothing but the result.
        command: The command line, for the record.
    """

    experiment: Experiment
    output: Path | RunUri | None = None
    resume: bool = False
    address: str | None = None
    quiet: bool = False
    command: Sequence[str] = ()


def conduct(request: Request) -> Path:
    """Runs every stage and returns the run directory.

    Raises:
        NeurosweepError: whatever a stage could not do; what was finished stays on disk.
        KeyboardInterrupt: on Ctrl-C or SIGTERM, after a partial leaderboard was written.
    """
    budget = _budget(request.experiment)
    plan = _checked(request.experiment)
    if not request.resume:  # what they taught is in the journal then
        check_warm_start(plan)
    with (
        sigterm_as_interrupt(),
        open_run(request) as directory,
        _told(request, directory, budget) as display,
    ):
        # Before anything can end this sitting: its end writes down what all sittings held.
        for stage, spent in held_before(directory).items():
            budget.held.take_over(stage, spent)
        if directory.uri is not None:
            display.note(f"mirrored to {directory.uri}; the run directory is {directory.path}")
        try:
            _stages(request, directory, budget, display)
        except KeyboardInterrupt:
            _end_early(directory, budget, "interrupted")
            with contextlib.suppress(NeurosweepError):  # a full disk does not make it a failure
                display.note(
                    f"interrupted; what was finished is in {directory.path}/leaderboard.parquet, "
                    f"and `neurosweep search --resume --output {directory.uri or directory.path}` "
                    "goes on"
                )
            raise
        except BaseException:
            _end_early(directory, budget, "failed")
            raise
    return directory.path


def _budget(experiment: Experiment) -> Budget:
    settings = experiment.search
    return Budget(
        trials=settings.trials,
        seconds=settings.time_budget,
        worker_hours=settings.worker_hours,
        gpu_hours=settings.gpu_hours,
        max_cost=settings.max_cost,
        prices=experiment.resources.prices,
        folds=experiment.data.folds,
        repeats=experiment.final.repeats,
    )


@contextlib.contextmanager
def _told(request: Request, run: RunDirectory, budget: Budget) -> Iterator[Display]:
    """All that is told of a run: whoever looks on, the log, other shells, and the sinks."""
    ranking = Ranking(request.experiment.search.aim.objectives)
    shown = display_for(quiet=request.quiet, budget=budget, ranking=ranking)
    with run.log() as log, StatusFile(run, budget, ranking) as status:
        logged = PlainDisplay(Console(file=log, width=200), budget, ranking=ranking)
        ours = SeveralDisplays(shown, logged, status)
        with open_sinks(request.experiment.search.sinks, run, ours.note) as sinks:
            yield SeveralDisplays(ours, *sinks)


def _checked(experiment: Experiment) -> Plan:
    """Checks whatever can be wrong before a run directory is made: a typo must not leave one."""
    check_sinks(experiment.search.sinks)
    path = experiment.data.path
    labels, groups = experiment.data.labels, experiment.data.groups
    classes = PHANTOM_CLASSES if path is None else find_files(have_images(path), labels).classes
    if groups is not None and not groups.is_file():
        raise DataError(f"data.groups must name a CSV of file and group; there is no {groups}")
    plan = Plan(experiment=experiment, classes=classes)
    plan.check()
    return plan


def open_run(request: Request) -> RunDirectory:
    """Makes the run directory, or opens the one to go on with.

    Raises:
        RunDirectoryError: if it exists and is not to be resumed, or the other way round.
    """
    now, output = datetime.now(UTC), request.output
    if not request.resume:
        place = output or default_location(request.experiment.name, now.astimezone())
        path, store = _place(place)
        return RunDirectory.create(path, _info(request, now), store=store)
    path, store = _place(output or newest_run(Path.cwd() / "runs"))
    run = RunDirectory.reopen(path, store=store or mirror_of(path))
    StopRequest(run.path).take()  # it was meant for an earlier sitting
    with run.closed_on_error():
        run.update(
            **provenance.resumed(run.info, request.command, now),
            experiment=request.experiment.model_dump(mode="json"),
        )
    return run


def _place(output: Path | RunUri) -> tuple[Path, Store | None]:
    if isinstance(output, RunUri):
        return output.folder, Store(output.text)
    return output, None


def resumed_experiment(output: Path | RunUri) -> Experiment:
    """Returns the experiment that a run began with.

    Raises:
        RunDirectoryError: if it is not a run, or its experiment cannot be read any more.
        StoreError: if the store that has it does not answer.
    """
    info = None if isinstance(output, Path) else read_info(Store(output.text))
    if info is None:
        info = reports.read_run(output if isinstance(output, Path) else output.folder).info
    try:
        return Experiment.model_validate(info["experiment"])
    except (KeyError, ValueError) as error:
        raise RunDirectoryError(
            f"the experiment in the run.yaml of {output} cannot be read ({error}); was it edited?"
        ) from None


def _info(request: Request, now: datetime) -> dict[str, Any]:
    return {
        "name": request.experiment.name,
        "command": list(request.command),
        "began": now.isoformat(timespec="seconds"),
        "seed": request.experiment.search.seed,
        "experiment": request.experiment.model_dump(mode="json"),
        **provenance.program(),
        "hardware": provenance.hardware(),
    }


def _stages(request: Request, run: RunDirectory, budget: Budget, display: Display) -> None:
    experiment = request.experiment
    with timed(run, display, "prepare"):
        source, found = prepare(run, experiment.data, seed=experiment.search.seed)
        for line in found:
            display.note(printable(line))  # names of files come from others
        plan = Plan(experiment=experiment, classes=source.classes)
    _say_what_random_means(plan, display)
    with (
        connected(request.address, run.path, note=display.note) as capacity,
        _depot(request, run, plan, source) as shared,
    ):
        take_sigterm()  # Ray takes it for itself when it starts
        if capacity.doubt:
            display.note(capacity.doubt)
        roll_call = None if request.address is None else _call_roll(run, display)
        workers, resources = plan_workers(experiment.resources, capacity)
        _give_resources(budget, experiment, resources)
        check_priced(budget, nodes(), resources)
        with timed(run, display, "measure"), budget.held.holding("measure", "measure"):
            runtime = choose_runtime(
                run,
                plan,
                source,
                resources,
                display,
                depot=shared,
                here=request.address is None,
                placed=placing(budget, "measure", display),
                lost=losing(budget, "measure", display),
            )
        check_priced(budget, nodes(), resources)  # there may have been no node before
        run.update(
            state="running", workers=workers, resources=resources, cluster=capacity.to_dict()
        )
        under_way = Run(
            directory=run,
            plan=plan,
            source=source,
            budget=budget,
            display=display,
            resources=resources,
            workers=workers,
            runtime=runtime,
            records=list(reports.read_run(run.path).records),
            depot=shared,
            roll_call=roll_call,
        )
        if experiment.transfer is not None:
            with timed(run, display, "screen", f"{len(plan.backbones())} backbones"):
                under_way.records.extend(screen(under_way))
            run.update(**held_now(budget.held.by_stage()))  # a kill would leave no trace of it
        with timed(run, display, "search", f"{workers} at once"):
            searched = search(under_way)
        note_nodes(run, shared)
        tuned = [r for r in under_way.records if r.stage != reports.Stage.SEARCH]
        _finish(replace(under_way, records=[*searched, *tuned]), capacity)
    ended = datetime.now(UTC).isoformat(timespec="seconds")
    run.update(state="finished", ended=ended, **held_now(budget.held.by_stage()))
    publish_tables(run)


def _call_roll(run: RunDirectory, display: Display) -> RollCall:
    """Compares the nodes of a cluster with this driver before anything is placed on them."""
    roll_call = RollCall(display.note, partial(note_present, run))
    roll_call.begin()
    return roll_call


def _finish(run: Run, capacity: Capacity) -> None:
    """The stages after the search, on one worker that stays warm from one to the next.

    Fine-tuning alone has a worker of its own where it gets more GPUs than the others.
    """
    directory, display = run.directory, run.display
    own, asked = for_fine_tuning(run.plan.experiment, run.resources, capacity), _gpus_asked(run)
    if own is None and asked > 1:
        display.note(
            f"resources.gpus_per_trial asks for {asked:g}: only fine-tuning of backbones takes "
            "more than one, on a node that has as many; one is taken"
        )
    is_tuned = own is not None and _fine_tune_on_several(run, own)
    with run.hired(FINAL_STAGES, "final") as worker:
        if not is_tuned:
            _fine_tune(run, worker)
        chosen = f"{len(finalists(run))} finalists"
        if (repeats := run.plan.experiment.final.repeats) > 1:
            with timed(directory, display, "repeat", f"{chosen}, {repeats} seeds"):
                repeat(run, worker)
        if (folds := run.plan.experiment.data.folds) is not None:
            with timed(directory, display, "cross_validate", f"{chosen}, {folds} folds"):
                cross_validate(run, worker)
        if run.plan.experiment.final.ensemble is not False:
            with timed(directory, display, "ensemble", f"of {chosen}"):
                ensemble(run, worker, finalists(run))
        with timed(directory, display, "evaluate", f"{chosen} on the test set"):
            evaluate(run, worker)
        explain(run, worker)
        with timed(directory, display, "publish"):
            publish_winner(run, worker)
            publish_tables(directory)


def _fine_tune_on_several(run: Run, own: Mapping[str, float]) -> bool:
    """Fine-tunes with several GPUs; False if no node that has them came in time."""
    left = run.budget.fine_tune_seconds_left()
    wait = PLACE_LIMIT if left is None else min(PLACE_LIMIT, left / 2)
    with run.hired(FINAL_STAGES, "final", own) as several:
        if several.ready(wait):
            _fine_tune(run, several, f"{own['GPU']:g} GPUs")
            return True
    run.display.note(
        f"no node with {own['GPU']:g} GPUs had a place for fine-tuning within {wait:.0f} s; it "
        f"takes {run.resources['GPU']:g}"
    )
    return False


def _gpus_asked(run: Run) -> float:
    asked = run.plan.experiment.resources.gpus_per_trial
    return 1.0 if asked == "auto" else asked


def _fine_tune(run: Run, worker: StageWorkers, detail: str = "") -> None:
    if run.plan.experiment.final.fine_tune:
        with timed(run.directory, run.display, "fine_tune", detail):
            fine_tune(run, worker)


@contextlib.contextmanager
def _depot(
    request: Request, run: RunDirectory, plan: Plan, source: scans.Source
) -> Iterator[RemoteDepot | None]:
    """Where workers of other machines find images, features and weights.

    None on this machine alone without backbones: then workers lack nothing.
    """
    transfer = plan.experiment.transfer
    if transfer is None and request.address is None:
        yield None
        return
    weights = "random" if transfer is None else transfer.weights
    # A local Ray has one node, on which the driver's folder is.
    manifest = None if request.address is None else run.path / "manifest.parquet"
    with depot(source, weights, manifest) as shared:
        try:
            yield shared
        finally:
            with contextlib.suppress(Exception):  # what ended the run matters more
                note_nodes(run, shared)


def _give_resources(budget: Budget, experiment: Experiment, resources: dict[str, float]) -> None:
    if experiment.search.gpu_hours is not None and resources["GPU"] == 0:
        raise ExperimentError(
            "search.gpu_hours counts the GPUs that trials hold; here a trial has none: set "
            "search.worker_hours or search.time_budget, or use a cluster with GPUs"
        )
    budget.workers_have(resources["GPU"], resources["CPU"])


def _say_what_random_means(plan: Plan, display: Display) -> None:
    transfer = plan.experiment.transfer
    if transfer is not None and transfer.weights == "random":
        display.note("backbones have RANDOM weights, as asked: their figures show nothing")


def _end_early(run: RunDirectory, budget: Budget, state: str) -> None:
    """Leaves a partial leaderboard behind; what ended the run matters more than this does."""
    with contextlib.suppress(Exception):
        run.update(state=state, **held_now(budget.held.by_stage()))
        publish_tables(run)
