"""What Tune carries for us in its trials, and what it may keep of ours."""

from __future__ import annotations

from typing import Any

__all__ = ["NotRestored", "name_of"]


class NotRestored:
    """Tune pickles what it was given, to restore it one day; we resume from the run directory."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


def name_of(trial: Any) -> str:
    """Our name of one of Tune's trials, whose own name is random."""
    return str(trial.config["assignment"]["trial_id"])
