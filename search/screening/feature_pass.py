"""Features computed on all workers, shard by shard, into the driver's cache.

The driver's cache is the one that counts: a shard that is in it is never computed again, neither
after a kill nor by another run on the same images, and nodes fetch from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurosweep.errors import TrialError, WorkerLostError
from search.screening.images import Images
from search.screening.passes import Passes
from search.stages.pool import Worker, WorkerPool
from trainables.features.frozen import Frozen
from trainables.features.shards import shards
from trainables.features.store import Packed

__all__ = ["FeaturePass"]


@dataclass(frozen=True, kw_only=True)
class _Shard:
    frozen: Frozen
    rows: NDArray[np.int64]


class FeaturePass:
    """Computes what is missing, and remembers what it took and what failed.

    Attributes:
        seconds: By backbone and view, seconds of workers spent on it since they were last taken.
        failed: By backbone and view, why it cannot be computed.
        passes: How many images went through which backbone in this sitting.
    """

    def __init__(self, images: Images, pool: WorkerPool) -> None:
        """Computes on the workers of a pool."""
        self._images = images
        self._pool = pool
        self.seconds: dict[Frozen, float] = {}
        self.failed: dict[Frozen, str] = {}
        self.passes = Passes()

    def complete(
        self,
        wanted: Mapping[Frozen, NDArray[np.int64]],
        *,
        is_over: Callable[[], bool] = lambda: False,
    ) -> list[Frozen]:
        """Computes what is missing of these rows; returns those that have all of theirs now.

        Args:
            wanted: Rows by backbone, in the order in which they are computed.
            is_over: Once it says so, no further shard is begun.

        Raises:
            NeurosweepError: A full disk.
            WorkerLostError: All workers are lost.
        """
        jobs = [shard for frozen, rows in wanted.items() for shard in self._missing(frozen, rows)]
        for job, (packed, seconds) in self._pool.work(jobs, self._compute, is_over=is_over):
            self._take(job, packed, seconds)
        return [
            one for one, rows in wanted.items() if not len(self._images.store(one).missing(rows))
        ]

    def _missing(self, frozen: Frozen, rows: NDArray[np.int64]) -> list[_Shard]:
        """What is to be computed of some rows; the others are found in the cache."""
        missing = self._images.store(frozen).missing(rows)
        self.passes.found(frozen, np.setdiff1d(rows, missing))
        return [_Shard(frozen=frozen, rows=shard) for shard in shards(missing)]

    def _take(self, job: _Shard, packed: Packed | str, seconds: float) -> None:
        """Keeps a shard, or why there is none."""
        if isinstance(packed, str):
            self.failed.setdefault(job.frozen, packed)
            return
        self.seconds[job.frozen] = self.seconds.get(job.frozen, 0.0) + seconds
        store = self._images.store(job.frozen)
        with store.filling():
            store.add(job.rows, packed)
        self.passes.computed(job.frozen, job.rows, seconds)

    def _compute(self, worker: Worker, job: _Shard) -> tuple[Packed | str, float]:
        """One shard, or why there is none; a backbone that failed is not tried again."""
        if job.frozen in self.failed:
            return self.failed[job.frozen], 0.0
        payload = {"frozen": job.frozen, "source": self._images.source, "rows": job.rows}
        try:
            packed, seconds = worker.run("extract", payload)
        except WorkerLostError:
            raise
        except TrialError as error:
            return str(error), 0.0
        return packed, seconds
