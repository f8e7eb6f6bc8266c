"""`neurosweep cluster check FILE…`: what is wrong with cluster files, before anything is paid."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search.cluster_files.findings import Finding
    from search.cluster_files.fitting import Trial

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "look for what is wrong with cluster files, without starting anything"

_WRONG = 2

_EXPERIMENT = Path("experiments/brain_mri.yaml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what the command takes."""
    kinds = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = kinds.add_parser(
        "check",
        help="Ray's own validation, and what it misses",
        description="Ray's own validation of a cluster file, and what it misses. Nothing is "
        "started, and no cloud is asked. Exit code 2 if a file has an error.",
    )
    check.add_argument("files", nargs="+", type=Path, metavar="FILE", help="cluster files")
    check.add_argument(
        "--experiment",
        type=Path,
        metavar="EXPERIMENT.yaml",
        help="whose trials must fit the workers; default: experiments/brain_mri.yaml beside the "
        "cluster file or one folder above, else one CPU and what GPUs there are",
    )
    check.add_argument("--strict", action="store_true", help="warnings count as errors")
    check.add_argument("--format", choices=("table", "json"), default="table")


def run(options: argparse.Namespace) -> int:
    """Prints the findings of each file; 2 if any has an error."""
    from search.cluster_files.checking import check

    found = {path: check(path, _trial(path, options.experiment)) for path in options.files}
    print(_json(found) if options.format == "json" else _table(found))
    counted = ("error", "warning") if options.strict else ("error",)
    wrong = any(one.level in counted for findings in found.values() for one in findings)
    return _WRONG if wrong else 0


def _trial(cluster: Path, named: Path | None) -> Trial:
    """What a trial of the experiment asks for."""
    from search.cluster_files.fitting import Trial
    from search.experiment import Resources
    from search.experiment_file import load_experiment

    path = named or _beside(cluster)
    resources = Resources() if path is None else load_experiment(path).resources
    source = "the default of resources" if path is None else str(path)
    return Trial(cpus=resources.cpus_per_trial, gpus=resources.gpus_per_trial, source=source)


def _beside(cluster: Path) -> Path | None:
    """The reference experiment of the checkout in which the cluster file lies."""
    folders = (cluster.parent, cluster.parent / "..")
    return next((one / _EXPERIMENT for one in folders if (one / _EXPERIMENT).is_file()), None)


def _json(found: dict[Path, list[Finding]]) -> str:
    files: list[dict[str, Any]] = [
        {
            "file": str(path),
            "errors": _count(findings, "error"),
            "warnings": _count(findings, "warning"),
            "findings": [dataclasses.asdict(finding) for finding in findings],
        }
        for path, findings in found.items()
    ]
    return json.dumps({"files": files}, indent=2)


def _table(found: dict[Path, list[Finding]]) -> str:
    from reports.wording import printable

    lines: list[str] = []
    for path, findings in found.items():
        lines.append(f"{path}: {_standing(findings)}")
        for one in findings:
            lines.append(f"  {one.level:7}  {one.rule:16}  {one.received}")
            lines.append(f"{'':29}→ {one.advice}")
    return "\n".join(printable(line) for line in lines)


def _standing(findings: list[Finding]) -> str:
    errors, warnings = _count(findings, "error"), _count(findings, "warning")
    if not findings:
        return "nothing is wrong"
    return f"{_so_many(errors, 'error')}, {_so_many(warnings, 'warning')}"


def _so_many(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"


def _count(findings: list[Finding], level: str) -> int:
    return sum(finding.level == level for finding in findings)
