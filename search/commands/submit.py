"""`neurosweep submit`: hands a search over to a cluster, whose head conducts it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurosweep.errors import ClusterError, ExperimentError
from reports.json_text import printable_json
from search.commands.search import add_settings, overrides, refuse_experiment
from search.runs.output import parse_output
from search.submission.last_words import last_words

if TYPE_CHECKING:
    from search.submission.head import Head
    from search.submission.job import Job

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "hand a search over to a cluster that `ray up` has started"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument(
        "cluster", type=Path, metavar="CLUSTER.yaml", help="what `ray up` was given"
    )
    parser.add_argument(
        "experiment", nargs="?", type=Path, metavar="EXPERIMENT.yaml", help="what to search"
    )
    parser.add_argument(
        "--output",
        type=parse_output,
        metavar="RUN",
        help="s3://BUCKET/RUN (gs:// too), or a folder on the head; default: a new one there",
    )
    add_settings(parser)
    parser.add_argument("--resume", action="store_true", help="go on with a run on the cluster")
    parser.add_argument("--format", choices=("table", "json"), default="table")


def run(options: argparse.Namespace) -> int:
    """Hands it over, waits until it is under way, and says how to follow it."""
    from search.submission.head import Head

    job, told = _job(options, head := Head(options.cluster))
    answer = head.ask("submit", job=job.to_dict())
    if answer["state"] in ("FAILED", "STOPPED"):
        raise ClusterError(last_words(answer), exit_code=answer["exit_code"] or 1)
    if options.format == "json":
        print(printable_json(json.dumps(answer, indent=2, ensure_ascii=False)))
    else:
        _print_told(options.cluster, answer, told)
    return 0


def _job(options: argparse.Namespace, head: Head) -> tuple[Job, list[str]]:
    """The job, with what it names sent to the head."""
    import yaml

    from search.experiment_file import load_experiment
    from search.submission.job import Job
    from search.submission.places import on_the_head

    output = "" if options.output is None else str(options.output)
    if options.resume:
        _refuse_set_data(options)
        refuse_experiment(options)
        words, told = _changed(options, head)
        return Job(name="", experiment="", output=output, resume=True, words=words), told
    if options.experiment is None:
        raise ExperimentError(
            "a search on a cluster is told by an experiment file; received none: name one, such as "
            "experiments/brain_mri.yaml, or --resume a run"
        )
    experiment = load_experiment(options.experiment, overrides(options))
    moved, told = on_the_head(experiment.model_dump(mode="json"), head)
    text = yaml.safe_dump(moved, sort_keys=False, allow_unicode=True)
    return Job(name=experiment.name, experiment=text, output=output, resume=False), told


def _refuse_set_data(options: argparse.Namespace) -> None:
    if any(one.strip().startswith("data.path") for one in options.overrides):
        raise ExperimentError(
            "with --resume the images of a cluster's run are named by --data, which sends them if "
            "need be; received --set data.path"
        )


def _changed(options: argparse.Namespace, head: Head) -> tuple[tuple[str, ...], list[str]]:
    """What is changed of a run that is gone on with, as words of `search`; images are sent anew."""
    from search.submission.places import on_the_head

    told: list[str] = []
    if isinstance(options.data, Path):
        moved, told = on_the_head({"data": {"path": str(options.data.absolute())}}, head)
        data = Path(moved["data"]["path"])
        options = argparse.Namespace(**{**vars(options), "data": data})
    words = [word for change in overrides(options) for word in ("--set", change)]
    return tuple(words), told


def _print_told(cluster: Path, answer: dict[str, Any], told: list[str]) -> None:
    for line in told:
        print(line)
    began = "is under way" if answer["has_run"] else "is starting"
    print(f"{answer['job']} {began}; this machine is not needed any more")
    print(f"follow it    neurosweep status {cluster}")
    print(f"end it       neurosweep stop {cluster}")
    print(f"bring it     neurosweep fetch {cluster} DIR")
    print(answer["output"])
