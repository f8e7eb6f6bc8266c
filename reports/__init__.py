"""What was found: trial records, the leaderboard, figures and the report.

This room only reads a run directory and draws: it needs neither the data nor TensorFlow nor Ray.
Names are loaded when they are first asked for, so that `neurosweep leaderboard` stays quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.audit import Audit
    from reports.columns import column_names
    from reports.cross_validation import CrossValidated, CrossValidation
    from reports.epochs import EpochRecord
    from reports.evaluation import Evaluation, Finalist
    from reports.figures.export import write_figures
    from reports.figures.figure import Figure
    from reports.html import render_report, report_figures, write_pdf_report, write_report
    from reports.intervals import wilson_interval
    from reports.leaderboard import LeaderboardRow, build_leaderboard
    from reports.loading import Shown, load_leaderboard, show_leaderboard, show_rows
    from reports.markdown import render_markdown_report, write_markdown_report
    from reports.parquet import read_leaderboard, write_leaderboard
    from reports.records import Origin, Stage, Status, TrialRecord
    from reports.rendering import render_rows
    from reports.run import Run, read_run
    from reports.run_statistics import write_statistics
    from reports.selection import select_rows
    from reports.several import side_by_side
    from reports.terminal import draw_leaderboard_svg, leaderboard_table
    from reports.uncertainty import run_notes

__all__ = [
    "Audit",
    "CrossValidated",
    "CrossValidation",
    "EpochRecord",
    "Evaluation",
    "Figure",
    "Finalist",
    "LeaderboardRow",
    "Origin",
    "Run",
    "Shown",
    "Stage",
    "Status",
    "TrialRecord",
    "build_leaderboard",
    "column_names",
    "draw_leaderboard_svg",
    "leaderboard_table",
    "load_leaderboard",
    "read_leaderboard",
    "read_run",
    "render_markdown_report",
    "render_report",
    "render_rows",
    "report_figures",
    "run_notes",
    "select_rows",
    "show_leaderboard",
    "show_rows",
    "side_by_side",
    "wilson_interval",
    "write_figures",
    "write_leaderboard",
    "write_markdown_report",
    "write_pdf_report",
    "write_report",
    "write_statistics",
]

_HOMES = {
    "Audit": "audit",
    "CrossValidated": "cross_validation",
    "CrossValidation": "cross_validation",
    "EpochRecord": "epochs",
    "Evaluation": "evaluation",
    "Figure": "figures.figure",
    "Finalist": "evaluation",
    "LeaderboardRow": "leaderboard",
    "Origin": "records",
    "Run": "run",
    "Stage": "records",
    "Status": "records",
    "TrialRecord": "records",
    "build_leaderboard": "leaderboard",
    "column_names": "columns",
    "draw_leaderboard_svg": "terminal",
    "leaderboard_table": "terminal",
    "load_leaderboard": "loading",
    "Shown": "loading",
    "show_leaderboard": "loading",
    "show_rows": "loading",
    "read_leaderboard": "parquet",
    "read_run": "run",
    "render_markdown_report": "markdown",
    "render_report": "html",
    "render_rows": "rendering",
    "report_figures": "html",
    "run_notes": "uncertainty",
    "select_rows": "selection",
    "side_by_side": "several",
    "wilson_interval": "intervals",
    "write_leaderboard": "parquet",
    "write_markdown_report": "markdown",
    "write_figures": "figures.export",
    "write_pdf_report": "html",
    "write_report": "html",
    "write_statistics": "run_statistics",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'reports' has no attribute {name!r}")
    found: object = getattr(import_module(f"reports.{_HOMES[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
