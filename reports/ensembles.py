"""What is told of an ensemble: its members, and which one counts."""

from collections.abc import Mapping, Sequence
from typing import Any

from reports.records import Stage, TrialRecord

__all__ = ["OUT_OF_FOLD", "ensemble_sentence", "members_of", "without_earlier_ensembles"]

OUT_OF_FOLD = (
    "its validation figures are out of fold, each image judged by members and weights that were "
    "chosen without it, so that they are not corrected for the choice"
)
"""Why no corrected accuracy stands beside an ensemble's own."""


def members_of(record: TrialRecord) -> tuple[tuple[str, float], ...]:
    """The trials that an ensemble is made of, each with its weight; empty for other rows."""
    values, members = record.hyperparameters, []
    number = 1
    while record.stage is Stage.ENSEMBLE and f"ensemble/member_{number}" in values:
        weight = values.get(f"ensemble/weight_{number}")
        known = isinstance(weight, int | float) and not isinstance(weight, bool)
        members.append(
            (str(values[f"ensemble/member_{number}"]), float(weight or 0.0) if known else 0.0)
        )
        number += 1
    return tuple(members)


def without_earlier_ensembles(
    records: Sequence[TrialRecord], info: Mapping[str, Any]
) -> tuple[TrialRecord, ...]:
    """Leave out ensembles that a run made before it went on: their members are others by now.

    Args:
        records: All that trials.jsonl holds.
        info: What run.yaml says; `ensemble.trial_id` names the one that counts, or none.
    """
    told = info.get("ensemble")
    if not isinstance(told, dict) or "trial_id" not in told:
        return tuple(records)
    return tuple(
        record
        for record in records
        if record.stage is not Stage.ENSEMBLE or record.trial_id == told["trial_id"]
    )


def ensemble_sentence(winner: TrialRecord) -> str:
    """How to read an ensemble that is first in rank; empty where another row is."""
    if winner.stage is not Stage.ENSEMBLE:
        return ""
    named = ", ".join(f"{name} ({100 * weight:.0f} %)" for name, weight in members_of(winner))
    return (
        f"The ensemble is the weighted mean of what trials {named} say. It was judged on images "
        "that had no say in its choice of networks and weights, the single networks on images that "
        "chose them: only their accuracy has to be corrected for a choice."
    )
