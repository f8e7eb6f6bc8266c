"""Hours of workers and GPUs, their cost, and what was lost, by stage and in all."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fake_run import FakeRun, fake_run
from page_reading import Page

from neurosweep.errors import RunDirectoryError
from reports import LeaderboardRow, Run, build_leaderboard, render_report, render_rows
from reports.hours_section import HoursSection, hours_section
from reports.spending import losses, spending, stage_spending

Write = Callable[[FakeRun], Run]


def section_of(run: Run) -> HoursSection:
    section = hours_section(run, build_leaderboard(run))
    assert section is not None
    return section


def test_stages_add_up_to_the_sum(run: Run):
    stages = spending(run)
    assert list(stages) == ["measure", "search", "final"]
    assert sum(one.seconds for one in stages.values()) == 492.0
    section = section_of(run)
    assert section.total.worker_hours == section.total.gpu_hours == "0.14"
    assert section.total.cost == "0.16"
    assert section.columns == ("worker-hours", "GPU-hours", "cost, USD")


def test_rows_have_their_hours_and_costs(rows: list[LeaderboardRow]):
    row = next(row for row in rows if row.trial_id == "0006")
    assert row.held_seconds is not None
    assert row.worker_hours == row.gpu_hours == pytest.approx(row.held_seconds / 3600, abs=1e-6)
    assert row.cost == pytest.approx(1.21 * row.held_seconds / 3600, abs=1e-5)


def test_lost_workers_are_a_line_and_a_table(run: Run):
    section = section_of(run)
    assert section.sentences[0] == (
        "2 trials lost their worker, 3 times in all, as happens with spot nodes; a trial then "
        "begins again from its last kept state. The 0.0069 worker-hours of lost attempts are "
        "counted, and paid, like others."
    )
    assert [row.trial_id for row in section.lost] == ["0006", "0008"]


def test_workers_that_other_stages_lost_are_told_beside_them(fake: FakeRun, write: Write):
    fake.info["held"]["final"]["lost_workers"] = 1
    section = section_of(write(fake))
    assert section.sentences[0].endswith(
        "The stages around the search lost 1 worker, and did over again what was under way there."
    )
    assert section.workers_lost == 4


def test_a_trial_that_failed_for_it_is_counted(run: Run):
    records = [
        replace(record, stop_reason="WorkerLostError") if record.trial_id == "0008" else record
        for record in run.records
    ]
    assert (losses(records).trials, losses(records).ended) == (2, 1)


def test_a_run_without_losses_prices_or_gpus_says_so_plainly(fake: FakeRun, write: Write):
    del fake.info["experiment"]["resources"]
    fake.info["resources"]["GPU"] = 0.0
    fake.info["held"] = {"search": {"seconds": 3600.0, "cost": 0.0, "unpriced_seconds": 3600.0}}
    fake.records = [
        replace(record, cost=None, gpu_hours=0.0, lost_workers=None, lost_seconds=None)
        for record in fake.records
    ]
    run = write(fake)
    section = section_of(run)
    assert section.sentences == ("No trial lost its worker.",)
    assert section.columns == ("worker-hours",)
    text = Page(render_report(run, build_leaderboard(run))).text
    assert "GPU-hours" not in text
    assert "Cost" not in text


def test_what_has_no_price_is_said_and_not_summed(run: Run):
    assert section_of(run).sentences[-1].startswith("0.0014 worker-hours have no price")


def test_where_nothing_has_a_price_that_could_be_told_there_is_no_cost(fake: FakeRun, write: Write):
    fake.info["held"] = {"search": {"seconds": 999.0, "cost": 0.0, "unpriced_seconds": 999.0}}
    fake.records = [replace(record, cost=None) for record in fake.records]
    section = section_of(write(fake))
    assert not section.has_cost
    assert section.sentences[-1].startswith("0.28 worker-hours have no price")


def test_nodes_that_cost_nothing_have_a_cost_of_nothing(fake: FakeRun, write: Write):
    fake.info["held"] = {"search": {"seconds": 3600.0, "cost": 0.0, "unpriced_seconds": 0.0}}
    fake.records = [replace(record, cost=0.0) for record in fake.records]
    assert section_of(write(fake)).total.cost == "0.00"


def test_while_a_sitting_goes_on_the_trials_tell_what_run_yaml_does_not_know_yet(
    fake: FakeRun, write: Write
):
    fake.info["held"]["search"] = {"seconds": 10.0, "cost": 0.1, "unpriced_seconds": 0.0}
    search = spending(write(fake))["search"]
    of_trials = [record for record in fake.records if record.stage == "search"]
    assert search.seconds == sum(record.held_seconds or 0.0 for record in of_trials)
    assert search.cost == pytest.approx(sum(record.cost or 0.0 for record in of_trials))


def test_a_run_of_an_earlier_version_has_no_such_section(fake: FakeRun, write: Write):
    for key in ("held", "held_seconds"):
        del fake.info[key]
    fake.records = [
        replace(record, held_seconds=None, gpu_hours=None, cost=None) for record in fake.records
    ]
    run = write(fake)
    rows = build_leaderboard(run)
    assert hours_section(run, rows) is None
    assert "Worker-hours" not in Page(render_report(run, rows)).text
    assert "worker-hours" not in render_rows(rows) + render_rows(rows, "markdown")


def test_an_earlier_version_said_the_seconds_of_all_stages_only():
    info = {"held_seconds": 50.0, "resources": {"GPU": 0.5}}
    assert stage_spending(info, fake_run().records[:0]) == {
        "search": {
            "seconds": 50.0,
            "cost": 0.0,
            "unpriced_seconds": 50.0,
            "lost_workers": 0.0,
            "gpu_seconds": 25.0,
        }
    }


def test_workers_with_more_gpus_than_a_trial_are_summed_with_theirs(fake: FakeRun, write: Write):
    fake.info["held"]["final"]["gpu_seconds"] = 240.0  # of 60 seconds; a trial has one GPU
    stages = spending(write(fake))
    assert stages["search"].gpu_hours == 418 / 3600  # a run of an earlier version says no GPUs
    assert stages["final"].gpu_hours == 240 / 3600
    total = stages["search"] + stages["final"]
    assert total.gpu_hours == pytest.approx((418 + 240) / 3600)


@pytest.mark.parametrize(
    "held", [3, {"search": 3}, {"search": {"seconds": -1}}, {"search": {"cost": "x"}}]
)
def test_a_damaged_account_is_refused_with_what_to_do(fake: FakeRun, write: Write, held: Any):
    fake.info["held"] = held
    run = write(fake)
    with pytest.raises(RunDirectoryError, match=r"says under `held` .*; received .* Was it edited"):
        spending(run)


def test_a_hostile_currency_is_text_and_nothing_else(fake: FakeRun, write: Write):
    fake.info["experiment"]["resources"]["currency"] = "<b>\x1b[2J"
    run = write(fake)
    page = render_report(run, build_leaderboard(run))
    assert "<b>" not in page
    assert "\x1b" not in section_of(run).currency


def test_the_hours_of_the_rows_stand_below_the_table(rows: list[LeaderboardRow]):
    told = "These rows: 0.097 worker-hours, 0.097 GPU-hours, cost 0.12"
    assert told in render_rows(rows)
    markdown = render_rows(rows, "markdown")
    assert told in markdown
    header = markdown.splitlines()[0]
    assert header.endswith("| status | worker-hours | GPU-hours | cost |")
