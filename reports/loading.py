"""The leaderboard of a run, whether it is finished or still going on."""

from pathlib import Path

from reports.leaderboard import LeaderboardRow, build_leaderboard
from reports.parquet import read_leaderboard
from reports.run import read_run

__all__ = ["load_leaderboard"]

_SOURCES = ("trials.jsonl", "evaluation.json", "cross_validation.json")


def load_leaderboard(path: Path) -> list[LeaderboardRow]:
    """Read a run's leaderboard.parquet, or rank its trials if something finished after it.

    Raises:
        RunDirectoryError: Not a run directory, or a file in it is damaged.
    """
    written = path / "leaderboard.parquet"
    if written.is_file() and (path / "run.yaml").is_file():
        sources = [path / name for name in _SOURCES]
        newest = max((one.stat().st_mtime_ns for one in sources if one.exists()), default=0)
        if newest <= written.stat().st_mtime_ns:
            return read_leaderboard(written)
    return build_leaderboard(read_run(path))
