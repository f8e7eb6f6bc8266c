"""What a person sees while a search runs, and what is written down of it, one file per display."""

from search.display.live import LiveDisplay
from search.display.plain import PlainDisplay
from search.display.protocol import Display, QuietDisplay
from search.display.several import SeveralDisplays, display_for
from search.display.status_file import StatusFile

__all__ = [
    "Display",
    "LiveDisplay",
    "PlainDisplay",
    "QuietDisplay",
    "SeveralDisplays",
    "StatusFile",
    "display_for",
]
