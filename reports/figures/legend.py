"""What colours and markers mean, written into the picture so that it can stand alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement

from reports.figures.elements import text
from reports.figures.shapes import outline
from reports.wording import printable

__all__ = ["Entry", "draw_legend", "legend_height"]

_LINE, _LEFT = 24.0, 6.0
# The widest that a sign gets: on a phone the same text is set larger, see figures.css.
_SIGN, _MARK, _GAP = 10.2, 18.0, 16.0
_LONGEST = 28


@dataclass(frozen=True)
class Entry:
    """A marker and its meaning; `style` is a class of figures.css."""

    style: str
    shape: str
    name: str

    @property
    def written(self) -> str:
        """The name, shortened to what a line can hold."""
        name = printable(self.name)
        return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"

    @property
    def width(self) -> float:
        """Of marker, name and the gap after it."""
        return _MARK + _SIGN * len(self.written) + _GAP


def legend_height(entries: Sequence[Entry], width: float) -> float:
    """How much room the legend takes above the plot; nothing for a single entry."""
    lines = [line for _, line, _ in _places(entries, width)]
    return 0.0 if len(entries) < 2 else _LINE * (lines[-1] + 1) + 4


def draw_legend(root: Element, entries: Sequence[Entry], width: float) -> None:
    """Write the entries at the picture's top, in as many lines as they need."""
    if len(entries) < 2:  # one has no other to be told from
        return
    group = SubElement(root, "g", {"class": "legend-entries"})
    for x, line, entry in _places(entries, width):
        y = _LINE * line + _LINE / 2
        path = {"d": outline(entry.shape, x + 7, y), "class": f"dot {entry.style}"}
        SubElement(group, "path", path)
        text(group, (x + _MARK, y), entry.written, "start")


def _places(entries: Sequence[Entry], width: float) -> Iterator[tuple[float, int, Entry]]:
    x, line = _LEFT, 0
    for entry in entries:
        if x > _LEFT and x + entry.width - _GAP > width:
            x, line = _LEFT, line + 1
        yield x, line, entry
        x += entry.width
