"""A run whose backbones are screened, and workers that know beforehand what each is worth."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from depot_samples import source
from doubles import CLASSES, Clock, SpyDisplay, plan

from neurosweep.errors import TrialError
from search.budgets.budget import Budget
from search.runs.run_directory import RunDirectory
from search.stages.context import Run
from spaces import BACKBONES, DEFAULT_BACKBONES
from trainables import Probed, Runtime
from trainables.features.store import pack, unpack

EXPERIMENT = """
name: screened
data: {{image_size: 96}}
families:
  transfer: {{weights: random, image_size: 96{settings}}}
{families}
search: {{time_budget: null{search}}}
"""

RANKED = DEFAULT_BACKBONES
"""What is screened, in the order of the merits that `Workers` give them."""


def open_run(
    path: Path,
    *,
    settings: str = "",
    families: str = "",
    search: str = ", trials: 30, papers: false",
    seconds: float | None = None,
    clock: Clock | None = None,
    workers: int = 2,
    records=(),
) -> Run:
    """A run, or the next sitting of one."""
    chosen = plan(EXPERIMENT.format(settings=settings, families=families, search=search))
    begun = (path / "run.yaml").exists()
    info = {"data": {"negative_class": "notumor"}}
    directory = RunDirectory.reopen(path) if begun else RunDirectory.create(path, info)
    return Run(
        directory=directory,
        plan=chosen,
        source=source(path.with_name(f"{path.name}-cache")),
        budget=Budget(trials=30, seconds=seconds, clock=clock or Clock()),
        display=SpyDisplay(),
        resources={"CPU": 1.0, "GPU": 0.0},
        workers=workers,
        runtime=Runtime(threads=1),
        records=list(records),
    )


class Workers:
    """Computes features that tell the backbone, and probes that find its merit in them.

    Attributes:
        computed: What each call computed: backbone, preprocessing, view, rows.
        probed: Per probe the backbone and how many training images it saw.
    """

    def __init__(self, *, failing=(), during=None, other_merits=()):
        """Fails at some backbones.

        Args:
            failing: Their names; or "probe:NAME", which fails there.
            during: Called before each task with its name and how many there were before.
            other_merits: The order under the other preprocessing.
        """
        self.computed = []
        self.probed = []
        self.hired = []
        self._failing = failing
        self._during = during or (lambda *_: None)
        self._other = list(other_merits or RANKED)
        self._lock = threading.Lock()
        self._tasks = 0

    @contextmanager
    def hire(self, run, number):
        self.hired.append(number)
        with run.budget.held.holding(f"screening {number}", "screen"):
            run.budget.place(f"screening {number}", lambda: None)
            yield self

    def ready(self, seconds):
        return True

    def run(self, task, payload, *, seconds=None):
        with self._lock:
            before, self._tasks = self._tasks, self._tasks + 1
            self._during(task, before)
            return getattr(self, task)(**payload)

    def extract(self, *, frozen, source, rows):
        if frozen.backbone in self._failing:
            raise TrialError(f"{frozen.backbone} does not load\nTraceback: here")
        self.computed.append((frozen.backbone, frozen.preprocessing, frozen.view, tuple(rows)))
        order = list(RANKED) if frozen.preprocessing == "native" else self._other
        values = np.zeros((len(rows), 2, BACKBONES[frozen.backbone].feature_length), np.float32)
        values[:, 0, 0] = 1 + RANKED.index(frozen.backbone)
        values[:, 0, 1] = 1 + order.index(frozen.backbone)
        return pack(values, "float16"), 2.0

    def probe(self, *, train, validation, groups):
        number, place = unpack(train[0])[0, 0, :2].astype(int)
        name = RANKED[number - 1]
        if f"probe:{name}" in self._failing:
            raise TrialError(f"the probe of {name} failed")
        assert len(train[1]) == len(groups) == len(train[0][0])
        self.probed.append((name, len(train[1])))
        accuracy = 0.95 - 0.02 * int(place)
        return Probed(
            c=0.1,
            cv_accuracy=accuracy - 0.01,
            accuracy=accuracy,
            loss=1 - accuracy,
            train_images=len(train[1]),
            seconds=0.5,
            probabilities=np.full((len(validation[1]), len(CLASSES)), 1 / len(CLASSES), np.float32),
        )

    def passes(self):
        """Each image that went through something, as often as it did."""
        return [(*what, row) for *what, rows in self.computed for row in rows]
