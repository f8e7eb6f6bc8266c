"""JSON for a terminal: names come from folders and files that others wrote."""

import json

__all__ = ["printable_json"]


def printable_json(text: str) -> str:
    r"""Escape what could move a terminal's cursor or turn the direction of text, as \uXXXX.

    What is read from it stays the same, and letters of any script stay as they are.

    Args:
        text: JSON; a line may end in it only between its values.
    """
    # Outside its strings JSON is plain ASCII, so whatever else is met stands in one of them.
    return "".join(
        sign if sign.isprintable() or sign == "\n" else json.dumps(sign)[1:-1] for sign in text
    )
