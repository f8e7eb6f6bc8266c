"""What validation predictions say of a leaderboard, and `statistics.json`, which keeps it.

Written when a run ends, so that a leaderboard is shown without reading thousands of arrays; worked
out anew wherever the file is not there, or was made from other trials or images.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from neurosweep.errors import RunDirectoryError
from reports.files import read_typed, replace_text
from reports.predictions import (
    Truth,
    check_accuracy,
    predictions_file,
    predictions_in,
    read_predictions,
    true_labels,
)
from reports.ranking import Ranking
from reports.records import Stage, TrialRecord
from reports.run import STATISTICS, Run
from reports.scores.answers import log_probabilities
from reports.statistics.choice import RESAMPLES, SEED, Answers, correct_for_choice
from reports.statistics.tie_groups import ALPHA, tie_groups

__all__ = [
    "COMPARED",
    "STATISTICS",
    "Choice",
    "Statistics",
    "has_seen",
    "is_current",
    "kept_statistics",
    "statistics_of",
    "write_statistics",
]

COMPARED = 50
"""Rows that are compared with each other, from rank 1 on; those behind them have no tie group."""

_METHOD = f"3: {COMPARED} rows at {ALPHA}, {RESAMPLES} resamples from seed {SEED}"
# Told apart from the method, since other runs' figures are as they were without it.
_BEHIND_ENSEMBLE = "the best single network is corrected behind an ensemble too"
_BLOCK = 256  # trials whose probabilities are in memory at a time


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The best single network's validation accuracy, corrected for its having been chosen by it.

    Attributes:
        trial_id: The network: rank 1, or the first one behind an ensemble. None only in a file of
            an earlier version, which `statistics_of` does not hand out.
        trials: How many models the best was chosen from, of those with usable predictions.
        of: How many took part in all.
        images: Validation images; `groups` of copies that they fall into.
        accuracy: The network's, as recorded.
        estimate: The corrected one.
        low: Lower bound of the 95 % interval of the corrected one; `high` the upper.
    """

    trials: int
    of: int
    images: int
    groups: int
    accuracy: float
    estimate: float
    low: float
    high: float
    trial_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """What validation predictions say beyond each trial's own figures.

    Attributes:
        made_from: Hash of method, ranking and validation images.
        tie_groups: Group by trial, of the first ranked rows; see `statistics.tie_groups`.
        choice: What choosing the best made of its accuracy; None where it is not known.
        why: What is missing, in sentences.
        predictions: Bytes of the file of predictions by trial, of ranked trials that had one.
        doubted: When the file was last written, in nanoseconds, of those that could not be used.
    """

    # Read by pydantic: a NaN could be neither shown nor compared.
    __pydantic_config__: ClassVar[dict[str, object]] = {"allow_inf_nan": False}

    made_from: str
    tie_groups: dict[str, int]
    choice: Choice | None
    why: tuple[str, ...]
    predictions: dict[str, int] = field(default_factory=dict)
    doubted: dict[str, int] = field(default_factory=dict)


def statistics_of(run: Run) -> Statistics:
    """Read the statistics of a run, or work them out; damaged predictions are told in `why`.

    Raises:
        RunDirectoryError: `statistics.json` or the split is damaged.
    """
    kept, made_from, ranked = kept_statistics(run.path), _made_from(run), _ranked(run)
    if kept is None or kept.made_from != made_from or not has_seen(kept, run.path, ranked):
        return _measure(run, made_from)
    if kept.choice is None or kept.choice.trial_id is not None:
        return kept
    # Earlier versions corrected rank 1 alone, and did not write whose figure it was.
    return replace(kept, choice=replace(kept.choice, trial_id=ranked[0]))


def has_seen(kept: Statistics, path: Path, trials: Iterable[str]) -> bool:
    """Tell whether the predictions that a run has are those that its statistics were made from.

    Files that are gone since change nothing: who copies a run may leave them. Times of files are
    looked at only where a file could not be used, since a copy has others.

    Args:
        kept: The statistics.
        path: The run directory.
        trials: The ranked trials.
    """
    return all(_is_seen(kept, path, trial_id) for trial_id in trials)


def _is_seen(kept: Statistics, path: Path, trial_id: str) -> bool:
    try:
        now = predictions_in(path, trial_id, "validation").stat()
    except OSError:
        return True
    is_same = kept.doubted.get(trial_id) in (None, now.st_mtime_ns)
    return is_same and kept.predictions.get(trial_id) == now.st_size


