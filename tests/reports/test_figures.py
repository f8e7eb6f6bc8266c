import math
import re
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import LeaderboardRow, Run, Stage, Status
from reports.figures import learning
from reports.figures.axis import Axis, count_axis, percent_axis
from reports.figures.chart import Chart
from reports.figures.elements import picture, text_within
from reports.figures.learning import fine_tuning_figures, learning_figures
from reports.figures.legend import Entry
from reports.figures.palette import looks_of
from reports.figures.progress import MOST_MARKS, progress_figures
from reports.figures.shapes import SHAPES
from reports.page import Page

_FAMILIES = ("plain_cnn", "mini_vgg", "mini_resnet", "transfer")


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.booleans())
def test_ticks_are_few_round_and_within_the_axis(low: float, span: float, whole: bool):
    axis = Axis(low, low + span, "", whole)
    ticks = axis.ticks()
    assert len(ticks) <= 8
    reach = 1e-6 * max(1.0, abs(low), span)
    assert all(axis.low - reach <= tick <= axis.high + reach for tick in ticks)
    if not whole:
        assert len(ticks) >= 2
    else:
        assert all(tick == round(tick) for tick in ticks)


@given(st.lists(st.floats(0, 100), max_size=5))
def test_a_percent_axis_holds_its_values(values: list[float]):
    axis = percent_axis(values, "")
    assert axis.low < axis.high == 100.0
    assert all(axis.low <= value for value in values)


@given(st.floats(-1e9, 1e9))
def test_a_point_outside_is_held_at_the_edge(value: float):
    assert 0.0 <= count_axis(10, "").place(value) <= 1.0


def _numbers(svg: str) -> list[float]:
    points = [one.get("points", "") for one in fromstring(svg).iter() if one.get("points")]  # noqa: S314 - ours
    return [float(number) for text in points for number in text.replace(",", " ").split()]


def test_a_chart_is_well_formed_and_inside_its_box():
    chart = Chart(count_axis(5, "epoch"), percent_axis([50.0], "accuracy"), label="<i>&label")
    chart.line([(0, 50), (5, 1000)], style="c0", hint="</svg><script>")
    chart.steps([(0, 50), (2, 60), (4, 70)], style="c1", hint="\x00 steps")
    for shape in SHAPES:
        chart.dot((3, 60), style="c2", hint="dot", shape=shape)
    svg = chart.markup()
    assert "<script>" not in svg
    assert "<i>" not in svg
    assert all(0 <= number <= 520 for number in _numbers(svg))


def test_every_family_looks_different():
    looks = looks_of([*_FAMILIES, "mine", "yours"])
    assert len({(look.style, look.shape) for look in looks.values()}) == 6
    # The usual families keep their look, whoever else is there.
    assert looks["mini_vgg"] == looks_of(["mini_vgg"])["mini_vgg"]


def test_the_legend_stands_above_the_plot_and_names_what_is_there():
    axes = (count_axis(5, "epoch"), percent_axis([50.0], "accuracy"))
    entries = [Entry(f"c{n}", "circle", "a family with a long name </svg>") for n in range(3)]
    bare, told = (fromstring(Chart(*axes, label="", legend=own).markup()) for own in ((), entries))  # noqa: S314 - ours
    heights = [float(one.get("viewBox", "").split()[3]) for one in (bare, told)]
    assert heights[1] > heights[0] + 3 * 20
    names = [one.text or "" for one in told.iter() if (one.text or "").startswith("a family")]
    assert len(names) == 3
    assert all(len(name) <= 28 for name in names)


def test_a_single_family_needs_no_legend():
    entry = Entry("c0", "circle", "only")
    axes = (count_axis(5, "epoch"), percent_axis([50.0], "accuracy"))
    assert "only" not in Chart(*axes, label="", legend=[entry]).markup()


def test_all_measured_trials_have_a_curve(run: Run, rows: list[LeaderboardRow]):
    figures = learning_figures(Page(run, rows))
    assert [figure.title for figure in figures] == list(_FAMILIES)
    drawn = "".join(figure.chart for figure in figures)
    for record in run.records:
        searched = record.stage is Stage.SEARCH and record.status is not Status.FAILED
        assert (f">trial {record.trial_id}, " in drawn) == searched
    assert "line c0 pruned" in drawn
    assert "paper" in drawn
    numbers = figures[0].numbers
    curve = [
        share
        for name, share in zip(numbers["trial_id"], numbers["val_accuracy"], strict=True)
        if name == "0009"
    ]
    assert curve == pytest.approx([one.val_accuracy for one in run.history("0009")])


