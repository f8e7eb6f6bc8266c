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
from reports.figures.chart import SHAPES, Chart
from reports.figures.learning import fine_tuning_panel, learning_panels
from reports.figures.palette import looks_of
from reports.figures.progress import progress_panels

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


def test_all_measured_trials_have_a_curve(run: Run, rows: list[LeaderboardRow]):
    panels = learning_panels(run, rows, looks_of(row.family for row in rows))
    assert [panel.title for panel in panels] == list(_FAMILIES)
    drawn = "".join(panel.chart for panel in panels)
    for record in run.records:
        searched = record.stage is Stage.SEARCH and record.status is not Status.FAILED
        assert (f">trial {record.trial_id}, " in drawn) == searched
    assert "line c0 pruned" in drawn
    assert "paper" in drawn


def test_only_the_best_curves_are_drawn_and_the_rest_counted(
    run: Run, rows: list[LeaderboardRow], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(learning, "MOST_CURVES", 2)
    panels = learning_panels(run, rows, looks_of(row.family for row in rows))
    by_title = {panel.title: panel for panel in panels}
    assert by_title["plain_cnn"].left_out == 2
    assert ">trial 0009, " in by_title["plain_cnn"].chart
    assert ">trial 0005, " not in by_title["plain_cnn"].chart


def test_a_diverged_epoch_is_left_out(run: Run, rows: list[LeaderboardRow]):
    path = run.path / "trials" / "0009" / "epochs.jsonl"
    line = path.read_text().splitlines()[0]
    value = line.split('"val_accuracy": ')[1].split(",")[0]
    path.write_text(path.read_text() + line.replace(value, "NaN") + "\n")
    assert math.isnan(run.history("0009")[-1].val_accuracy)
    panels = learning_panels(run, rows, looks_of(row.family for row in rows))
    assert not re.search(r"\bnan\b", "".join(panel.chart for panel in panels).lower())


def test_fine_tuning_is_drawn_beside_what_it_began_from(run: Run, rows: list[LeaderboardRow]):
    panel = fine_tuning_panel(run, rows, looks_of(row.family for row in rows))
    assert panel is not None
    assert panel.title == "Fine-tuning of trial 0010"
    assert "before fine-tuning: 97.1 %" in panel.chart
    assert "97.9 %, kept" in panel.chart


def test_fine_tuning_without_gain_says_so(run: Run, rows: list[LeaderboardRow]):
    rows = [replace(row, kept_epoch=0) if row.rank == 1 else row for row in rows]
    panel = fine_tuning_panel(run, rows, looks_of(row.family for row in rows))
    assert panel is not None
    assert panel.title.endswith(": no gain, weights left as they were")


def test_no_fine_tuning_no_panel(run: Run, rows: list[LeaderboardRow]):
    searched = [row for row in rows if row.stage is Stage.SEARCH]
    assert fine_tuning_panel(run, searched, looks_of(_FAMILIES)) is None


def test_progress_marks_every_measured_trial(run: Run):
    over_trials, over_time = progress_panels(run, looks_of(_FAMILIES))
    for panel in (over_trials, over_time):
        assert panel.chart.count('class="dot') == 12
        assert panel.chart.count("frontier") == 1


def test_progress_of_one_trial_can_be_drawn(run: Run):
    one = replace(run, records=run.records[:1])
    assert len(progress_panels(one, looks_of(_FAMILIES))) == 2


def test_progress_without_trials_is_empty():
    assert progress_panels(Run(Path("/nowhere"), {}, (), None), {}) == []
