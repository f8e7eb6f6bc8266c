"""Importance from the records: right where it is known, and silent where nothing can be said."""

import logging
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from fake_run import FakeRun

from reports import Origin, Run, Status, TrialRecord, build_leaderboard
from reports.figures.importance import importance_figures
from reports.importance import LEAST_TRIALS, importance_of
from reports.page import Page
from reports.settings import Settings, settings_of


def trials(model: TrialRecord, number: int, seed: int = 0) -> list[TrialRecord]:
    """Accuracy depends on the rate, a little on the optimiser, and on nothing else."""
    random = np.random.default_rng(seed)
    made = []
    for index in range(number):
        rate, optimizer = float(10 ** random.uniform(-5, -1)), str(random.choice(["adam", "sgd"]))
        settings = {
            "training/learning_rate": rate,
            "training/optimizer": optimizer,
            "training/augmentation": bool(random.random() < 0.5),
            "plain_cnn/filters_1": int(2 ** random.integers(4, 8)),
        }
        if random.random() < 0.5:
            settings["plain_cnn/filters_2"] = int(2 ** random.integers(4, 8))
        share = 0.9 - 0.1 * abs(np.log10(rate) + 3) - 0.03 * (optimizer == "sgd")
        made.append(
            replace(
                model,
                trial_id=f"i{index:05d}",
                family="plain_cnn",
                backbone=None,
                origin=Origin.SAMPLER,
                status=Status.COMPLETED if share > 0.8 else Status.PRUNED,
                hyperparameters=settings,
                val_accuracy=float(share),
            )
        )
    return made


def settings(run: Run, records: list[TrialRecord]) -> Settings:
    rows = build_leaderboard(replace(run, records=tuple(records)))
    return next(iter(settings_of(rows, ["plain_cnn"])))


def test_what_decides_is_found_and_what_does_not_is_near_nothing(run: Run):
    told = importance_of(settings(run, trials(run.records[0], 400)))
    assert told is not None
    assert next(iter(told.shares)) == "training/learning_rate"
    assert told.shares["training/learning_rate"] > 0.5
    for name in ("training/augmentation", "plain_cnn/filters_1", "plain_cnn/filters_2"):
        assert told.shares[name] < 0.1, name
    assert sum(told.shares.values()) == pytest.approx(1.0)
    assert list(told.shares.values()) == sorted(told.shares.values(), reverse=True)


def test_many_trials_are_sampled_and_say_the_same(run: Run, monkeypatch: pytest.MonkeyPatch):
    # Few different numbers on a line made the method find what is not there as trials grew many.
    many = importance_of(settings(run, trials(run.records[0], 3000)))
    assert many is not None
    assert (many.trials, many.measured) == (1000, 3000)
    assert many.shares["training/learning_rate"] > 0.5
    assert many.shares["plain_cnn/filters_1"] < 0.05


def test_few_trials_say_nothing(run: Run):
    assert importance_of(settings(run, trials(run.records[0], LEAST_TRIALS - 1))) is None
    enough = importance_of(settings(run, trials(run.records[0], LEAST_TRIALS)))
    assert enough is not None
    assert enough.best == pytest.approx(0.25)


def test_trials_that_are_all_alike_say_nothing(run: Run):
    alike = [
        replace(one, hyperparameters={"training/learning_rate": 0.1})
        for one in trials(run.records[0], 30)
    ]
    assert importance_of(settings(run, alike)) is None


def test_equal_scores_say_nothing_false(run: Run):
    equal = [replace(one, val_accuracy=0.5) for one in trials(run.records[0], 60)]
    assert importance_of(settings(run, equal)) is None


def test_repeats_of_a_configuration_are_not_counted_again(run: Run):
    records = trials(run.records[0], 30)
    again = [
        replace(records[0], trial_id=f"r{n}", origin=Origin.REPEAT, parent_id=records[0].trial_id)
        for n in range(10)
    ]
    told = importance_of(settings(run, [*records, *again]))
    assert told is not None
    assert told.measured == 30


def test_the_figure_names_evaluator_trials_and_who_is_left_out(
    run: Run, write: Callable[[FakeRun], Run]
):
    changed = replace(run, records=(*run.records, *trials(run.records[0], 40)))
    (figure,) = importance_figures(Page(changed, build_leaderboard(changed)))
    assert figure.key == "importance-plain-cnn"
    assert "44 trials" in figure.title
    for told in ("PED-ANOVA", "mini_vgg, mini_resnet, transfer", "takes 20 measured trials"):
        assert told in figure.caption
    assert sum(share or 0 for share in figure.numbers["importance"]) == pytest.approx(1.0)


def test_optuna_tells_the_user_nothing(run: Run, capsys: pytest.CaptureFixture[str]):
    import optuna

    before = optuna.logging.get_verbosity()
    importance_of(settings(run, trials(run.records[0], 30)))
    assert capsys.readouterr().err == ""
    assert optuna.logging.get_verbosity() == before
    assert logging.getLogger().level == logging.WARNING
