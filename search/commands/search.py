"""`neurosweep search`: the whole run, from images to a leaderboard."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurosweep.errors import ExperimentError
from search.quiet_start import load_tensorflow
from search.runs.output import parse_data, parse_output

if TYPE_CHECKING:
    from search.conduct import Request
    from search.experiment import Experiment

__all__ = [
    "SUMMARY",
    "add_arguments",
    "add_settings",
    "overrides",
    "refuse_experiment",
    "run",
]

SUMMARY = "search, fine-tune the winner, rank and report"

_ROWS_SHOWN = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    parser.add_argument(
        "experiment",
        nargs="?",
        type=Path,
        metavar="EXPERIMENT.yaml",
        help="what to search; without it, the embedded demo",
    )
    parser.add_argument(
        "--output",
        type=parse_output,
        metavar="RUN",
        help="the run directory to make, or s3://BUCKET/RUN to mirror it there (gs:// too)",
    )
    add_settings(parser)
    parser.add_argument("--address", metavar="auto", help="a running Ray cluster to use")
    parser.add_argument("--resume", action="store_true", help="go on with a run")
    parser.add_argument("--dry-run", action="store_true", help="say what would run, run nothing")
    parser.add_argument("--quiet", action="store_true", help="print the result only")


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Declares the options that stand for a value of the experiment."""
    parser.add_argument(
        "--data",
        type=parse_data,
        metavar="DIR",
        help="folder of images, or s3://BUCKET/IMAGES to bring them from there (gs:// too)",
    )
    parser.add_argument("--trials", type=int, metavar="N", help="trials with a final state")
    parser.add_argument(
        "--time-budget", metavar="30m", help="wall-clock time of the whole run: 90s, 30m, 2h"
    )
    parser.add_argument("--gpu-hours", type=float, metavar="H", help="GPU hours of the whole run")
    parser.add_argument(
        "--max-cost",
        type=float,
        metavar="C",
        help="what the whole run may cost, by resources.price_per_hour",
    )
    parser.add_argument("--workers", type=int, metavar="N", help="trials at once")
    parser.add_argument("--seed", type=int, metavar="N", help="seed of sampler, split and trials")
    parser.add_argument(
        "--warm-start",
        nargs="+",
        metavar="RUN",
        help="folders of earlier runs over the same space, whose trials the search learns from",
    )
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="key.path=value",
        help="change one value of the experiment; may be repeated",
    )


def run(options: argparse.Namespace) -> int:
    """Runs the search and prints its leaderboard's first rows and where its files are."""
    experiment = _experiment(options)
    if isinstance(experiment.data.path, Path):
        from scans.files.folder import find_files

        # A wrong folder is told before anything heavy is loaded.
        find_files(experiment.data.path, experiment.data.labels)
    load_tensorflow()
    if options.dry_run:
        from search.dry_run import describe

        print(describe(experiment))
        return 0
    from search.conduct import conduct

    path = conduct(_request(options, experiment))
    _print_result(path)
    return 0


def _request(options: argparse.Namespace, experiment: Experiment) -> Request:
    from search.conduct import Request

    return Request(
        experiment=experiment,
        output=options.output,
        resume=options.resume,
        address=options.address,
        quiet=options.quiet,
        command=["neurosweep", *sys.argv[1:]],
    )


def _experiment(options: argparse.Namespace) -> Experiment:
    """The experiment with the command line's options in it."""
    from search.experiment_file import load_experiment, resume_experiment

    if not options.resume:
        return load_experiment(options.experiment, overrides(options))
    refuse_experiment(options)
    load_tensorflow()
    from search.conduct import resumed_experiment
    from search.runs.run_directory import newest_run

    path = options.output or newest_run(Path.cwd() / "runs")
    return resume_experiment(resumed_experiment(path), overrides(options))


def refuse_experiment(options: argparse.Namespace) -> None:
    """Refuses an experiment beside --resume.

    Raises:
        ExperimentError: One was named.
    """
    if options.experiment is not None:
        raise ExperimentError(
            "--resume goes on with the experiment that the run began with; leave out "
            f"{options.experiment}, and change single values with --set"
        )


def overrides(options: argparse.Namespace) -> list[str]:
    """Returns the options that stand for a value of the experiment, as --set would say them."""
    named: dict[str, Any] = {
        "data.path": None if options.data is None else json.dumps(_told(options.data)),
        "search.trials": options.trials,
        "search.time_budget": options.time_budget,
        "search.gpu_hours": options.gpu_hours,
        "search.max_cost": options.max_cost,
        "search.warm_start": _listed(options.warm_start),
        "search.seed": options.seed,
        "resources.workers": options.workers,
    }
    told = [f"{key}={value}" for key, value in named.items() if value is not None]
    return [*told, *options.overrides]


def _told(data: Path | str) -> str:
    return data if isinstance(data, str) else str(data.absolute())


def _listed(paths: list[str] | None) -> str | None:
    return None if paths is None else json.dumps(paths)


def _print_result(path: Path) -> None:
    import reports

    found = reports.read_run(path)
    uri = found.info.get("mirror", {}).get("uri")
    rows = reports.build_leaderboard(found)
    shown = reports.select_rows(rows, top=_ROWS_SHOWN)
    print(reports.render_rows(shown, told=reports.run_notes(found, rows)))
    print(f"leaderboard  {path / 'leaderboard.parquet'}")
    print(f"report       {path / 'report.html'}")
    print(f"winner       {path / 'winner'}")
    if uri is not None:
        print(f"mirror       {uri}")
    print(path)