def test_the_best_and_an_even_choice_are_drawn_and_the_rest_counted(
    run: Run, rows: list[LeaderboardRow], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(learning, "MOST_CURVES", 2)
    by_title = {figure.title: figure for figure in learning_figures(Page(run, rows))}
    drawn = by_title["plain_cnn"].numbers["trial_id"]
    assert len(set(drawn)) == 2
    assert "0009" in drawn  # the best
    assert "4 curves are not drawn" in by_title["plain_cnn"].caption


def test_only_the_epochs_of_drawn_trials_are_read(
    run: Run, rows: list[LeaderboardRow], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(learning, "MOST_CURVES", 1)
    (run.path / "trials" / "0005" / "epochs.jsonl").write_text("damaged\n")
    assert len(learning_figures(Page(run, rows))) == 4


def test_a_diverged_epoch_is_left_out(run: Run, rows: list[LeaderboardRow]):
    path = run.path / "trials" / "0009" / "epochs.jsonl"
    line = path.read_text().splitlines()[0]
    value = line.split('"val_accuracy": ')[1].split(",")[0]
    path.write_text(path.read_text() + line.replace(value, "NaN") + "\n")
    assert math.isnan(run.history("0009")[-1].val_accuracy)
    figures = learning_figures(Page(run, rows))
    assert not re.search(r"\bnan\b", "".join(figure.chart for figure in figures).lower())


def test_fine_tuning_is_drawn_beside_what_it_began_from(run: Run, rows: list[LeaderboardRow]):
    (figure,) = fine_tuning_figures(Page(run, rows))
    assert figure.title == "Fine-tuning of trial 0010"
    assert "before fine-tuning: 97.1 %" in figure.chart
    assert "97.9 %, kept" in figure.chart


def test_fine_tuning_without_gain_says_so(run: Run, rows: list[LeaderboardRow]):
    rows = [replace(row, kept_epoch=0) if row.rank == 1 else row for row in rows]
    (figure,) = fine_tuning_figures(Page(run, rows))
    assert figure.title.endswith(": no gain, weights left as they were")


def test_no_fine_tuning_no_figure(run: Run, rows: list[LeaderboardRow]):
    searched = [row for row in rows if row.stage is Stage.SEARCH]
    assert fine_tuning_figures(Page(run, searched)) == []


def test_progress_marks_every_measured_trial(run: Run, rows: list[LeaderboardRow]):
    figures = progress_figures(Page(run, rows))
    assert [figure.key for figure in figures] == [
        "progress-trials",
        "progress-time",
        "progress-hours",
    ]
    for figure in figures:
        assert len(re.findall(r'class="dot [^"]*"><title', figure.chart)) == 12
        assert figure.chart.count("frontier") == 1
        assert len(figure.numbers["trial_id"]) == 12


def test_the_numbers_of_progress_hold_the_best_so_far(run: Run, rows: list[LeaderboardRow]):
    best = run.records[10]
    records = tuple(
        replace(one, feasible=one.trial_id != "0004", val_accuracy=1.0)
        if one.trial_id == "0004"
        else one
        for one in run.records
    )
    numbers = progress_figures(Page(replace(run, records=records), rows))[0].numbers
    told = dict(zip(numbers["trial_id"], numbers["best_so_far"], strict=True))
    # The trial that breaks a constraint has all right, and is the best of none.
    assert told["0004"] == told["0003"] == run.records[0].val_accuracy
    assert told["0012"] == best.val_accuracy
    values = [one for one in numbers["best_so_far"] if one is not None]
    assert values == sorted(values)


def test_hours_of_gpus_are_added_up_in_the_order_of_ends(run: Run, rows: list[LeaderboardRow]):
    figure = progress_figures(Page(run, rows))[-1]
    assert figure.title == "Best so far over GPU-hours"
    measured = [one for one in run.records if one.stage is Stage.SEARCH and one.val_accuracy]
    total = sum(one.gpu_hours or 0.0 for one in measured)
    hours = figure.numbers["gpu_hours"]
    assert hours == sorted(hours)
    assert hours[-1] == pytest.approx(total)


@pytest.mark.parametrize(
    ("taken", "title", "column"),
    [
        (("gpu_hours",), "Best so far over worker-hours", "worker_hours"),
        (("gpu_hours", "held_seconds"), "Best so far over training time", "training_hours"),
    ],
)
def test_without_gpus_other_hours_are_counted(
    run: Run, rows: list[LeaderboardRow], taken: tuple[str, ...], title: str, column: str
):
    none = dict.fromkeys(taken)
    plain = replace(run, records=tuple(replace(one, **none) for one in run.records))
    figure = progress_figures(Page(plain, rows))[-1]
    assert figure.title == title
    assert column in figure.numbers


def test_a_long_search_keeps_its_line_and_thins_its_marks(run: Run, rows: list[LeaderboardRow]):
    model = run.records[4]
    many = tuple(
        replace(model, trial_id=f"t{n}", val_accuracy=n / 10_000, finished_at=model.finished_at)
        for n in range(3000)
    )
    figures = progress_figures(Page(replace(run, records=many), rows))
    # Every one of these trials was the best when it ended: a line of 3,000 steps is kept.
    assert len(figures[0].numbers["trial_id"]) == 3000
    worse = tuple(replace(one, val_accuracy=0.5) for one in many)
    figure = progress_figures(Page(replace(run, records=worse), rows))[0]
    assert len(figure.numbers["trial_id"]) == MOST_MARKS
    assert "2,400 are not drawn" in figure.caption


def test_progress_of_one_trial_can_be_drawn(run: Run, rows: list[LeaderboardRow]):
    one = replace(run, records=run.records[:1])
    assert len(progress_figures(Page(one, rows))) == 3


def test_progress_without_trials_is_empty():
    assert progress_figures(Page(Run(Path("/nowhere"), {}, (), None), [])) == []


def test_a_line_at_the_right_edge_ends_there_and_others_are_centred():
    root = picture(520, 100, "x")
    inside = text_within(root, (300, 10), "0.0001", 520)
    at_the_edge = text_within(root, (506, 10), "0.0001", 520)
    assert (inside.get("x"), inside.get("text-anchor")) == ("300.0", "middle")
    assert (at_the_edge.get("x"), at_the_edge.get("text-anchor")) == ("519.0", "end")
