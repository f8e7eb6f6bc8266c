"""The screened backbones: how well a linear probe on each one's frozen features did."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from reports.leaderboard import LeaderboardRow
from reports.probes import Probe
from reports.records import Stage, Status
from reports.run import Run
from reports.wording import has_random_weights, model

__all__ = ["NATIVE", "UNIT", "UNIT_MEANING", "Screened", "Screening", "screening_of"]

NATIVE, UNIT = "native", "unit"
"""What a backbone can be fed."""

UNIT_MEANING = (
    "“native” feeds each backbone what it was pretrained with; “unit” feeds every one x / 255, "
    "from 0 to 1, whatever it was pretrained with."
)


@dataclass(frozen=True)
class Screened:
    """One probe.

    Attributes:
        row: Its row of the leaderboard.
        probe: How it was measured.
        seen: Part of the training images it was fitted to, 0 to 1 inclusive; None if not known.
        searched: Best validation accuracy of a completed search trial with this backbone and
            preprocessing, 0 to 1 inclusive; None where there is none.
    """

    row: LeaderboardRow
    probe: Probe
    seen: float | None
    searched: float | None

    @property
    def preprocessing(self) -> str:
        """What the backbone was fed; native where the record does not say."""
        return self.row.preprocessing or NATIVE

    @property
    def has_random_weights(self) -> bool:
        """Whether its figure shows nothing about the backbone."""
        return has_random_weights(self.row)

    @property
    def was_dropped(self) -> bool:
        """Whether others went on without it."""
        return self.row.status is Status.PRUNED

    @property
    def outcome(self) -> str:
        """How far it got, in words."""
        if self.row.status is Status.FAILED:
            return f"failed: {self.row.error or 'not recorded'}"
        if not self.was_dropped:
            return "reached the last round"
        if self.probe.round is None or self.probe.rounds is None:
            return "dropped"
        return f"dropped after round {self.probe.round} of {self.probe.rounds}"


@dataclass(frozen=True)
class Screening:
    """All probes of a run; there is at least one.

    Attributes:
        backbones: The probes of each backbone, native first; the most accurate backbone first.
        chance: Accuracy of always naming the most frequent class of the validation images; None
            if not known.
    """

    backbones: tuple[tuple[Screened, ...], ...]
    chance: float | None

    @property
    def probes(self) -> tuple[Screened, ...]:
        """The probes one by one, in the order of the backbones."""
        return tuple(one for group in self.backbones for one in group)

    @property
    def both_ways(self) -> bool:
        """Whether both preprocessings were screened."""
        return len({one.preprocessing for one in self.probes}) > 1

    @property
    def has_unit(self) -> bool:
        """Whether any backbone was fed x / 255."""
        return any(one.preprocessing == UNIT for one in self.probes)

    @property
    def has_dropped(self) -> bool:
        """Whether any backbone was dropped in an earlier round."""
        return any(one.was_dropped for one in self.probes)

    @property
    def warning(self) -> str:
        """What to say where weights are random; empty where none are."""
        random = [one for one in self.probes if one.has_random_weights]
        if not random:
            return ""
        if len(random) == len(self.probes):
            return "RANDOM weights: these figures show nothing about the backbones."
        names = ", ".join(dict.fromkeys(model(one.row) for one in random))
        return f"RANDOM weights: the figures of {names} show nothing about these backbones."


def screening_of(run: Run, rows: Sequence[LeaderboardRow]) -> Screening | None:
    """Gather the screened backbones; None where none was screened."""
    groups: dict[str, list[Screened]] = {}
    training = _training_images(run, rows)
    for row in rows:
        if row.stage is Stage.SCREEN:
            groups.setdefault(model(row), []).append(_screened(row, rows, training))
    if not groups:
        return None
    for group in groups.values():
        group.sort(key=lambda one: (one.preprocessing, one.row.trial_id))
    ordered = sorted(groups.items(), key=lambda named: (-_best(named[1]), named[0]))
    return Screening(tuple(tuple(group) for _, group in ordered), _chance(run))


def _screened(
    row: LeaderboardRow, rows: Sequence[LeaderboardRow], training: int | None
) -> Screened:
    probe = Probe.of(row.probe)
    images = probe.train_images
    seen = None if images is None or training is None else min(1.0, images / training)
    return Screened(row, probe, seen, _searched(row, rows))


def _searched(screened: LeaderboardRow, rows: Sequence[LeaderboardRow]) -> float | None:
    # A stopped trial's accuracy is not what its configuration can reach.
    reached = (
        row.val_accuracy
        for row in rows
        if row.stage is Stage.SEARCH
        and row.status is Status.COMPLETED
        and row.val_accuracy is not None
        and row.backbone == screened.backbone
        and (row.preprocessing or NATIVE) == (screened.preprocessing or NATIVE)
    )
    return max(reached, default=None)


def _training_images(run: Run, rows: Sequence[LeaderboardRow]) -> int | None:
    """The images of the training part; without a split, the most that any probe saw."""
    probes = (Probe.of(row.probe).train_images or 0 for row in rows)
    return sum(run.counts.get("train", {}).values()) or max(probes, default=0) or None


def _best(group: Sequence[Screened]) -> float:
    accuracies = (one.row.val_accuracy for one in group if one.row.val_accuracy is not None)
    return max(accuracies, default=-inf)


def _chance(run: Run) -> float | None:
    counted = run.counts.get("validation", {})
    total = sum(counted.values())
    return max(counted.values()) / total if total else None
