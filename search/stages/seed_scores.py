"""What finalists came to with further seeds so far: `repeats.json`, written whole each time."""

from __future__ import annotations

from reports.repeated_finalists import Repeated, RepeatedFinalists, read_repeated_finalists
from search.runs.run_directory import RunDirectory

__all__ = ["SeedScores"]

_FILE = "repeats.json"


class SeedScores:
    """The scores of each finalist by seed; those of an earlier sitting are taken up.

    The file holds `repeats` (seeds asked for last, a finalist's own among them) and `finalists`:
    per finalist its `trial_id`, and `seeds`, `accuracies`, `losses` and `seconds` side by side, in
    the order in which they were measured. What was measured of a trial that is no finalist any more
    stays, and so do seeds beyond those asked for now: they are as true as before.
    """

    def __init__(self, run: RunDirectory, repeats: int) -> None:
        """Reads what is there, and writes into it how many seeds are asked for now.

        Args:
            run: The run directory.
            repeats: Seeds for each finalist, its own among them.

        Raises:
            RunDirectoryError: if the file is there and cannot be read.
        """
        self._run = run
        self._repeats = repeats
        before = read_repeated_finalists(run.path / _FILE)
        self._found = {one.trial_id: one for one in before.finalists} if before else {}
        if before and before.repeats != repeats:
            self._write()

    def has(self, trial_id: str, seed: int) -> bool:
        """Whether a finalist was measured with a seed."""
        return trial_id in self._found and seed in self._found[trial_id].seeds

    def add(self, trial_id: str, seed: int, score: dict[str, float]) -> None:
        """Keeps a score (`accuracy`, `loss`, `seconds`) and writes the file."""
        before = self._found.get(trial_id, Repeated(trial_id=trial_id))
        self._found[trial_id] = Repeated(
            trial_id=trial_id,
            seeds=(*before.seeds, seed),
            accuracies=(*before.accuracies, score["accuracy"]),
            losses=(*before.losses, score["loss"]),
            seconds=(*before.seconds, score["seconds"]),
        )
        self._write()

    def _write(self) -> None:
        found = RepeatedFinalists(repeats=self._repeats, finalists=tuple(self._found.values()))
        self._run.write_json(_FILE, found.to_dict())
