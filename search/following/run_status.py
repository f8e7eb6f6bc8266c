"""How a run stands, read from its directory alone: also while it runs, and after a kill.

What counts is taken from `trials.jsonl`. What runs where, and what is left of the budget, is in
`status.json`, which the driver writes; it is believed only as far as the driver lives.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import reports
from neurosweep.errors import RunDirectoryError
from reports.files import read_typed
from reports.ranking import Ranking
from reports.records import parse_time
from reports.wording import printable
from search.budgets.budget import Amount, Budget
from search.display.standing import STATUS_FILE, RunningTrial, Standing
from search.display.tally import Tally
from search.files.holder import Holder
from search.following.holding import is_held
from search.runs.output import RunUri
from search.runs.reading import STATUS, mirrored
from search.runs.stopping import StopRequest

__all__ = ["GONE", "RunStatus", "read_mirrored_status", "read_status"]

GONE = "driver gone"
"""State of a run that nobody holds and that did not end in order: its driver was killed."""


@dataclass(frozen=True, kw_only=True)
class RunStatus:
    """How a run stands.

    Attributes:
        path: The run directory, absolute.
        name: The experiment's name.
        state: running, finished, interrupted, failed, or `GONE`.
        began: ISO 8601 time of its first sitting; empty where run.yaml does not say.
        holder: Who holds it, as the driver wrote it; None where nobody does.
        stop_asked: Whether `neurosweep stop` was called and not yet answered.
        standing: Counts, budget and what runs; nothing runs without a driver.
        left_running: Trials that ran when the driver ended.
        place: Where it is, as the user named it: the URI of a run on a store; empty for `path`.
        as_of: ISO 8601 time at which what is told was put on a store; empty for a folder.
        again: The command that goes on with it, where that is not `neurosweep search --resume`.
    """

    path: Path
    name: str
    state: str
    began: str
    holder: str | None
    stop_asked: bool
    standing: Standing
    left_running: tuple[RunningTrial, ...]
    place: str = ""
    as_of: str = ""
    again: str = ""

    @property
    def running(self) -> bool:
        """Whether a driver is at work."""
        return self.state == "running"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        standing = self.standing.to_dict()
        del standing["writer"]
        return {
            "run": self.place or str(self.path),
            "name": self.name,
            "state": self.state,
            "began": self.began,
            "holder": self.holder,
            "stop_asked": self.stop_asked,
            **standing,
            "left_running": [asdict(trial) for trial in self.left_running],
            **({"as_of": self.as_of} if self.as_of else {}),
        }


def read_status(path: Path) -> RunStatus:
    """Reads how a run stands.

    Raises:
        RunDirectoryError: It is not a run directory, or a file in it is damaged.
    """
    held = is_held(path)  # before the files: what is read then is no older than the answer
    return _status(path, held=held, holder=_holder(path) if held else None)


def read_mirrored_status(uri: RunUri) -> RunStatus:
    """Reads how a run on a store stands, as its driver mirrored it last.

    Raises:
        RunDirectoryError: There is no run, or a file of it is damaged.
        StoreError: The store does not answer.
    """
    found = mirrored(uri, STATUS)
    status = _status(found.path, held=found.holder is not None, holder=found.holder)
    as_of = "" if found.modified is None else found.modified.isoformat(timespec="seconds")
    return replace(status, place=str(uri), as_of=as_of)


def _status(path: Path, *, held: bool, holder: str | None) -> RunStatus:
    run = reports.read_run(path)
    told = _told(run.path / STATUS_FILE)
    standing = _counted(run, told)
    ended = {record.trial_id for record in run.records}
    alive = tuple(trial for trial in told.running if trial.trial_id not in ended)
    if held:
        standing = replace(standing, **_until_now(told, standing, alive))
    return RunStatus(
        path=run.path,
        name=str(run.info.get("name", run.name)),
        state="running" if held else _state_without_driver(run.state),
        began=str(run.info.get("began", "")),
        holder=holder,
        stop_asked=held and StopRequest(run.path).exists(),
        standing=standing,
        left_running=() if held else alive,
    )


def _told(path: Path) -> Standing:
    told = read_typed(
        path,
        Standing,
        holds="how a search stands, as the driver writes it",
        advice="Delete it: a search that runs writes it again with its next epoch.",
    )
    return Standing() if told is None else told


def _counted(run: reports.Run, told: Standing) -> Standing:
    """What the driver told last, with all that can be counted counted anew."""
    asked = _asked(run.info)
    tally = Tally(Budget(trials=asked, seconds=None), ranking=Ranking.of(run.info))
    tally.resumed(run.records)
    counted = tally.standing()
    return replace(
        told,
        running=(),
        counts=counted.counts,
        ended=counted.ended,
        best=counted.best,
        reasons=counted.reasons,
        budget={**told.budget, **counted.budget},  # in the driver's order
    )


def _until_now(
    told: Standing, standing: Standing, alive: tuple[RunningTrial, ...]
) -> dict[str, Any]:
    """What has gone on since the driver wrote: clocks run between its writings."""
    age = _age(told.written)
    time = standing.budget.get("time")
    later: dict[str, Amount] = {} if time is None else {"time": replace(time, used=time.used + age)}
    return {
        "elapsed": told.elapsed + age,
        "running": tuple(replace(trial, seconds=trial.seconds + age) for trial in alive),
        "budget": {**standing.budget, **later},
    }


def _age(written: str) -> float:
    """Seconds since a time; 0 for none, and where the other host's clock is ahead."""
    if not written:
        return 0.0
    return max(0.0, (datetime.now(UTC) - parse_time(written)).total_seconds())


def _asked(info: dict[str, Any]) -> int | None:
    try:
        asked = info["experiment"]["search"]["trials"]
    except (KeyError, TypeError):
        return None
    return asked if isinstance(asked, int) else None


def _state_without_driver(written: str) -> str:
    return GONE if written in ("preparing", "running") else written


def _holder(path: Path) -> str | None:
    try:
        text = (path / ".holder").read_text("utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise RunDirectoryError(f"{path / '.holder'} could not be read: {error}") from None
    holder = Holder.parse(text)
    return printable(text if holder is None else str(holder))
