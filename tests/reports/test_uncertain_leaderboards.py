"""What is not certain, said in the table, in Markdown, on the page: ties, the choice, openings."""

from dataclasses import replace
from pathlib import Path

import pytest
from fake_run import FakeRun, fake_run
from page_reading import Page

from reports import (
    LeaderboardRow,
    Run,
    build_leaderboard,
    read_run,
    render_markdown_report,
    render_report,
    render_rows,
    run_notes,
    select_rows,
)
from reports.cheapest import cheapest_of
from reports.summary import summarise
from reports.wording import percent


@pytest.fixture
def fake() -> FakeRun:
    made = fake_run()
    made.predictions = True
    return made


def _words(text: str) -> str:
    return " ".join(text.replace("\\", "").split())


def _everywhere(run: Run) -> list[str]:
    """The table, Markdown, the report as Markdown and as a page."""
    rows = build_leaderboard(run)
    told = run_notes(run, rows)
    texts = [render_rows(rows, format, told=told) for format in ("table", "markdown")]
    texts += [render_markdown_report(run, rows), Page(render_report(run, rows)).text]
    return [_words(text) for text in texts]


def _ties(*groups: int | None, **figures: list[float | None]) -> list[LeaderboardRow]:
    """Rows with these tie groups and figures, in the order of their ranks."""
    row = build_row()
    return [
        replace(
            row,
            trial_id=f"t{place}",
            rank=place + 1,
            tie_group=group,
            **{
                "parameters": None,
                "latency_ms": None,
                "multiply_adds": None,
                **{name: values[place] for name, values in figures.items()},
            },
        )
        for place, group in enumerate(groups)
    ]


def build_row() -> LeaderboardRow:
    record = fake_run().records[10]
    return LeaderboardRow(**vars(record))


def test_the_cheapest_goes_by_multiply_adds_where_all_have_them():
    rows = _ties(
        *(1, 1, 2, 1), multiply_adds=[900, 500, 1, 700], parameters=[5, 9, 1, 1], latency_ms=[1] * 4
    )
    cheapest = cheapest_of(rows)
    assert cheapest is not None
    assert (cheapest.row.trial_id, cheapest.value) == ("t1", 500)
    assert str(cheapest) == "500 multiply-adds for one image"


def test_else_by_latency_else_by_weights():
    some = [900, None, 1, 700]
    rows = _ties(
        *(1, 1, 2, 1), multiply_adds=some, parameters=[5, 9, 1, 1], latency_ms=[3, 2, 1, 4]
    )
    on_one = [replace(row, latency_device="GPU A") for row in rows]
    assert str(cheapest_of(on_one)) == "2 ms for one image on GPU A"
    on_two = [replace(on_one[0], latency_device="GPU B"), *on_one[1:]]
    assert str(cheapest_of(on_two)) == "1 weights"
    assert str(cheapest_of(rows)) == "1 weights"  # nobody knows on what
    rows = _ties(*(1, 1, 2, 1), multiply_adds=some, parameters=[5, 9, 1, 4], latency_ms=some)
    assert cheapest_of(rows).row.trial_id == "t3"
    assert str(cheapest_of(rows)) == "4 weights"


def test_of_equally_cheap_rows_the_best_is_named():
    assert cheapest_of(_ties(1, 1, 1, parameters=[9, 4, 4])).row.trial_id == "t1"


def test_no_figure_of_all_or_no_tie_names_nothing():
    assert cheapest_of(_ties(1, 1, parameters=[3, None])) is None
    assert cheapest_of(_ties(1, 2, parameters=[3, 1])) is None
    assert cheapest_of(_ties(None, None, parameters=[3, 1])) is None
    assert cheapest_of([]) is None


def test_ties_and_the_cheapest_are_said_everywhere(run: Run):
    rows = build_leaderboard(run)
    tied = [row for row in rows if row.tie_group == 1]
    assert len(tied) > 1
    cheapest = min(tied, key=lambda row: row.parameters)
    assert cheapest.rank != 1
    for text in _everywhere(run):
        assert f"Tie group 1 has {len(tied)} of the 8 rows compared" in text
        assert (
            "McNemar's exact test on the 240 validation images with Holm's correction, 5 %" in text
        )
        assert f"The cheapest of them is rank {cheapest.rank}, {cheapest.family}" in text
        assert f"trial {cheapest.trial_id}: " in text


def test_the_corrected_accuracy_stands_beside_the_measured_one(run: Run):
    rows = build_leaderboard(run)
    corrected = percent(rows[0].val_accuracy_corrected)
    table, markdown, *reports = _everywhere(run)
    for text in (table, markdown):
        assert f"validation accuracy of 97.9 %, corrected for the choice {corrected} %" in text
    for text in reports:
        begin = text.index("Validation accuracy, corrected for the choice")
        assert f"{corrected} %" in text[begin : begin + 70]
        assert (
            "as the best of 8 ranked rows, chosen anew on resamples of the 240 validation" in text
        )
    names = [fact.name for fact in summarise(run, rows).groups[0].facts]
    assert names.index("Validation accuracy, corrected for the choice") == 1


