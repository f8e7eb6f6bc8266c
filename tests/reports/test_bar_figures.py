from collections.abc import Callable
from itertools import pairwise
from xml.etree.ElementTree import Element, fromstring

import pytest
from fake_run import FakeRun
from fake_screening import screened_run
from hypothesis import given
from hypothesis import strategies as st

from reports import Run, build_leaderboard
from reports.backbones import screening_of
from reports.figures.axis import Axis
from reports.figures.bars import Bar, BarGroup, draw_bars
from reports.figures.palette import looks_of
from reports.figures.screening import screening_chart, screening_styles

_AXIS = Axis(0.0, 100.0, "accuracy, %")
_HOSTILE = "</text><script>&\x1b[31m"


def _bar(value: float | None, *, hatched: bool = False, hint: str = "") -> Bar:
    reach = None if value is None else (max(0.0, value - 3), min(100.0, value + 3))
    return Bar(value, reach, "c3", hatched, "93.8", hint)


def _draw(*groups: BarGroup, level: tuple[float, str] | None = None) -> Element:
    return fromstring(draw_bars(groups, _AXIS, label="bars", level=level))  # noqa: S314 - ours


def _of_class(root: Element, name: str) -> list[Element]:
    return [one for one in root.iter() if name in one.get("class", "").split()]


@given(st.lists(st.floats(0, 100), min_size=1, max_size=4), st.booleans())
def test_bars_begin_at_zero_and_are_as_long_as_their_values(values: list[float], hatched: bool):
    root = _draw(*(BarGroup("name", (_bar(value, hatched=hatched),)) for value in values))
    whole = float(_of_class(_draw(BarGroup("", (_bar(100.0),))), "body")[0].get("width", ""))
    bodies = _of_class(root, "body")
    assert len(bodies) == len(values)
    for body, value in zip(bodies, values, strict=True):
        assert body.get("x") == "12.0"
        assert float(body.get("width", "")) == pytest.approx(whole * value / 100, abs=0.06)


@given(st.floats(0, 100))
def test_hatching_stays_within_its_bar(value: float):
    root = _draw(BarGroup("", (_bar(value, hatched=True),)))
    end = 12.0 + float(_of_class(root, "body")[0].get("width", ""))
    (hatch,) = _of_class(root, "hatch")
    strokes = [stroke for stroke in hatch.get("d", "").split("M") if stroke]
    assert all(float(stroke.split()[0]) + 14 <= end + 0.2 for stroke in strokes)
    assert bool(strokes) == (end - 12.0 >= 14)


def test_only_what_was_dropped_is_hatched():
    root = _draw(BarGroup("", (_bar(90.0), _bar(80.0, hatched=True))))
    assert len(_of_class(root, "hatch")) == len(_of_class(root, "light")) == 1


def test_a_bar_without_a_value_is_a_line_of_text():
    root = _draw(BarGroup("name", (_bar(None),)))
    assert not _of_class(root, "body")
    assert not _of_class(root, "span")
    assert [one.text for one in _of_class(root, "bar-figure")] == ["93.8"]


def test_groups_never_overlap():
    root = _draw(*(BarGroup(str(n), (_bar(50.0),) * (1 + n % 2)) for n in range(5)))
    names = [float(one.get("y", "")) for one in _of_class(root, "bar-name")]
    bars = [float(one.get("y", "")) for one in _of_class(root, "bar-figure")]
    places = sorted([*names, *bars])
    assert len(places) == 12
    # The middles of lines, whose letters are 19 units high on a phone.
    assert all(after - before >= 19 for before, after in pairwise(places))
    assert places[0] >= 9.5
    assert places[-1] + 50 < float(root.get("viewBox", "").split()[3])


def test_names_are_escaped_printable_and_short():
    root = _draw(BarGroup(_HOSTILE + "a" * 500, (_bar(50.0, hint=_HOSTILE),)))
    (name,) = _of_class(root, "bar-name")
    assert name.text is not None
    assert name.text.startswith("</text><script>&\N{REPLACEMENT CHARACTER}[31maaa")
    assert len(name.text) == 40
    assert not [one for one in root.iter() if one.tag == "script"]


def test_the_level_is_drawn_across_bars_and_not_through_names():
    root = _draw(BarGroup("a", (_bar(50.0),)), BarGroup("b", (_bar(40.0),)), level=(25.0, "chance"))
    levels = _of_class(root, "level")
    assert len(levels) == 2
    for name, level in zip(_of_class(root, "bar-name"), levels, strict=True):
        assert float(level.get("y1", "")) > float(name.get("y", ""))
        assert level[0].text == "chance"


def test_the_chart_says_what_it_is(write: Callable[[FakeRun], Run]):
    run = write(screened_run(both_ways=True))
    rows = build_leaderboard(run)
    screening = screening_of(run, rows)
    assert screening is not None
    looks = looks_of(row.family for row in rows)
    root = fromstring(screening_chart(screening, looks))  # noqa: S314 - ours
    assert root.get("role") == "img"
    told = "Validation accuracy of linear probes on 13 backbones; best: DenseNet201, 94.6 %"
    assert (root[0].tag, root[0].text) == ("title", told)
    hints = [one.text for one in root.iter() if one.tag == "title"]
    assert (
        "VGG16, unit: 82.1 % (95 % interval 76.7\N{EN DASH}86.4), on 25 % of the training images, "
        "dropped after round 1 of 3"
    ) in hints
    styles = screening_styles(screening, looks)
    assert styles["native"] == looks["transfer"].style
    assert styles["unit"] not in {look.style for look in looks.values()}
    assert len(_of_class(root, "body")) == len(_of_class(root, "span")) == 26
    assert len(_of_class(root, "hatch")) == 22
    assert [one.text for one in _of_class(root, "bar-figure")][:2] == ["94.6", "89.6 (50 %)"]


def test_a_single_preprocessing_has_the_familys_colour(write: Callable[[FakeRun], Run]):
    run = write(screened_run())
    rows = build_leaderboard(run)
    screening = screening_of(run, rows)
    assert screening is not None
    looks = looks_of(row.family for row in rows)
    assert screening_styles(screening, looks) == {"native": looks["transfer"].style}
