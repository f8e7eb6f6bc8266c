"""The leaderboard of a run, whether it is finished or still going on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reports.columns import column_names
from reports.leaderboard import LeaderboardRow, build_leaderboard
from reports.parquet import StoredLeaderboard
from reports.records import Stage
from reports.run import STATISTICS, read_run
from reports.run_statistics import has_seen, kept_statistics
from reports.selection import checked_top, select_places, select_rows
from reports.uncertainty import run_notes

__all__ = ["Shown", "load_leaderboard", "show_leaderboard", "show_rows"]

_SOURCES = (
    "run.yaml",
    "split.parquet",
    STATISTICS,
    "trials.jsonl",
    "evaluation.json",
    "cross_validation.json",
    "repeats.json",
    "winner/architecture.json",
)


@dataclass(frozen=True)
class Shown:
    """Some rows of a leaderboard.

    Attributes:
        rows: Those to show, in their order.
        notes: What must be said of the whole leaderboard, whichever rows are shown.
        left_out: How many others were chosen, and left out for their number alone.
        columns: Names of the whole leaderboard's columns, whichever rows are shown.
    """

    rows: Sequence[LeaderboardRow]
    notes: tuple[str, ...]
    left_out: int
    columns: tuple[str, ...]


def load_leaderboard(path: Path) -> list[LeaderboardRow]:
    """Read a run's leaderboard.parquet, or rank its trials if something finished after it.

    Raises:
        RunDirectoryError: Not a run directory, or a file in it is damaged.
    """
    stored = _stored(path)
    if stored is None:
        return build_leaderboard(read_run(path))
    return stored.rows(range(stored.length))


def show_leaderboard(
    path: Path,
    *,
    sort: str | None = None,
    top: int | None = None,
    family: str | None = None,
    where: str | None = None,
) -> Shown:
    """Select rows of a run as `select_rows` does; of the others none is made.

    Raises:
        RunDirectoryError: Not a run directory, or a file in it is damaged.
        UserError: An unknown column or family, an expression outside the grammar, top below 1.
    """
    top = checked_top(top)
    stored = _stored(path)
    if stored is not None:
        places = select_places(stored, sort=sort, family=family, where=where)
        rows = stored.rows(places[:top])
        left_out = len(places) - len(rows)
        return Shown(rows, stored.notes, left_out=left_out, columns=stored.columns)
    run = read_run(path)
    every = build_leaderboard(run)
    notes = run_notes(run, every)
    return show_rows(every, notes, sort=sort, top=top, family=family, where=where)


def show_rows(
    every: Sequence[LeaderboardRow],
    notes: tuple[str, ...],
    *,
    sort: str | None = None,
    top: int | None = None,
    family: str | None = None,
    where: str | None = None,
) -> Shown:
    """Select of rows that are made already; otherwise as `show_leaderboard`."""
    top = checked_top(top)
    chosen = select_rows(every, sort=sort, family=family, where=where)
    left_out = len(chosen[top:]) if top is not None else 0
    return Shown(chosen[:top], notes, left_out=left_out, columns=column_names(every))


def _stored(path: Path) -> StoredLeaderboard | None:
    """The run's leaderboard.parquet; None where it does not tell how the run stands now."""
    written = path / "leaderboard.parquet"
    # Who deletes the statistics wants them worked out anew.
    needed = (written, path / "run.yaml", path / STATISTICS)
    if not all(one.is_file() for one in needed):
        return None
    sources = [path / name for name in _SOURCES]
    newest = max(one.stat().st_mtime_ns for one in sources if one.exists())
    if newest > written.stat().st_mtime_ns:
        return None
    stored = StoredLeaderboard(written)
    # One of an earlier version lacks what is worked out of the same records today, and weights
    # may have been deleted since.
    is_current = not stored.missing and all(
        place is None or (path / str(place)).is_file() for place in stored.column("weights_place")
    )
    return stored if is_current and _has_seen_predictions(stored, path) else None


def _has_seen_predictions(stored: StoredLeaderboard, path: Path) -> bool:
    """Whether no predictions came back or were replaced since tie groups were worked out."""
    kept = kept_statistics(path)
    if kept is None or (kept.choice is None and _is_ensemble_first(stored)):
        # Earlier versions corrected nothing where an ensemble was first.
        return False
    pairs = zip(stored.column("trial_id"), stored.column("rank"), strict=True)
    ranked = (str(name) for name, rank in pairs if rank is not None)
    return has_seen(kept, path, ranked)


def _is_ensemble_first(stored: StoredLeaderboard) -> bool:
    pairs = zip(stored.column("rank"), stored.column("stage"), strict=True)
    return any(rank == 1 and stage == Stage.ENSEMBLE for rank, stage in pairs)
