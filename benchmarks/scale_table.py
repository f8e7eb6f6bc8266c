"""The tables of docs/scale.md from what `benchmarks.scale` measured."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


@dataclass(frozen=True)
class Measured:
    """One size: see `benchmarks.scale_run.run`; seconds and MB."""

    trials: int
    workers: int
    wall: float
    cpu: float
    simulated: float
    memory_before: float
    memory: float
    epochs: int
    disk: float
    parts: dict[str, dict[str, Any]]

    def late(self, part: str) -> float:
        """Milliseconds per trial of a part at the end: its last calls, by calls per trial."""
        known = self.parts[part]
        return 1000 * float(known["late"]) * int(known["calls"]) / self.trials

    @property
    def late_total(self) -> float:
        """Milliseconds of the driver for one more trial at the end of the search."""
        return sum(self.late(part) for part in self.parts)


def tables(measured: Sequence[Measured]) -> str:
    """All tables as Markdown."""
    return "\n\n".join([_machine(), _whole(measured), _parts(measured), _first(measured[-1])])


def written(page: str, text: str) -> str:
    """The page with the measured part replaced."""
    if not (BEGIN in page and END in page):
        raise SystemExit(f"docs/scale.md must hold {BEGIN} and {END}")
    new = f"{BEGIN}\n\n{text}\n\n{END}"
    return re.sub(re.escape(BEGIN) + ".*" + re.escape(END), lambda _: new, page, flags=re.DOTALL)


def _machine() -> str:
    from datetime import UTC, datetime

    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[2]
    return (
        f"Measured {datetime.now(UTC):%Y-%m-%d} on {cores} cores; load average of the last 15 "
        f"minutes at the end: {load:.1f}."
    )


def _whole(measured: Sequence[Measured]) -> str:
    rows = [
        ("trials", [f"{one.trials:,}" for one in measured]),
        ("simulated workers", [f"{one.workers:,}" for one in measured]),
        ("epochs per trial (of 30)", [f"{one.epochs / one.trials:.1f}" for one in measured]),
        ("whole search, s", [f"{one.wall:.0f}" for one in measured]),
        ("of it on a core, s", [f"{one.cpu:.0f}" for one in measured]),
        ("driver's ms per trial, mean", [f"{_mean(one):.0f}" for one in measured]),
        ("driver's ms per trial, at the end", [f"{one.late_total:.0f}" for one in measured]),
        ("trials per second it sustains", [f"{1000 / one.late_total:.1f}" for one in measured]),
        ("memory before the first trial, MB", [f"{one.memory_before:.0f}" for one in measured]),
        ("most memory, MB", [f"{one.memory:.0f}" for one in measured]),
        ("run directory, MB", [f"{one.disk:.0f}" for one in measured]),
    ]
    return _table(rows)


def _mean(one: Measured) -> float:
    return 1000 * sum(float(part["seconds"]) for part in one.parts.values()) / one.trials


def _parts(measured: Sequence[Measured]) -> str:
    head = ("ms per trial, at the end of", [f"{one.trials:,} trials" for one in measured])
    rows = [(part, [f"{one.late(part):.2f}" for one in measured]) for part in measured[-1].parts]
    return _table([head, *rows])


def _first(largest: Measured) -> str:
    part = max(largest.parts, key=largest.late)
    share = largest.late(part) / largest.late_total
    return f"Gives way first: **{part}**, {share:.0%} of the driver's time at the end."


def _table(rows: Sequence[tuple[str, list[str]]]) -> str:
    head, *others = rows
    lines = [f"| {head[0]} | {' | '.join(head[1])} |", "|---" + "|---:" * len(head[1]) + "|"]
    lines += [f"| {name} | {' | '.join(cells)} |" for name, cells in others]
    return "\n".join(lines)