def _ranked(run: Run) -> list[str]:
    return [one.trial_id for one in Ranking.of(run.info).ranked(run.records)]


def is_current(run: Run) -> bool:
    """Tell whether a run's file holds the statistics of the trials that it has now.

    Raises:
        RunDirectoryError: `statistics.json` or the split is damaged.
    """
    kept = kept_statistics(run.path)
    return (
        kept is not None
        and kept.made_from == _made_from(run)
        and has_seen(kept, run.path, _ranked(run))
    )


def write_statistics(run: Run) -> None:
    """Keep a run's statistics in its directory.

    Raises:
        RunDirectoryError: A file that they are made from is damaged.
        NeurosweepError: The file cannot be written.
    """
    content = json.dumps(asdict(run.statistics), indent=2, ensure_ascii=False, allow_nan=False)
    replace_text(run.path / STATISTICS, content + "\n")


def kept_statistics(path: Path) -> Statistics | None:
    """Read what a run directory keeps; None where it keeps nothing.

    Raises:
        RunDirectoryError: The file is damaged.
    """
    return read_typed(
        path / STATISTICS,
        Statistics,
        holds="the statistics of a leaderboard",
        advice="Delete it: they are worked out anew.",
    )


def _made_from(run: Run) -> str:
    ranking, data = Ranking.of(run.info), run.info.get("data")
    classes = data.get("classes") if isinstance(data, Mapping) else None
    ranked = ranking.ranked(run.records)
    scores = [(one.trial_id, one.val_accuracy, one.val_loss) for one in ranked]
    told = [_METHOD, ranking.objectives, scores, classes, _validation_rows(run)]
    if ranked and _is_ensemble(ranked[0]):
        told.append(_BEHIND_ENSEMBLE)
    return sha256(json.dumps(told, default=str).encode()).hexdigest()


def _validation_rows(run: Run) -> list[Sequence[object]]:
    if run.split is None:
        return []
    rows = zip(*(column.to_pylist() for column in run.split.columns), strict=True)
    part = run.split.column_names.index("part")
    return [row for row in rows if row[part] == "validation"]


def _measure(run: Run, made_from: str) -> Statistics:
    ranking = Ranking.of(run.info)
    ranked = ranking.ranked(run.records)
    seen = _seen(run, ranked)
    nothing = Statistics(
        made_from=made_from,
        tie_groups={},
        choice=None,
        why=(),
        predictions={name: size for name, (size, _) in seen.items()},
    )
    if not ranked:
        return replace(nothing, why=("no trial has completed: there is nothing to compare",))
    try:
        truth = true_labels(run, "validation")
    except RunDirectoryError as error:
        return replace(nothing, why=(str(error).rstrip("."),))
    if truth is None:
        return replace(nothing, why=("no row has a tie group: no validation images are known",))
    reader = _Reader(run, truth)
    groups = _tie_groups(reader, ranked)
    choice = _choice(reader, ranked, by_loss=ranking.by_loss)
    return replace(
        nothing,
        tie_groups=groups,
        choice=choice,
        why=(*_uncompared(ranked, groups), *_uncorrected(reader, ranked), *reader.problems),
        doubted={name: time for name, (_, time) in seen.items() if name in reader.unusable},
    )


def _seen(run: Run, ranked: Sequence[TrialRecord]) -> dict[str, tuple[int, int]]:
    """Bytes and time of the files of predictions that are there."""
    found = {}
    for record in ranked:
        with suppress(OSError):
            now = predictions_file(run, record.trial_id, "validation").stat()
            found[record.trial_id] = now.st_size, now.st_mtime_ns
    return found


def _tie_groups(reader: "_Reader", ranked: Sequence[TrialRecord]) -> dict[str, int]:
    """Groups of the first rows; none where the first itself cannot be compared."""
    first = [(one, reader.right(one)) for one in ranked[:COMPARED]]
    usable = [(one.trial_id, right) for one, right in first if right is not None]
    if first[0][1] is None:
        return {}
    numbers = tie_groups(np.stack([right for _, right in usable]))
    return dict(zip((name for name, _ in usable), numbers, strict=True))


