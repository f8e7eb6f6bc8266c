"""The page's section on the model, for runs in every state."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import fake_answers
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fake_run import FakeRun, answered_run
from page_reading import Page, check_gold, scrub

from neurosweep.errors import RunDirectoryError
from reports import Run, Stage, build_leaderboard, read_run, render_report
from reports.figures.palette import looks_of
from reports.model_section import ModelSection, model_section
from reports.wording import NONE

_HOSTILE = "<script>alert(1)</script><b>"
_FOOTER = "Made by neurosweep VERSION A research tool, not a medical device."
_PARTS = ("The papers' settings beside ours", "The model", "Model card")
_ENDS = ("All rows of the papers' settings", "Cross-validation of the finalists", _FOOTER)
ALL_KEYS = [
    *("architecture", "trade-off", "reliability", "confusion", "confusion-clean", "class-scores"),
    *("class-scores-clean", "roc", "precision-recall"),
]


@pytest.fixture
def run(write: Callable[[FakeRun], Run]) -> Run:
    return write(answered_run())


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
    assert section.whose == "Drawn are the answers of the winner,"
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
    fake = answered_run()
    fake.twins = False
    section = section_of(write(fake))
    assert keys(section) == [key for key in ALL_KEYS if not key.endswith("-clean")]
    assert not section.two_ways
    assert "all of them clean" in section.figures[-1].title


def test_before_the_test_set_is_opened_it_says_so(write: Callable[[FakeRun], Run]):
    fake = answered_run()
    fake.finalists, fake.answers = [], False
    run = write(fake)
    section = section_of(run)
    assert keys(section) == ["trade-off"]
    assert section.tested is None
    text = page_of(run).text
    assert "The test set has not been opened: the figures on it come with" in text
    assert "winner/architecture.json is written when the winner is published" in text


def test_one_finalist_is_enough(write: Callable[[FakeRun], Run]):
    fake = answered_run()
    fake.finalists = ["0010-ft"]
    assert keys(section_of(write(fake))) == ALL_KEYS


def test_a_run_without_an_epoch_has_a_section(write: Callable[[FakeRun], Run]):
    fake = answered_run()
    fake.finalists, fake.answers = [], False
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
    fake = answered_run()
    fake.finalists = ["0009", "0006"]
    run = write(fake)
    fake_answers.write_network(run.path / "winner", fake_answers.network(4, "0010-ft"))
    section = section_of(run)
    assert section.whose.startswith("The winner was not shown the test set.")
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


def test_probabilities_of_other_images_are_refused(run: Run):
    """Of the right shape, but of another split: the figures would be drawn from the wrong rows."""
    path = run.path / "trials" / "0010-ft" / "test.npy"
    np.save(path, np.load(path)[::-1])
    with pytest.raises(RunDirectoryError, match="what the recorded accuracy of 0.9750"):
        section_of(run)


def test_what_the_sections_say_is_the_gold_file(run: Run):
    text = scrub(page_of(run).text, run)
    places = [text.index(f"\n{title}\n") for title in _PARTS]
    ends = [text.index(f"\n{title}\n", place) for title, place in zip(_ENDS, places, strict=True)]
    shown = [text[place:end] for place, end in zip(places, ends, strict=True)]
    check_gold("model.txt", "\n".join(shown).lstrip() + "\n")


def test_damaged_probabilities_are_refused_and_not_left_out(run: Run):
    np.save(run.path / "trials" / "0010-ft" / "test.npy", np.zeros((3, 4), np.float32))
    with pytest.raises(RunDirectoryError, match=r"must hold 320 x 4 probabilities as float32"):
        section_of(run)


def test_a_class_missing_in_the_test_set_has_dashes(run: Run):
    rewrite_labels(run, "pituitary", "notumor")
    section = section_of(read_run(run.path))
    assert [line.all.images for line in section.areas] == [80, 80, 160, 0]
    assert section.areas[-1].all.roc is None
    roc = next(figure for figure in section.figures if figure.key == "roc")
    assert "Without a curve: “pituitary”" in roc.caption
    parsed = page_of(read_run(run.path))
    assert f"pituitary 0 {NONE} {NONE} 0 {NONE} {NONE}" in parsed.text
    assert "No test image at all of pituitary" in parsed.text


def rewrite_labels(run: Run, old: str, new: str) -> None:
    """Call the test images of a class another, in the split and in what was measured."""
    split = run.split
    assert split is not None
    pairs = zip(split["label"].to_pylist(), split["part"].to_pylist(), strict=True)
    labels = [new if (label, part) == (old, "test") else label for label, part in pairs]
    at = split.column_names.index("label")
    pq.write_table(split.set_column(at, "label", pa.array(labels)), run.path / "split.parquet")
    path = run.path / "evaluation.json"
    content = json.loads(path.read_text())
    source, target = (content["classes"].index(name) for name in (old, new))
    for finalist in content["finalists"]:
        for ending in ("", "_clean"):
            matrix = np.array(finalist[f"confusion{ending}"])
            matrix[target] += matrix[source]
            matrix[source] = 0
            finalist[f"confusion{ending}"] = matrix.tolist()
            finalist[f"test_accuracy{ending}"] = float(np.trace(matrix) / matrix.sum())
            finalist[f"missed_positives{ending}"] = None
    path.write_text(json.dumps(content))


def test_no_images_leaves_diagrams_and_curves(run: Run):
    shown = page_of(run, images=False)
    assert "img" not in shown.names
    keys_shown = {a["id"] for _, a in shown.tags if "id" in a}
    assert keys_shown >= set(ALL_KEYS)


def test_hostile_layers_are_text_and_nothing_else(run: Run):
    described = json.dumps(fake_answers.network(4)).replace("stem", _HOSTILE)
    (run.path / "winner" / "architecture.json").write_text(described)
    parsed = page_of(run)
    assert "b" not in parsed.names
    assert [tag for tag, _ in parsed.tags].count("script") == 1  # ours
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
    fake = answered_run()
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
