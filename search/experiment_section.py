"""What all sections of an experiment file have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["Section", "seconds_of"]

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds_of(text: str | float) -> float:
    """Returns the seconds in a duration such as `90`, `"90s"`, `"30m"`, `"1.5h"` or `"2d"`.

    Raises:
        ValueError: if it is not a positive number with an optional unit s, m, h or d.
    """
    if isinstance(text, int | float):
        value = float(text)
    else:
        cleaned = text.strip().lower()
        unit = cleaned[-1:] if cleaned[-1:] in _UNITS else "s"
        try:
            value = float(cleaned.removesuffix(unit)) * _UNITS[unit]
        except ValueError:
            raise ValueError(
                f"a duration is a number with a unit s, m, h or d, such as 30m; received {text!r}"
            ) from None
    if not 0 < value < float("inf"):
        raise ValueError(f"a duration is positive, such as 30m; received {text!r}")
    return value


class Section(BaseModel):
    """A section of the file: unknown keys are refused, values cannot change."""

    model_config = ConfigDict(extra="forbid", frozen=True)
