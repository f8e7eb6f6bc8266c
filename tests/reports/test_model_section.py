"""The page's section on the model, for runs in every state."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import fake_predictions
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fake_run import FakeRun, fake_run
from page_reading import Page

from neurosweep.errors import RunDirectoryError
from reports import Run, Stage, build_leaderboard, read_run, render_report
from reports.figures.palette import looks_of
from reports.model_section import ModelSection, model_section

_HOSTILE = "<script>alert(1)</script><b>"
ALL_KEYS = [
    *("architecture", "trade-off", "reliability", "confusion", "confusion-clean", "class-scores"),
    *("class-scores-clean", "roc", "precision-recall"),
]


def section_of(run: Run) -> ModelSection:
    rows = build_leaderboard(run)
    return model_section(run, rows, looks_of(row.family for row in rows))


def keys(section: ModelSection) -> list[str]:
    return [figure.key for figure in section.figures]


def page_of(run: Run, **options: bool) -> Page:
    parsed = Page(render_report(run, build_leaderboard(run), **options))
    assert parsed.open == []
    return parsed


def test_a_finished_run_has_every_figure_once(run: Run):
    section = section_of(run)
    assert keys(section) == ALL_KEYS
    assert section.winner
    assert section.notes == ()
    assert section.two_ways
    assert [line.all.images for line in section.areas] == [80] * 4
    assert [line.clean.images for line in section.areas if line.clean] == [69, 73, 41, 76]


def test_captions_say_what_to_see_and_numbers_what_was_drawn(run: Run):
    for figure in section_of(run).figures:
        assert len(figure.caption) > 60
        assert figure.caption[0].islower()
        assert figure.caption.endswith(".")
        assert figure.numbers


def test_where_all_test_images_are_clean_nothing_stands_twice(write: Callable[[FakeRun], Run]):
    fake = fake_run()
    fake.twins = False
    section = section_of(write(fake))
    assert keys(section) == [key for key in ALL_KEYS if not key.endswith("-clean")]
    assert not section.two_ways
    assert "all of them clean" in section.figures[-1].title


def test_before_the_test_set_is_opened_it_says_so(write: Callable[[FakeRun], Run]):
    fake = fake_run()
    fake.finalists = []
    run = write(fake)
    section = section_of(run)
    assert keys(section) == ["trade-off"]
    assert section.tested is None
    text = page_of(run).text
    assert "The test set has not been opened: the figures on it come with" in text
    assert "winner/architecture.json is written when the winner is published" in text


def test_one_finalist_is_enough(write: Callable[[FakeRun], Run]):
    fake = fake_run()
    fake.finalists = ["0010-ft"]
    assert keys(section_of(write(fake))) == ALL_KEYS


def test_a_run_without_an_epoch_has_a_section(write: Callable[[FakeRun], Run]):
    fake = fake_run()
    fake.finalists = []
    fake.records = [replace(fake.records[8], epochs=0)]
    run = write(fake)
    assert keys(section_of(run)) == []
    page_of(run)
    bare = write_nothing(run.path.parent / "bare")
    assert keys(section_of(bare)) == []
    page_of(bare)


def write_nothing(path: Path) -> Run:
    path.mkdir()
    (path / "run.yaml").write_text("schema_version: 2\nstate: preparing\n")
    return read_run(path)


def test_another_finalist_is_shown_where_the_winner_was_not_tested(
    write: Callable[[FakeRun], Run],
):
    fake = fake_run()
    fake.finalists = ["0009", "0006"]
    run = write(fake)
    section = section_of(run)
    assert not section.winner
    assert section.tested is not None
    assert section.tested.trial_id == "0009"
    assert "The winner was not shown the test set. Drawn are the answers of" in page_of(run).text


@pytest.mark.parametrize(
    ("part", "lost"),
    [("test", {"reliability", "roc", "precision-recall"}), ("validation", {"reliability"})],
)
def test_missing_probabilities_are_named(run: Run, part: str, lost: set[str]):
    (run.path / "trials" / "0010-ft" / f"{part}.npy").unlink()
    section = section_of(run)
    assert set(ALL_KEYS) - set(keys(section)) == lost
    (note,) = section.notes
    assert f"trials/0010-ft/{part}.npy" in note


def test_damaged_probabilities_are_refused_and_not_left_out(run: Run):
    np.save(run.path / "trials" / "0010-ft" / "test.npy", np.zeros((3, 4), np.float32))
    with pytest.raises(RunDirectoryError, match="must hold float32 probabilities"):
        section_of(run)


def test_a_class_missing_in_the_test_set_has_dashes(tmp_path: Path):
    fake = fake_run()
    fake.classes = (*fake.classes, "rare")
    fake.twins, fake.audit = False, None
    run = read_run(fake.write(tmp_path / "run"))
    # As if the last class were in training alone: its test images are another's.
    split = run.split
    labels = [
        "glioma" if label == "rare" and part == "test" else label
        for label, part in zip(split["label"].to_pylist(), split["part"].to_pylist(), strict=True)
    ]
    at = split.column_names.index("label")
    pq.write_table(split.set_column(at, "label", pa.array(labels)), run.path / "split.parquet")
    section = section_of(read_run(run.path))
    assert section.areas[-1].all.roc is None
    roc = next(figure for figure in section.figures if figure.key == "roc")
    assert "Without a curve: “rare”" in roc.caption
    assert "rare 0 \N{EN DASH} \N{EN DASH}" in page_of(read_run(run.path)).text


def test_no_images_leaves_diagrams_and_curves(run: Run):
    shown = page_of(run, images=False)
    assert "img" not in shown.names
    charts = [
        attributes
        for tag, attributes in shown.tags
        if tag == "figure" and (attributes.get("class") or "").startswith("drawn")
    ]
    assert len(charts) == len(ALL_KEYS)


def test_hostile_layers_are_text_and_nothing_else(run: Run):
    described = json.dumps(fake_predictions.network(4)).replace("stem", _HOSTILE)
    (run.path / "winner" / "architecture.json").write_text(described)
    parsed = page_of(run)
    assert not parsed.names & {"script", "b"}
    assert "<script>alert(1)</script><b>_conv Conv2D" in parsed.text


def test_the_layers_are_listed_in_the_page(run: Run):
    text = page_of(run).text
    assert "All 17 layers" in text
    assert (
        "stem_conv Conv2D 32 \N{MULTIPLICATION SIGN} 32 \N{MULTIPLICATION SIGN} 16 784 yes" in text
    )
    assert (
        "stem_relu ReLU 32 \N{MULTIPLICATION SIGN} 32 \N{MULTIPLICATION SIGN} 16 0 \N{EN DASH}"
        in text
    )


def test_an_ensemble_that_won_is_drawn_by_its_own_answers(
    write: Callable[[FakeRun], Run],
):
    fake = fake_run()
    best = replace(
        fake.records[-1],
        trial_id="ensemble",
        stage=Stage.ENSEMBLE,
        parent_id=None,
        val_accuracy=1.0,
    )
    fake.records.append(best)
    fake.finalists = ["ensemble", *fake.finalists]
    section = section_of(write(fake))
    assert section.tested is not None
    assert section.tested.trial_id == "ensemble"
