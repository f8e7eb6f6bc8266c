"""What a search would do, without doing it: data, space, screening, trials, weights."""

from __future__ import annotations

from typing import Literal

import spaces
from scans.phantom import PHANTOM_CLASSES
from search.books.assignment import Plan
from search.books.warm_start import check_warm_start
from search.experiment import Experiment
from search.files.uris import is_uri
from search.stages.prepare import phantom_folder
from search.staging.fetching import resolve_weights
from search.staging.images import have_images
from trainables.backbone_weights import missing_weights

__all__ = ["describe"]


def describe(experiment: Experiment) -> str:
    """Returns lines on what would run.

    Raises:
        DataError: if the data folder cannot be used.
        StoreError: if the store that has it does not answer; images there are brought here.
        SpaceError: if a range cannot be.
        RunDirectoryError: if a run to learn from is none.
        ExperimentError: if such a run does not fit, or a backbone to be fine-tuned takes no part.
    """
    data, classes, images = _data(experiment)
    plan = Plan(experiment=experiment, classes=classes)
    space = plan.space()
    plan.check_fine_tuned()
    settings = experiment.search
    papers = (
        spaces.paper_configurations(space, plan.task, experiment.space_families())
        if settings.papers
        else []
    )
    lines = [
        f"experiment   {experiment.name}",
        f"data         {data}",
        f"split        {_split(experiment)}",
        f"families     {', '.join(experiment.families)}",
        f"image sizes  {', '.join(f'{size} px' for size in plan.image_sizes())}, "
        f"{experiment.data.color}",
        f"space        {len(spaces.describe(space))} hyperparameters; `neurosweep spaces` "
        "lists them",
        *_screening(plan, images),
        f"trials       {_trials(experiment)}",
        f"each trial   {_resources(experiment)}",
        f"aim          {_aim(experiment)}",
        f"first trials {_first(experiment, [name for name, _ in papers])}",
        *_learned(plan),
        f"weights      {_weights(plan)}",
        f"seeds        {_seeds(experiment)}",
        f"folds        {_folds(experiment)}",
        f"final        {_final(experiment)}",
        f"limits       {_time(experiment)}",
        *_prices(experiment),
    ]
    return "\n".join(lines)


def _learned(plan: Plan) -> list[str]:
    runs = plan.experiment.search.warm_start
    if not runs:
        return []
    check_warm_start(plan)
    return [f"learns from  {', '.join(map(str, runs))}"]


def _data(experiment: Experiment) -> tuple[str, tuple[str, ...], int | None]:
    """What is said of the images, their classes, and how many are looked at before the test."""
    from scans import default_cache, groups_file_of, read_manifest
    from scans.copies.grouping import read_told_groups

    path = experiment.data.path
    if path is None:
        made = "" if phantom_folder().exists() else ", to be made first"
        return f"the embedded phantom data (synthetic){made}", PHANTOM_CLASSES, None
    folder = have_images(path)
    manifest = read_manifest(folder, labels=experiment.data.labels, cache=default_cache())
    groups_file = groups_file_of(manifest, experiment.data.groups)
    if groups_file is not None:
        read_told_groups(manifest, groups_file)  # raises for a CSV that cannot be
    unreadable = len(manifest.unreadable)
    left_out = f", {unreadable} unreadable left out" if unreadable else ""
    told = f"{manifest.images} images in {path} of {', '.join(manifest.classes)}{left_out}"
    return told, manifest.classes, sum(part != "test" for part in manifest.columns["part"])


def _screening(plan: Plan, images: int | None) -> list[str]:
    """What goes through which backbone before the search; no image where it went before."""
    transfer = plan.experiment.transfer
    if transfer is None:
        return []
    count = len(plan.backbones())
    kept = min(transfer.keep, count)
    both, copies = transfer.screen_both, transfer.copies
    who = f"{count} backbone{'s' if count > 1 else ''}{' under both preprocessings' * both}"
    what = "the training part" if images is None else f"up to {images:,} images"
    more = f" and {copies} changed copies of each for the best {kept}" if copies else ""
    passes = count * (1 + both) + copies * kept
    total = "" if images is None else f": at most {images * passes:,} in all"
    return [
        f"screening    {who}, the best {kept} are explored; forward passes of {what} through each"
        f"{more}{total}"
    ]


def _split(experiment: Experiment) -> str:
    data = experiment.data
    leaks = {
        "keep": "copies of test images stay in training; test figures with and without them",
        "drop": "copies of test images are dropped from training",
    }[data.leaks]
    lists = [
        f"; {name} from {path}"
        for name, path in (("groups", data.groups), ("labels", data.labels))
        if path is not None
    ]
    return f"{data.validation:g} of the training part validates; {leaks}{''.join(lists)}"


def _seeds(experiment: Experiment) -> str:
    repeats = experiment.final.repeats
    if repeats == 1:
        return "1 for each trial; finalists are not trained with others"
    return f"{repeats}: {_trained_again(experiment, repeats - 1)}"


