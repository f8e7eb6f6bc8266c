"""A made-up ensemble in a made-up run."""

from dataclasses import replace

from fake_data import VALIDATION_IMAGES
from fake_run import FakeRun, answered_run

from reports.records import Stage

MEMBERS = {
    "family": "ensemble",
    "ensemble/members": 2,
    "ensemble/member_1": "0010",
    "ensemble/weight_1": 0.625,
    "ensemble/member_2": "0004",
    "ensemble/weight_2": 0.375,
}


def add_ensemble(fake: FakeRun, name: str = "e0001", **changes):
    """Put an ensemble among the records; returns its record."""
    best = next(one for one in fake.records if one.trial_id == "0010")
    made = replace(
        best,
        trial_id=name,
        stage=Stage.ENSEMBLE,
        family="ensemble",
        hyperparameters=MEMBERS,
        parent_id=None,
        **{"val_accuracy": 0.99, **changes},
    )
    fake.records.append(made)
    return made


def allowed(fake: FakeRun, value: object) -> None:
    """Set `final.ensemble`."""
    fake.info.setdefault("experiment", {}).setdefault("final", {})["ensemble"] = value


def ensemble_first(value: object = "row") -> FakeRun:
    """A run whose ensemble is first in rank and was tested, with 0010-ft in winner/."""
    fake = answered_run()
    fake.predictions = True
    nearly_all = (VALIDATION_IMAGES - 1) / VALIDATION_IMAGES
    add_ensemble(fake, val_accuracy=nearly_all, val_loss=0.02, parameters=1_600_000, seed=1077)
    fake.finalists.append("e0001")
    allowed(fake, value)
    return fake
