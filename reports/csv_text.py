"""Text in a cell of CSV: names come from folders and files that others wrote."""

from reports.wording import printable

__all__ = ["csv_text_cell"]

_FORMULA = ("=", "+", "-", "@")


def csv_text_cell(text: str) -> str:
    """Write a text so that neither a spreadsheet nor a terminal takes it for a command.

    What a spreadsheet would take for a formula has an apostrophe before it; what could move a
    terminal's cursor or break a line is replaced. Numbers are no text: a negative one stays.
    """
    safe = printable(text)
    return f"'{safe}" if safe.startswith(_FORMULA) else safe