def _folds(experiment: Experiment) -> str:
    folds = experiment.data.folds
    if folds is None:
        return "none: finalists are not cross-validated"
    return f"{folds}: {_trained_again(experiment, folds)}"


def _trained_again(experiment: Experiment, times: int) -> str:
    final = experiment.final
    # The best few hold the best of one family at least; fine-tuned are the winner and those named.
    tuned = 1 + len(final.fine_tune_backbones) if final.fine_tune else 0
    most = final.finalists + len(experiment.families) - 1 + tuned
    often = "once" if times == 1 else f"{times} times"
    return f"each of up to {most} finalists is trained {often} more, up to {times * most} trainings"


def _trials(experiment: Experiment) -> str:
    settings = experiment.search
    count = "as many as fit" if settings.trials is None else f"up to {settings.trials}"
    return (
        f"{count}, up to {experiment.epochs} epochs each; sampler {settings.sampler}, "
        f"scheduler {settings.scheduler}, seed {settings.seed}"
        + (f"; each that completes {settings.repeats} times" if settings.repeats > 1 else "")
    )


def _resources(experiment: Experiment) -> str:
    """What a trial gets; what a cluster has is known once it is reached."""
    wanted = experiment.resources
    asked = {
        "precision": wanted.precision,
        "fused batch norm": wanted.fused_batch_norm,
        "XLA": wanted.xla,
    }
    measured = [name for name, value in asked.items() if value == "auto"]
    steps = f"; measured per family: {', '.join(measured)}" if measured else ""
    return f"{wanted.cpus_per_trial} CPU, {_gpus(wanted.gpus_per_trial)}{steps}"


def _gpus(asked: Literal["auto"] | float) -> str:
    if asked == "auto":
        return "one GPU where the cluster has any"
    if asked < 1:
        return f"{asked:g} of a GPU, its memory fenced to that share" if asked else "no GPU"
    return "one GPU" + (f"; fine-tuning of backbones {asked:g} of one node" if asked > 1 else "")


def _aim(experiment: Experiment) -> str:
    aim = experiment.search.aim
    bounds = [str(one) for one in aim.constraints]
    return ", ".join(aim.objectives) + (f"; with {', '.join(bounds)}" if bounds else "")


def _first(experiment: Experiment, papers: list[str]) -> str:
    runs = ", ".join(path.name for path in experiment.search.warm_start)
    return ", ".join([*papers, *([f"the best of {runs}"] if runs else [])]) or "from the sampler"


def _weights(plan: Plan) -> str:
    transfer = plan.experiment.transfer
    if transfer is None:
        return "none needed"
    if transfer.weights == "random":
        return "RANDOM, as asked: the figures of backbones will show nothing"
    missing = missing_weights(resolve_weights(transfer.weights), plan.backbones())
    if not missing:
        return f"{transfer.weights}: all {len(plan.backbones())} backbones are here"
    listed = "\n".join(f"             {path}" for path in missing)
    fetched = transfer.weights == "imagenet" or is_uri(transfer.weights)
    fate = "would be fetched" if fetched else "end the search at once"
    return f"{transfer.weights}: {len(missing)} files are missing and {fate}\n{listed}"


def _final(experiment: Experiment) -> str:
    final = experiment.final
    ensemble = {"row": "; their ensemble has a row", True: "; their ensemble may win", False: ""}
    best = f"the best {final.finalists} on the test set, once"
    return f"{_tuning(experiment)}{best}{ensemble[final.ensemble]}"


def _tuning(experiment: Experiment) -> str:
    final = experiment.final
    if not final.fine_tune:
        return ""
    ways = "1 way" if final.fine_tune_trials == 1 else f"up to {final.fine_tune_trials} ways"
    also = f"; also {', '.join(final.fine_tune_backbones)}" if final.fine_tune_backbones else ""
    return f"fine-tune the winner's top block in {ways}{also}; "


def _time(experiment: Experiment) -> str:
    settings = experiment.search
    limits = [] if settings.time_budget is None else [f"{settings.time_budget / 60:.0f} minutes"]
    for hours, of in ((settings.worker_hours, "workers"), (settings.gpu_hours, "GPUs")):
        limits += [] if hours is None else [f"{hours:g} hours of {of}"]
    if settings.max_cost is not None:
        limits.append(f"a cost of {_money(settings.max_cost, experiment)}")
    known = "known once one epoch of each family was measured, which a dry run does not do"
    return f"at most {', '.join(limits)} in all" if limits else known


def _prices(experiment: Experiment) -> list[str]:
    """What nodes are said to cost, where anything is said."""
    told = experiment.resources.price_per_hour
    if told is None:
        return []
    of = told if isinstance(told, dict) else {"every node": told}
    listed = ", ".join(f"{name} {_money(price, experiment)}" for name, price in of.items())
    return [f"prices       {listed}, by the hour"]


def _money(amount: float, experiment: Experiment) -> str:
    return f"{amount:g} {experiment.resources.currency or ''}".rstrip()
