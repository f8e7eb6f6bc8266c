"""The figures of the search and of its hyperparameters: what is drawn, counted and left out."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from xml.etree.ElementTree import fromstring

import pytest
from fake_run import BEGIN, FakeRun, fake_run

from reports import LeaderboardRow, Run, Stage, Status, TrialRecord, build_leaderboard
from reports.figures import parallel, slices, timeline
from reports.figures.endings import endings_figures, reason_of
from reports.figures.figure import Figure
from reports.figures.importance import importance_figures
from reports.figures.parallel import parallel_figures
from reports.figures.slices import slice_figures
from reports.figures.survival import survival_figures
from reports.figures.timeline import timeline_figures
from reports.lanes import lanes_of
from reports.page import Page

Write = Callable[[FakeRun], Run]

_HOSTILE = "</svg><script>alert(1)</script>"


@pytest.fixture
def page(run: Run, rows: list[LeaderboardRow]) -> Page:
    return Page(run, rows)


def page_of(run: Run, records: list[TrialRecord]) -> Page:
    changed = replace(run, records=tuple(records))
    return Page(changed, build_leaderboard(changed))


def hints(figure: Figure) -> list[str]:
    root = fromstring(figure.chart)  # noqa: S314 - ours
    return [one.text or "" for one in root.iter() if one.tag == "title"][1:]


def test_survival_counts_who_finished_each_epoch(page: Page):
    (figure,) = survival_figures(page)
    lines = list(zip(*figure.numbers.values(), strict=True))
    counted = {(family, epoch): trials for family, epoch, trials, _ in lines}
    searched = [row for row in page.rows if row.stage is Stage.SEARCH]
    for (family, epoch), trials in counted.items():
        own = [row for row in searched if row.family == family]
        assert trials == sum(row.epochs >= epoch for row in own)
    assert counted["mini_resnet", 0] == 5  # with the one that failed before its first epoch
    assert "plain_cnn: 2 of 4 trials finished epoch 12" in hints(figure)


def test_survival_needs_an_epoch(run: Run):
    failed = [record for record in run.records if record.status is Status.FAILED]
    assert survival_figures(page_of(run, failed)) == []


def test_endings_are_counted_by_status_and_reason(page: Page):
    (figure,) = endings_figures(page)
    lines = list(zip(*figure.numbers.values(), strict=True))
    assert lines == [
        ("completed", "finished", 7),
        ("pruned", "stopped", 5),
        ("failed", "ValueError", 1),
    ]


def test_a_reason_is_taken_from_the_error_where_none_is_given(run: Run):
    record = run.records[8]
    assert reason_of(record) == "ValueError"
    assert reason_of(replace(record, stop_reason="DivergedError")) == "DivergedError"
    assert reason_of(replace(record, error=None)) == "not said"


def test_many_reasons_are_drawn_in_part_and_kept_in_the_numbers(run: Run):
    record = run.records[8]
    many = [replace(record, trial_id=f"f{n}", stop_reason=f"Error{n}") for n in range(40)]
    (figure,) = endings_figures(page_of(run, many))
    assert len(figure.numbers["reason"]) == 40
    assert "25 further reasons" in figure.caption


def at(record: TrialRecord, name: str, begin: float, end: float) -> TrialRecord:
    times = [(BEGIN + timedelta(seconds=one)).isoformat() for one in (begin, end)]
    return replace(record, trial_id=name, started_at=times[0], finished_at=times[1])


def test_lanes_are_as_many_as_ran_at_once_and_nothing_overlaps(run: Run):
    spans = {"a": (0, 10), "b": (0, 4), "c": (4, 9), "d": (5, 6), "e": (10, 12)}
    trials = [at(run.records[0], name, *ends) for name, ends in spans.items()]
    lanes = lanes_of(trials)
    packed = [[trial.trial_id for trial in lane.trials] for lane in lanes]
    assert packed == [["a", "e"], ["b", "c"], ["d"]]
    assert [lane.name for lane in lanes] == ["1", "2", "3"]


def test_each_worker_has_its_lane_and_the_others_follow(run: Run, page: Page):
    spans = {"a": (0, 4), "b": (1, 9), "c": (5, 6), "d": (10, 12)}
    workers = {"a": "near/7", "b": "far/3", "c": "near/7"}
    trials = [
        replace(at(run.records[0], name, *ends), worker=workers.get(name))
        for name, ends in spans.items()
    ]
    lanes = lanes_of(trials)
    told = [(lane.worker, [trial.trial_id for trial in lane.trials]) for lane in lanes]
    assert told == [("near/7", ["a", "c"]), ("far/3", ["b"]), (None, ["d"])]
    (figure,) = timeline_figures(page_of(run, trials))
    assert "no worker is recorded stand in the last lanes" in figure.caption
    assert "on near/7" in figure.chart
    assert figure.numbers["worker"] == ["near/7", "near/7", "far/3", None]
    (figure,) = timeline_figures(page_of(run, trials[:3]))
    assert figure.caption.endswith(" A lane is a worker.")


def test_a_clock_that_was_set_back_does_not_break_the_lanes(run: Run):
    trials = [at(run.records[0], "a", 10, 2), at(run.records[0], "b", 11, 12)]
    assert len(lanes_of(trials)) == 1


def test_the_timeline_has_every_trial_and_says_that_workers_are_not_known(page: Page):
    (figure,) = timeline_figures(page)
    assert len(figure.numbers["trial_id"]) == 14
    assert "Records do not say which worker" in figure.caption
    assert figure.chart.count('class="run ') == 14
    assert figure.numbers["began_seconds"][0] == 0


def test_many_lanes_and_short_trials_are_drawn_in_part(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(timeline, "_MANY", 50)
    record = run.records[0]
    trials = [at(record, f"t{n}-{k}", k, k + 1) for n in range(60) for k in range(300)]
    (figure,) = timeline_figures(page_of(run, trials))
    assert "Of 60 lanes an even choice is drawn, 20 are not." in figure.caption
    assert len(set(figure.numbers["lane"])) == timeline.MOST_LANES
    assert figure.chart.count('class="run ') < 6000
    joined = [int(hint.split()[0]) for hint in hints(figure) if "short trials" in hint]
    single = [hint for hint in hints(figure) if hint.startswith("trial ")]
    assert sum(joined) + len(single) == len(figure.numbers["trial_id"])


def test_no_trial_no_figure(run: Run):
    empty = page_of(run, [])
    drawn = (survival_figures, endings_figures, timeline_figures, parallel_figures)
    for draw in (*drawn, slice_figures, importance_figures):
        assert draw(empty) == [], draw


def test_every_trial_is_a_line_through_its_values(page: Page):
    figures = {figure.key: figure for figure in parallel_figures(page)}
    assert set(figures) == {
        *("parallel-plain-cnn", "parallel-mini-vgg"),
        *("parallel-mini-resnet", "parallel-transfer"),
    }
    figure = figures["parallel-mini-resnet"]
    assert figure.chart.count("<polyline") == 5
    assert figure.chart.count("at-failed") == 2  # a line and its entry in the legend
    best = [hint for hint in hints(figure) if hint.startswith("trial 0010,")]
    assert best == ["trial 0010, mini_resnet: 97.1 %, completed"]
    assert "mini_resnet/filters" in figure.numbers


def test_what_never_varies_has_no_axis(page: Page):
    for figure in parallel_figures(page):
        assert "training/batch_size" not in figure.numbers  # 32 in all of them
        assert "family" not in figure.numbers


def test_a_hyperparameter_of_some_trials_has_a_place_for_the_others(run: Run):
    records = [
        replace(one, hyperparameters={**one.hyperparameters, "training/momentum": 0.1 * number})
        if number % 2
        else one
        for number, one in enumerate(run.records)
    ]
    figure = next(
        one for one in parallel_figures(page_of(run, records)) if "training/momentum" in one.numbers
    )
    assert None in figure.numbers["training/momentum"]
    assert all(
        0 <= float(x) <= 520
        for line in re.findall(r'points="([^"]+)"', figure.chart)
        for x in re.findall(r"([\d.-]+),", line)
    )


def test_long_searches_are_drawn_in_part(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(parallel, "MOST_LINES", 3)
    monkeypatch.setattr(slices, "MOST_DOTS", 3)
    page = page_of(run, list(run.records))
    lines = parallel_figures(page)[2]
    assert lines.chart.count("<polyline") == 3
    assert "3 are not drawn" in lines.caption  # one of plain_cnn, two of mini_resnet
    dots = slice_figures(page)[2]
    assert len(dots.numbers["value"]) == 4 * 3
    assert "A slice shows at most 3 trials" in dots.caption


def test_slices_show_each_value_against_accuracy(page: Page):
    figure = next(one for one in slice_figures(page) if one.key == "slices-mini-resnet")
    assert set(figure.numbers["hyperparameter"]) == {
        *("mini_resnet/filters", "training/optimizer"),
        *("training/learning_rate", "training/augmentation"),
    }
    measured = 4  # of five trials of the family one failed
    assert len(figure.numbers["value"]) == 4 * measured
    assert "trial 0010: training/optimizer adamw, 97.1 %, completed" in hints(figure)


def test_words_that_come_from_files_stay_words(run: Run):
    records = [
        replace(
            one,
            family=_HOSTILE,
            hyperparameters={_HOSTILE: f"{_HOSTILE}{number % 3}", "b": number},
            stop_reason=_HOSTILE,
        )
        for number, one in enumerate(run.records)
    ]
    page = page_of(run, records)
    drawn = (survival_figures, endings_figures, timeline_figures, parallel_figures, slice_figures)
    for draw in drawn:
        (figure,) = draw(page)
        assert "<script>" not in figure.chart
        fromstring(figure.chart)  # noqa: S314 - well formed
        assert re.fullmatch(r"[a-z][a-z0-9-]*", figure.key)


@pytest.mark.parametrize("odd", [10**400, True, "", "x" * 5000, -1e308, 0])
def test_odd_values_can_be_drawn(run: Run, odd: object):
    fake = fake_run()
    records = [
        replace(one, hyperparameters={**one.hyperparameters, "odd": odd if number % 2 else 3})
        for number, one in enumerate(fake.records)
    ]
    page = page_of(run, records)
    for draw in (parallel_figures, slice_figures):
        for figure in draw(page):
            assert not re.search(r"\bnan\b", figure.chart.lower())
            assert len(figure.chart) < 200_000
