"""A report's page as a reader sees it, and the gold files it is held to."""

import os
import re
from html.parser import HTMLParser
from pathlib import Path

from reports import Run

_GOLD = Path(__file__).parent / "gold"
_VOID = {"meta", "link", "br", "img", "wbr"}
_BLOCKS = {
    *("p", "h1", "h2", "h3", "h4", "tr", "dt", "li", "summary", "pre", "figcaption", "nav"),
    *("footer", "figure"),
}


class Page(HTMLParser):
    """Collects the visible text, its lines as a reader sees them, and every tag."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self._text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)
        if tag in _BLOCKS:
            self._text.append("\n")
        elif tag in ("td", "th", "dd", "span"):
            self._text.append(" ")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "svg", "title", "script"}.intersection(self.open):
            self._text.append(data if "pre" in self.open else data.replace("\n", " "))

    @property
    def text(self) -> str:
        lines = (" ".join(line.split()) for line in "".join(self._text).splitlines())
        return "\n".join(line for line in lines if line) + "\n"

    @property
    def names(self) -> set[str]:
        return {tag for tag, _ in self.tags}


def scrub(text: str, run: Run) -> str:
    """Take out what differs from run to run."""
    text = text.replace(str(run.path), "RUN")
    text = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(\+00:00| UTC)?", "TIME", text)
    return re.sub(r"(neurosweep) \d+\.\d+\.\d+\S*", r"\1 VERSION", text)


def check_gold(name: str, text: str) -> None:
    """Compare with a gold file, or write it where WRITE_GOLD=1."""
    path = _GOLD / name
    if os.environ.get("WRITE_GOLD") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), "look at the page; WRITE_GOLD=1 accepts it"
