"""The report as PDF, and what is said where nothing can print it."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_run import FakeRun

from neurosweep.errors import NeurosweepError, UserError
from reports import LeaderboardRow, Run, write_pdf_report
from reports.printing import find_browser, print_page
from search.cli import main

_CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
_needs_chromium = pytest.mark.skipif(_CHROMIUM is None, reason="needs Chromium")


def stand_in(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program called chromium that does what the script says, before all others on PATH."""
    path = folder / "chromium"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@_needs_chromium
def test_the_report_is_printed_on_several_pages(run: Run, rows: list[LeaderboardRow]):
    write_pdf_report(run, rows, run.path / "report.pdf")
    content = (run.path / "report.pdf").read_bytes()
    assert content.startswith(b"%PDF-")
    assert content.count(b"/Type /Page\n") > 4
    assert list(run.path.glob("*report*")) == [run.path / "report.pdf"]


def test_without_a_browser_the_command_says_what_to_install(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("PATH", str(run.path))
    monkeypatch.setattr("reports.printing._PLACES", ())
    assert main(["report", str(run.path), "--format", "pdf"]) == 2
    told = capsys.readouterr().err
    assert "apt-get install chromium" in told
    assert "print it from there" in told
    with pytest.raises(UserError, match="neither is on PATH"):
        find_browser()


def test_a_browser_that_prints_nothing_is_told_with_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    stand_in(tmp_path, "echo no display >&2; exit 1", monkeypatch)
    with pytest.raises(NeurosweepError, match="printed no PDF of the report; it said: no display"):
        print_page("<p>page</p>", tmp_path / "report.pdf")
    assert not (tmp_path / "report.pdf").exists()


def test_a_browser_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("reports.printing._LIMIT", 0.2)
    stand_in(tmp_path, "exec sleep 60", monkeypatch)
    with pytest.raises(NeurosweepError, match="could not print the report: .*timed out"):
        print_page("<p>page</p>", tmp_path / "report.pdf")


def test_the_command_writes_figures_beside_the_report(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path / "figures"
    assert main(["report", str(run.path), "--format", "markdown", "--figures", str(folder)]) == 0
    assert capsys.readouterr().out.splitlines() == [str(run.path / "report.md"), str(folder)]
    drawn = (folder / "survival.svg").read_text(encoding="utf-8")
    assert "not patients" in drawn
    assert "Partial" not in drawn
    assert (folder / "survival.parquet").exists()


def test_figures_of_a_search_that_goes_on_say_so(
    fake: FakeRun, write: Callable[[FakeRun], Run], tmp_path: Path
):
    fake.info["state"] = "running"
    folder = tmp_path / "figures"
    assert main(["report", str(write(fake).path), "--figures", str(folder)]) == 0
    drawn = (folder / "progress-time.svg").read_text(encoding="utf-8")
    assert "Partial: the search has not finished." in drawn
