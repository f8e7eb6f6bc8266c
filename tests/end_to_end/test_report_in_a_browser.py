"""The report in a real browser: drawn at both widths, nothing fetched, nothing complained about."""

import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

import reports
from reports.figures.palette import looks_of
from reports.model_section import model_section
from reports.provenance import provenance

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, which .ci/run installs"),
]


def chromium(*words, profile):
    command = [
        CHROMIUM,
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *("--enable-logging=stderr", f"--user-data-dir={profile}", *words),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


@pytest.mark.parametrize("width", [360, 1440])
def test_the_report_is_drawn_without_a_complaint(finished, tmp_path, width):
    picture = tmp_path / "report.png"
    done = chromium(
        f"--screenshot={picture}",
        f"--window-size={width},2400",
        f"file://{finished.path / 'report.html'}",
        profile=tmp_path / "profile",
    )
    assert "CONSOLE" not in done.stderr
    with Image.open(picture) as image:
        grey = np.asarray(image.convert("L"))
    assert grey.shape == (2400, width)
    assert grey.std() > 10  # not a blank page
    upper, lower = grey[:1200], grey[1200:]
    assert upper.std() > 5
    assert lower.std() > 5


def test_every_section_is_there(finished, tmp_path):
    page = chromium(
        "--dump-dom", f"file://{finished.path / 'report.html'}", profile=tmp_path / "profile"
    ).stdout
    sections = ("summary", "leaderboard", "learning", "test", "hyperparameters", "model", "card")
    for section in sections:
        assert f'id="{section}"' in page, section
    assert "http-equiv" in page
    assert page.count("<script") == 1  # ours, which the page's policy names
    assert 'class="tools"' in page  # and which ran


def test_the_page_says_where_the_run_comes_from(finished):
    run = reports.read_run(finished.path)
    told = dict(provenance(run))
    for name in ("command", "seed", "versions.tensorflow", "hardware.cpus", "data.fingerprint"):
        assert told[name]
        assert f"<dt>{name}</dt>" in (finished.path / "report.html").read_text()


def test_a_real_winner_has_all_its_figures(finished):
    run = reports.read_run(finished.path)
    rows = reports.build_leaderboard(run)
    section = model_section(run, rows, looks_of(row.family for row in rows))
    keys = {figure.key for figure in section.figures}
    assert keys >= {"architecture", "reliability", "confusion", "roc", "precision-recall"}
    assert section.notes == ()
    assert section.network.trial_id == rows[0].trial_id
    assert section.network.parameters == rows[0].parameters
