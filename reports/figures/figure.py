"""A figure as the page, the export and the tests know it: a picture, its words and its numbers."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["Figure", "Numbers"]

Numbers = Mapping[str, Sequence[bool | int | float | str | None]]
"""What a figure was drawn from: columns by name, all of one length."""

_KEY = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure.

    Attributes:
        key: Its name in links and of its files: small letters, digits and dashes; once per report.
        title: Its heading.
        caption: What to see in it, in a sentence or two.
        chart: The picture as SVG, whole without any script.
        numbers: What it was drawn from; empty where the picture is all there is.
        on_page: Those of them that a page has room for, as columns of the same names; None for all.
    """

    key: str
    title: str
    caption: str
    chart: str
    numbers: Numbers = field(default_factory=dict)
    on_page: Numbers | None = None

    def __post_init__(self) -> None:
        """Refuse a key that could not name a file, and columns that do not fit together."""
        if not _KEY.fullmatch(self.key):
            raise ValueError(
                f"a figure's key has small letters, digits and dashes; received {self.key!r}"
            )
        for numbers in (self.numbers, self.on_page or {}):
            lengths = {name: len(column) for name, column in numbers.items()}
            if len(set(lengths.values())) > 1:
                raise ValueError(f"a figure's columns have one length; received {lengths}")
