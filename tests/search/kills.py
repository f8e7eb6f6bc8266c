"""What tests that kill need: a Ray that finds our tasks, a real search on them, and an assassin."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import psutil
from doubles import SpyDisplay, plan

from reports import TrialRecord
from search.books.trial_book import TrialBook
from search.budgets.budget import Budget
from search.runs.run_directory import RunDirectory
from search.runs.stopping import StopRequest
from search.scheduling.tuning import run_trials
from search.studies.study import Study, trial_seed
from search.workers.limits import Limits
from search.workers.worker import WorkerSettings
from trainables import Runtime

CPU = {"CPU": 1.0, "GPU": 0.0}
_HERE = Path(__file__).parent
PATH = os.pathsep.join([str(_HERE), str(_HERE.parents[1])])

RAY = {
    "log_to_driver": False,
    "runtime_env": {"env_vars": {"PYTHONPATH": PATH, "CUDA_VISIBLE_DEVICES": ""}},
}
"""Options of `ray.init`: workers must be able to import the tests' tasks and our packages."""

LOCAL = {**RAY, "num_cpus": 2, "include_dashboard": False, "address": "local"}


def wait_until(condition: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} seconds in vain for {condition}")
        time.sleep(0.05)
    return found


class Trials:
    """A search in `folder`, whose trials are those of `child_tasks` and wait there to be let go."""

    def __init__(self, folder: Path, trials: int, *, limits: Limits | None = None) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.run = RunDirectory.create(folder / "run", {"name": "x"})
        chosen = plan()
        self.display = SpyDisplay()
        self.book = TrialBook(
            run=self.run,
            study=Study(self.run.journal, chosen.space(), sampler="random", seed=0),
            plan=chosen,
            budget=Budget(trials=trials, seconds=None),
            display=self.display,
            facts={"data_fingerprint": "f", "synthetic": True, "runtime": {}},
        )
        self._limits = limits or Limits()

    def search(self, *, workers: int, resources: dict[str, float] = CPU, **settings: Any) -> None:
        run_trials(
            self.book,
            WorkerSettings(
                source=self.folder,
                runtime=Runtime(threads=1),
                limits=self._limits,
                resources=resources,
                workers=workers,
                tasks="child_tasks",
                **settings,
            ),
            workers=workers,
            resources=resources,
            rungs=None,
            request=StopRequest(self.run.path),
        )

    def begun(self, number: int) -> list[tuple[int, int]]:
        """Process numbers of child and worker, one pair per attempt of a trial."""
        return attempts(self.folder, str(trial_seed(0, number)))

    def let_go(self, number: int) -> None:
        (self.folder / f"go-{trial_seed(0, number)}").touch()

    def let_all_go(self) -> None:
        (self.folder / "free").touch()

    def records(self) -> list[TrialRecord]:
        path = self.run.path / "trials.jsonl"
        text = path.read_text() if path.exists() else ""
        return [TrialRecord.from_json(line) for line in text.splitlines()]

    def names(self) -> list[str]:
        return sorted(record.trial_id for record in self.records())

    def states(self) -> list[str]:
        """What the journal says, read anew."""
        backend = optuna.storages.journal.JournalFileBackend(str(self.run.journal))
        storage = optuna.storages.JournalStorage(backend)
        study = optuna.load_study(study_name="search", storage=storage)
        return [trial.state.name for trial in study.trials]

    def epochs(self, name: str) -> list[int]:
        text = (self.run.path / "trials" / name / "epochs.jsonl").read_text()
        return [json.loads(line)["epoch"] for line in text.splitlines()]


def attempts(folder: Path, name: str) -> list[tuple[int, int]]:
    path = folder / f"{name}.pids"
    text = path.read_text() if path.exists() else ""
    return [tuple(map(int, line.split())) for line in text.splitlines() if " " in line]


class Meanwhile:
    """Runs a function in a thread while the block runs; what it raises comes out at the end."""

    def __init__(self, deed: Callable[[], None], *, at_last: Callable[[], None]) -> None:
        self._deed = deed
        self._at_last = at_last
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self._deed()
        except Exception as error:  # noqa: BLE001 - raised again where the block ends
            self._error = error
        finally:
            self._at_last()  # or the search would wait for ever

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._thread.join(timeout=120)
        if self._error is not None:
            raise self._error


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
