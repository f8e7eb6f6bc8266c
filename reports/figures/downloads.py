"""A figure's numbers as a file that the page carries with it."""

import base64
import csv
import io

from reports.csv_text import csv_text_cell
from reports.figures.figure import Figure, Numbers

__all__ = ["csv_address", "csv_text", "numbers_address"]


def csv_address(figure: Figure) -> str:
    """Give a figure's numbers, as far as a page has room for them, as a `data:` address."""
    return numbers_address(figure.numbers if figure.on_page is None else figure.on_page)


def numbers_address(numbers: Numbers) -> str:
    """Give numbers as a `data:` address; a link to it downloads without any script."""
    content = base64.b64encode(csv_text(numbers).encode()).decode()
    return f"data:text/csv;base64,{content}"


def csv_text(numbers: Numbers) -> str:
    """Write the numbers as CSV: a line of names, six digits, empty where nothing was measured.

    A text that a spreadsheet would take for a formula has an apostrophe before it: names come from
    folders and files that others wrote.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([_cell(name) for name in numbers])
    writer.writerows(
        [_cell(value) for value in line] for line in zip(*numbers.values(), strict=True)
    )
    return out.getvalue()


def _cell(value: bool | int | float | str | None) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str):
        return csv_text_cell(value)
    return "" if value is None else str(value)
