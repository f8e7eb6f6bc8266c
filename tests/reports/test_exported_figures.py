"""Figures as files: SVG that stands alone, and numbers as CSV in the page and as Parquet."""

import base64
import csv
import io
import re
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pyarrow.parquet as pq
import pytest
from fake_run import FakeRun
from fake_screening import screened_run
from hypothesis import example, given
from hypothesis import strategies as st

from neurosweep.errors import UserError
from reports import LeaderboardRow, Run, build_leaderboard, read_run, report_figures, write_figures
from reports.figures.downloads import csv_address, csv_text
from reports.figures.export import standalone_svg
from reports.figures.figure import Figure
from reports.figures.keys import keys_of
from reports.figures.thinning import best_and_spread, evenly

_CELLS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text())


def figure(**changed: object) -> Figure:
    told = {"key": "k", "title": "t", "caption": "c", "chart": '<svg viewBox="0 0 10 10"/>'}
    return Figure(**{**told, **changed})  # type: ignore[arg-type]


def test_every_figure_of_the_page_is_written_and_stands_alone(
    run: Run, rows: list[LeaderboardRow], tmp_path: Path
):
    figures = report_figures(run, rows)
    write_figures(figures, tmp_path / "out", note="Synthetic data")
    assert {one.stem for one in (tmp_path / "out").iterdir()} == {one.key for one in figures}
    for one in figures:
        text = (tmp_path / "out" / f"{one.key}.svg").read_text(encoding="utf-8")
        root = fromstring(text)  # noqa: S314 - ours
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert float(root.get("width", "0")) > 500
        # Nothing to be looked up elsewhere, and no variable that only browsers know.
        assert not re.search(r"var\(|--at|:hover|url\(|href", text)
        assert 'fill="#ffffff"' in text
        assert "Synthetic data" in text
        table = pq.read_table(tmp_path / "out" / f"{one.key}.parquet")
        assert table.column_names == list(one.numbers)
        assert table.num_rows == len(next(iter(one.numbers.values())))


def test_names_with_controls_make_no_torn_picture(fake: FakeRun, tmp_path: Path):
    fake.classes = ("gli\x01oma", "meningioma", "not\ufffemor", "\x9bpituitary")
    fake.negative_class, fake.audit = "not\ufffemor", None
    run = read_run(fake.write(tmp_path / "run"))
    figures = [*report_figures(run, build_leaderboard(run)), figure(title="\x00", caption="\x1b")]
    write_figures(figures, tmp_path / "out")
    texts = [one.read_text(encoding="utf-8") for one in (tmp_path / "out").glob("*.svg")]
    titles = [fromstring(text)[0].text for text in texts]  # noqa: S314 - ours
    assert "\ufffd" in titles
    assert len(titles) == len(figures)


def test_colours_of_classes_are_written_out():
    svg = standalone_svg(figure(chart='<svg viewBox="0 0 9 9"><path class="dot c1"/></svg>'))
    assert re.search(r"\.dot\.c1, \.c1 \.dot \{ fill: #e69f00; \}", svg)
    assert ".at-best" in svg


def test_screened_backbones_are_among_the_figures(tmp_path: Path):
    run = read_run(screened_run().write(tmp_path / "run"))
    assert report_figures(run, build_leaderboard(run))[0].key == "backbone-probes"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="folder that can be made"):
        write_figures([figure()], tmp_path / "file" / "deep")


def test_columns_of_several_types_become_text(tmp_path: Path):
    numbers = {"mixed": [1, "adam", None], "numbers": [1, 2.5, None], "yes": [True, None, False]}
    write_figures([figure(numbers=numbers)], tmp_path)
    table = pq.read_table(tmp_path / "k.parquet").to_pydict()
    assert table["mixed"] == ["1", "adam", None]
    assert table["numbers"] == [1.0, 2.5, None]
    assert table["yes"] == [True, None, False]


@given(st.lists(_CELLS, min_size=1, max_size=8))
def test_numbers_come_back_from_the_download(values: list[bool | int | float | str | None]):
    address = csv_address(figure(numbers={"a,b": values}))
    assert address.startswith("data:text/csv;base64,")
    text = base64.b64decode(address.partition(",")[2]).decode()
    lines = list(csv.reader(io.StringIO(text, newline="")))
    assert lines[0] == ["a,b"]
    assert len(lines) == 1 + len(values)


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-2", "@SUM(A1)"])
def test_a_name_is_no_formula_for_a_spreadsheet(text: str):
    assert csv_text({"class": [text]}).splitlines()[1].lstrip('"').startswith("'")


def test_numbers_are_numbers_for_a_spreadsheet():
    assert csv_text({"a": [-1.23456789, -3, None]}).splitlines() == ["a", "-1.23457", "-3", '""']


@given(st.lists(st.text(max_size=60), unique=True, max_size=12))
@example(["", "0", "5", "00", ":"])
def test_keys_name_files_and_stay_apart(names: list[str]):
    keys = keys_of("parallel", names)
    assert list(keys) == names
    assert len(set(keys.values())) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*", key) for key in keys.values())


def test_usual_names_have_plain_keys():
    assert keys_of("learning", ["plain_cnn", "<b>"]) == {
        "plain_cnn": "learning-plain-cnn",
        "<b>": "learning-b-2",
    }


@given(st.integers(0, 500), st.integers(1, 60))
def test_what_is_drawn_of_a_long_list_is_in_order_and_has_the_best(length: int, most: int):
    items = list(range(length))
    for chosen in (evenly(items, most), best_and_spread(items, most)):
        assert chosen == sorted(set(chosen))
        assert len(chosen) == min(length, most)
    assert best_and_spread(items, most)[: (most + 1) // 2] == items[: (most + 1) // 2]
