"""Where a row's time for one image was measured: times of two machines are no rivals."""

from reports.leaderboard import LeaderboardRow
from reports.wording import printable

__all__ = ["latency_in_words", "measured_on"]


def measured_on(row: LeaderboardRow) -> str | None:
    """The device that a row's `latency_ms` is of, else the host that trained it; None if unknown.

    Where the search aims at latency, a trial is measured on the worker that trained it, and its
    host is all that is recorded of that.
    """
    if row.latency_ms is None:
        return None
    return row.latency_device or row.node


def latency_in_words(milliseconds: float, device: str | None) -> str:
    """Write a time for one image with the device that it was measured on."""
    where = "a device that was not recorded" if device is None else printable(device)
    return f"{milliseconds:.3g} ms for one image on {where}"
