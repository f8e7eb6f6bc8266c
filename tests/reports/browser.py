"""A headless Chromium that opens a report and is asked what it shows."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

_ANSWER = "answer-of-the-probe"
_OUTER = f"""<!doctype html><title>asking</title><pre id="{_ANSWER}"></pre>
<script>addEventListener("message", (event) => {{{{
  document.getElementById("{_ANSWER}").textContent = event.data;
}}}});</script>
<iframe src="{{copy}}" style="border: 0; width: {{width}}px; height: 2400px"></iframe>
"""
_POLICY = re.compile(r"script-src '(sha256-[^']+)'")


def ask(page: str, probe: str, folder: Path, *, width: int = 1440, scripts: bool = True) -> Any:
    """Open a page with a probe at its end, and give what the probe returned.

    The policy of the copy lets the probe run as well; without `scripts` it lets run nothing else,
    which is a browser whose scripts are off. No complaint may be made of anything else.

    Args:
        page: The report.
        probe: Body of a function in JavaScript; what it returns must be JSON.
        folder: For the copy and the browser's profile.
        width: Of the window, in pixels.
        scripts: Whether the page's own script may run.
    """
    script = f'parent.postMessage(JSON.stringify((() => {{ {probe} }})()), "*");'
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    allowed = f"script-src 'sha256-{digest}'" + (r" '\1'" if scripts else "")
    copy = folder / f"asked-{width}-{scripts}.html"
    changed = _POLICY.sub(allowed, page, count=1).replace(
        "</body>", f"<script>{script}</script></body>"
    )
    copy.write_text(changed, encoding="utf-8")
    # A window has a least width, which is more than a phone's; a frame has none.
    outer = folder / f"asking-{width}-{scripts}.html"
    outer.write_text(_OUTER.format(width=width, copy=copy.name), encoding="utf-8")
    done = chromium(
        *("--dump-dom", "--virtual-time-budget=5000", f"--window-size={width + 50},2600"),
        outer.as_uri(),
        folder=folder,
    )
    if scripts:
        assert "CONSOLE" not in done.stderr, done.stderr
    (answer,) = re.findall(f'<pre id="{_ANSWER}">(.*?)</pre>', done.stdout, re.DOTALL)
    return json.loads(answer.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


def chromium(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run it once; what pages say on their consoles is in its stderr."""
    assert CHROMIUM is not None
    command = [
        CHROMIUM,
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *("--enable-logging=stderr", f"--user-data-dir={folder / 'profile'}", *words),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
