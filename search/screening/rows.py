"""The leaderboard's rows of a screening."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import spaces
from reports import Origin, Stage, Status, TrialRecord
from search.books.trial_records import Score, first_line
from search.screening.candidate import Candidate
from search.screening.halving import Round
from trainables import Probed

__all__ = ["Standing", "row_of"]

_SUCCEEDED = {"finished": Status.COMPLETED}


@dataclass(kw_only=True)
class Standing:
    """How a candidate stands.

    Attributes:
        candidate: Which one.
        probed: Its last probe, or None before its first.
        round: The round of that probe.
        ended: Why it is out: "halving", "budget", "failed", or "finished" after the last round.
        error: What failed.
        seconds: Of workers, for features and probes.
    """

    candidate: Candidate
    probed: Probed | None = None
    round: Round | None = None
    ended: str = ""
    error: str | None = None
    seconds: float = 0.0
    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @property
    def merit(self) -> tuple[float, float]:
        """Sorts best first: validation accuracy, then validation loss."""
        if self.probed is None:
            return 1.0, 0.0
        return -self.probed.accuracy, self.probed.loss


def row_of(standing: Standing, *, seed: int, facts: Mapping[str, Any], score: Score) -> TrialRecord:
    """The record of a candidate that is out, or through.

    Args:
        standing: How it ended.
        seed: Of the search.
        facts: What all records of the run have in common.
        score: Scores validation probabilities.
    """
    frozen, probed = standing.candidate.frozen, standing.probed
    record = spaces.BACKBONES[frozen.backbone]
    failed = standing.error is not None
    native = frozen.task.image_size == record.native_size
    return TrialRecord(
        trial_id=standing.candidate.trial_id,
        stage=Stage.SCREEN,
        origin=Origin.PAPER,
        family="transfer",
        backbone=frozen.backbone,
        weights=frozen.weights,
        weights_hash=frozen.weights_hash,
        preprocessing=frozen.preprocessing,
        status=Status.FAILED if failed else _SUCCEEDED.get(standing.ended, Status.PRUNED),
        stop_reason=standing.ended,
        error=None if standing.error is None else first_line(standing.error),
        hyperparameters={"family": "transfer", "transfer/backbone": frozen.backbone},
        seed=seed,
        val_accuracy=None if probed is None else probed.accuracy,
        val_loss=None if probed is None else probed.loss,
        epochs=0,
        epochs_allowed=0,
        seconds=round(standing.seconds, 3),
        image_size=frozen.task.image_size,
        parameters=record.parameters,
        multiply_adds=record.multiply_adds if native else None,
        started_at=standing.started,
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
        probe=_probe(standing),
        **({} if probed is None else score(probed.probabilities)),
        **facts,
    )


def _probe(standing: Standing) -> dict[str, Any] | None:
    if standing.probed is None or standing.round is None:
        return None
    return {
        "c": standing.probed.c,
        "cv_accuracy": standing.probed.cv_accuracy,
        "train_images": standing.probed.train_images,
        "round": standing.round.number,
        "rounds": standing.round.of,
    }
