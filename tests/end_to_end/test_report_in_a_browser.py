"""The report in a real browser: drawn at both widths, nothing fetched, nothing complained about."""

import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

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
    sections = ("summary", "leaderboard", "learning", "test", "hyperparameters", "provenance")
    for section in sections:
        assert f'id="{section}"' in page, section
    assert "http-equiv" in page
    assert page.count("<script") == 1  # ours, which the page's policy names
    assert 'class="tools"' in page  # and which ran