def _choice(reader: "_Reader", ranked: Sequence[TrialRecord], *, by_loss: bool) -> Choice | None:
    """The best network's corrected accuracy; None without a choice, or without its answers."""
    models = _networks(ranked)
    if not models or reader.is_one_group or reader.right(models[0]) is None:
        return None
    corrected = correct_for_choice(reader.blocks(models), reader.truth.groups, by_loss=by_loss)
    if reader.usable < 2:
        return None
    return Choice(
        trials=reader.usable,
        of=len(models),
        images=len(reader.truth.files),
        groups=len(np.unique(reader.truth.groups)),
        accuracy=models[0].val_accuracy or 0.0,
        estimate=corrected.estimate,
        low=corrected.low,
        high=corrected.high,
        trial_id=models[0].trial_id,
    )


def _networks(ranked: Sequence[TrialRecord]) -> list[TrialRecord]:
    """The models of the correction, best first; an ensemble is none of them.

    Each of an ensemble's answers is of members that the other images chose: what it says of an
    image that was not drawn depends on those that were, and it would have to be chosen anew.
    """
    return [one for one in ranked if not _is_ensemble(one)]


def _is_ensemble(record: TrialRecord) -> bool:
    return record.stage is Stage.ENSEMBLE


def _uncompared(ranked: Sequence[TrialRecord], groups: Mapping[str, int]) -> Iterator[str]:
    """Which rows have no tie group, and for what reason."""
    first = ranked[:COMPARED]
    without = len(first) - len(groups)
    if not groups:
        yield (
            "no row has a tie group: there are no usable validation predictions of rank 1, with "
            "which the others are compared"
        )
        return
    if without:
        yield (
            f"{without} of the first {len(first)} rows have no tie group: their validation "
            "predictions are missing or cannot be used"
        )
    if len(ranked) > COMPARED:
        yield f"rows behind rank {COMPARED} are not compared, and have no tie group"


def _uncorrected(reader: "_Reader", ranked: Sequence[TrialRecord]) -> Iterator[str]:
    """Why the best network's accuracy is not corrected."""
    who = "the best single network" if _is_ensemble(ranked[0]) else "the winner"
    uncorrected = f"{who}'s accuracy is not corrected for the choice"
    if len(_networks(ranked)) <= 1:
        yield "one trial completed: nothing was chosen, so no accuracy is corrected for a choice"
    elif reader.is_one_group:
        yield (f"{uncorrected}: all validation images are copies of each other, or of one group")
    elif reader.usable < 2:
        yield (
            f"{uncorrected}: that takes usable validation predictions of {who} and of another trial"
        )


class _Reader:
    """Reads the predictions of ranked trials, and remembers what was wrong with them."""

    def __init__(self, run: Run, truth: Truth) -> None:
        self.truth = truth
        self.usable = 0
        self._run = run
        self._problems: dict[str, str] = {}

    @property
    def is_one_group(self) -> bool:
        """Whether no image can be left out, since all belong together."""
        return len(np.unique(self.truth.groups)) < 2

    @property
    def problems(self) -> tuple[str, ...]:
        """The first thing that was wrong, and how many more there were."""
        if not self._problems:
            return ()
        more = len(self._problems) - 1
        rest = f" ({more} more like it)" if more else ""
        return (f"{next(iter(self._problems.values()))}{rest}",)

    @property
    def unusable(self) -> frozenset[str]:
        """Trials whose predictions are there and cannot be used."""
        return frozenset(self._problems)

    def right(self, record: TrialRecord) -> NDArray[np.bool_] | None:
        """Whether a trial was right, (images,); None where its predictions cannot be used."""
        answers = self._answers(record)
        return None if answers is None else answers.right[0]

    def blocks(self, records: Sequence[TrialRecord]) -> Iterator[Answers]:
        """All usable predictions, a few at a time; counts them."""
        usable = (found for one in records if (found := self._answers(one)) is not None)
        while block := list(islice(usable, _BLOCK)):
            self.usable += len(block)
            yield Answers(
                np.concatenate([one.right for one in block]),
                np.concatenate([one.losses for one in block]),
            )

    def _answers(self, record: TrialRecord) -> Answers | None:
        path = predictions_file(self._run, record.trial_id, "validation")
        if not path.exists():
            return None
        labels = self.truth.labels
        try:
            probabilities = read_predictions(path, self.truth)
            right = probabilities.argmax(axis=1) == labels
            check_accuracy(path, right, record.val_accuracy or 0.0)
        except RunDirectoryError as error:
            self._problems[record.trial_id] = str(error).rstrip(".")
            return None
        of_truth = probabilities[np.arange(len(labels)), labels]
        losses = (-log_probabilities(of_truth)).astype(np.float32)
        return Answers(right[None], losses[None])