def test_each_row_shows_its_group(run: Run):
    rows = build_leaderboard(run)
    second = next(row for row in rows if row.tie_group == 2)
    table = render_rows(rows)
    assert table.splitlines()[1].split()[:3] == ["#", "tie", "trial"]
    assert "0010-ft  mini_resnet ·" in table  # names keep their room
    line = next(line for line in table.splitlines() if f" {second.trial_id} " in line)
    assert line.split()[:2] == [str(second.rank), "2"]
    markdown = render_rows(rows, "markdown").splitlines()
    assert markdown[0].startswith("| rank | tie group | trial |")
    assert f"| {second.rank} | 2 | {second.trial_id} |" in render_rows(rows, "markdown")
    assert "Rank Tie group Trial Model" in " ".join(Page(render_report(run, rows)).text.split())


def test_the_table_fits_eighty_columns_with_groups_too(run: Run):
    rows = build_leaderboard(run)
    wide = replace(rows[0], rank=12345, trial_id="trial-0123456789", backbone="MobileNetV3Large")
    text = render_rows([wide, *rows], told=run_notes(run, rows))
    assert max(map(len, text.splitlines())) <= 80


def test_notes_are_of_the_whole_run_whatever_is_shown(run: Run):
    rows = build_leaderboard(run)
    for shown in (select_rows(rows, top=1), select_rows(rows, where="epochs > 1000")):
        text = _words(render_rows(shown, told=run_notes(run, rows)))
        assert "Tie group 1 has" in text
    assert [row.tie_group for row in select_rows(rows, where="tie_group = 2")] == [2] * sum(
        row.tie_group == 2 for row in rows
    )


def test_json_and_csv_hold_rows_alone(run: Run):
    rows = build_leaderboard(run)
    for format in ("json", "csv"):
        assert render_rows(rows, format, told=("a note",)) == render_rows(rows, format)


def test_without_predictions_the_old_sentence_and_the_reason_stand(tmp_path: Path):
    run = read_run(fake_run().write(tmp_path / "run"))
    table, markdown, *reports = _everywhere(run)
    for text in (table, markdown, *reports):
        assert "No row has a tie group: there are no usable validation predictions" in text
        assert "Tie group 1" not in text
    for text in reports:
        assert "the winner's accuracy within the 95 % interval: their order" in text
        assert "orrected for the choice " not in text.replace("not corrected for the choice", "")


def test_a_winner_without_rivals_is_said_to_have_none(fake: FakeRun, tmp_path: Path):
    fake.records = [one for one in fake.records if one.trial_id in ("0010-ft", "0000", "0003")]
    fake.finalists, fake.folds = ["0010-ft"], {}
    run = read_run(fake.write(tmp_path / "run"))
    assert [row.tie_group for row in build_leaderboard(run)] == [1, 2, 3]
    for text in _everywhere(run):
        assert "No other of the 3 rows compared is in tie group 1" in text


def test_other_objectives_are_said_not_to_be_compared(fake: FakeRun, tmp_path: Path):
    fake.info["experiment"]["search"]["objective"] = ["val_accuracy", "latency_ms"]
    run = read_run(fake.write(tmp_path / "run"))
    for text in _everywhere(run):
        assert (
            "The search aims at val_accuracy, latency_ms; tie groups compare validation accuracy "
            "alone." in text
        )


def test_a_second_opening_of_the_test_set_is_a_warning(fake: FakeRun, tmp_path: Path):
    openings = fake.info["test_openings"]
    fake.info["test_openings"] = [*openings, "2024-05-07T10:00:00+00:00"]
    run = read_run(fake.write(tmp_path / "run"))
    for text in _everywhere(run):
        assert (
            "The test set was opened 2 times (2024-05-06 07:17 UTC, 2024-05-07 10:00 UTC)" in text
        )
        assert "no part in any choice" not in text
    rows = build_leaderboard(run)
    assert any("opened 2 times" in warning for warning in summarise(run, rows).warnings)
    assert 'class="banner" role="note">The test set was opened 2 times' in render_report(run, rows)


def test_one_opening_is_no_warning(run: Run):
    for text in _everywhere(run):
        assert "opened 2 times" not in text
        assert "may have been chosen by it" not in text


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("running", "The run may still be going on"),
        ("interrupted", "The search was interrupted"),
        ("failed", "The search ended with an error"),
    ],
)
def test_a_leaderboard_of_a_run_that_has_not_finished_says_so(
    fake: FakeRun, tmp_path: Path, state: str, told: str
):
    fake.info["state"] = state
    run = read_run(fake.write(tmp_path / "run"))
    rows = build_leaderboard(run)
    assert run_notes(run, rows)[0].startswith(told)
    assert told in _words(render_rows(rows, told=run_notes(run, rows)))


def test_a_finished_run_does_not_say_that_it_goes_on(run: Run):
    assert not any("going on" in note for note in run_notes(run, build_leaderboard(run)))


def test_a_run_that_opened_its_test_set_and_goes_on_is_not_said_to_be_untested(
    fake: FakeRun, tmp_path: Path
):
    fake.info["state"] = "running"
    run = read_run(fake.write(tmp_path / "run"))
    warnings = summarise(run, build_leaderboard(run)).warnings
    assert "Partial report: the run may still be going on." in warnings
    assert not any("not been opened" in warning for warning in warnings)


def test_a_finished_run_without_an_evaluation_does_not_go_on(fake: FakeRun, tmp_path: Path):
    fake.finalists, fake.folds = [], {}
    run = read_run(fake.write(tmp_path / "run"))
    warnings = summarise(run, build_leaderboard(run)).warnings
    assert "Partial report: the test set has not been opened." in warnings
