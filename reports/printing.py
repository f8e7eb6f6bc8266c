"""The report as PDF: the page, printed by a Chromium that is there."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from neurosweep.errors import NeurosweepError, UserError
from reports.files import replace_bytes

__all__ = ["find_browser", "print_page"]

_BROWSERS = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"),
    *("microsoft-edge", "msedge"),
)
_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
_LIMIT = 300  # seconds; a page of ten thousand trials takes a few
_NEXT = "Or open report.html in any browser and print it from there."


def find_browser() -> str:
    """Find a Chromium, or a browser made of it.

    Raises:
        UserError: There is none.
    """
    found = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    found = found or next((path for path in _PLACES if Path(path).exists()), None)
    if found is None:
        raise UserError(
            "a report is printed as PDF by Chromium or Google Chrome; neither is on PATH. Install "
            f"one, as with `apt-get install chromium`, and ask again. {_NEXT}"
        )
    return found


def print_page(page: str, path: Path) -> None:
    """Print a page into a PDF file, which appears whole or not at all.

    Raises:
        UserError: There is no Chromium.
        NeurosweepError: It failed, took too long, or the file cannot be written.
    """
    browser = find_browser()
    with tempfile.TemporaryDirectory(prefix="neurosweep-print-") as name:
        folder = Path(name)
        source, target = folder / "report.html", folder / "report.pdf"
        source.write_text(page, encoding="utf-8")
        told = _print(browser, source, target, folder / "profile")
        if not target.is_file():
            raise NeurosweepError(
                f"{browser} printed no PDF of the report; it said: {told or 'nothing'}. {_NEXT}"
            )
        replace_bytes(path, target.read_bytes())


def _print(browser: str, source: Path, target: Path, profile: Path) -> str:
    """Run the browser; returns the last line that it said."""
    command = [
        browser,
        *("--headless", "--disable-gpu", "--no-first-run", "--disable-sync", "--disable-quic"),
        *("--disable-background-networking", "--disable-component-update"),
        "--no-pdf-header-footer",
        f"--user-data-dir={profile}",
        f"--print-to-pdf={target}",
        source.as_uri(),
    ]
    if getattr(os, "geteuid", lambda: 1)() == 0:
        # Chromium refuses its sandbox to root. The page is ours and loads nothing.
        command.insert(1, "--no-sandbox")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NeurosweepError(f"{browser} could not print the report: {error}. {_NEXT}") from error
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else ""
