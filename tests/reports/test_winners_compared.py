"""Winners of two runs on the images that both had."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fake_run import FakeRun, fake_run
from scipy.stats import binomtest

from neurosweep.errors import RunDirectoryError, UserError
from reports import Run, Stage, read_run
from reports.comparison import Comparison, compare_winners
from reports.comparison_text import render_comparison

NAMES = ("first", "second")


def _fake(winner: str | None = None) -> FakeRun:
    """A run with predictions; its winner is another than the fine-tuned one if that is named."""
    made = fake_run()
    made.predictions = True
    if winner is not None:
        made.records = [one for one in made.records if one.trial_id in (winner, "0003")]
        made.finalists, made.folds = [winner], {}
    return made


@pytest.fixture
def first(tmp_path: Path) -> Run:
    return read_run(_fake().write(tmp_path / "first"))


@pytest.fixture
def second(tmp_path: Path) -> Run:
    return read_run(_fake("0000").write(tmp_path / "second"))


def _right(run: Run, trial_id: str, part: str, images: int) -> np.ndarray:
    said = np.load(run.path / f"trials/{trial_id}/{part}.npy").argmax(axis=1)
    return said == np.arange(images) * 4 // images


@pytest.mark.parametrize(("part", "images"), [("validation", 240), ("test", 320)])
def test_winners_are_compared_on_the_same_images(first: Run, second: Run, part: str, images: int):
    found = compare_winners(first, second, part, NAMES)
    one, other = (
        _right(first, "0010-ft", part, images),
        _right(second, "0000", part, images),
    )
    assert (found.images, found.matched_by) == (images, "file")
    assert (found.first.accuracy, found.second.accuracy) == (one.mean(), other.mean())
    alone = int((one & ~other).sum()), int((other & ~one).sum())
    assert (found.first.right_alone, found.second.right_alone) == alone
    assert found.p_value == pytest.approx(binomtest(alone[0], sum(alone)).pvalue)
    assert found.difference == pytest.approx(other.mean() - one.mean())
    assert found.difference_low < found.difference < found.difference_high < 0
    assert found.significant
    assert (found.first.trial_id, found.second.trial_id) == ("0010-ft", "0000")
    assert (found.first.chosen_from, found.second.chosen_from) == (8, 2)


def test_the_other_way_round_is_the_same_with_another_sign(first: Run, second: Run):
    one = compare_winners(first, second, "validation", NAMES)
    other = compare_winners(second, first, "validation", NAMES)
    assert other.difference == -one.difference
    assert other.p_value == one.p_value
    assert other.first == replace(one.second, run="first")


def test_looking_at_test_figures_of_two_runs_is_warned_of(first: Run, second: Run):
    found = compare_winners(first, second, "test", NAMES)
    assert any("has used the test set for choosing" in one for one in found.warnings)
    found = compare_winners(first, second, "validation", NAMES)
    assert not any("test set" in one for one in found.warnings)
    assert any("was chosen on its run's validation images" in one for one in found.warnings)


def test_synthetic_data_and_runs_under_way_are_told(tmp_path: Path, first: Run):
    fake = _fake("0000")
    fake.info["state"] = "running"
    fake.info["test_openings"] = ["2024-05-06T07:17:09+00:00"] * 2
    second = read_run(fake.write(tmp_path / "going on"))
    told = " ".join(compare_winners(first, second, "test", NAMES).warnings)
    assert told.startswith("Synthetic data")
    assert "second is not finished (running): its winner may change." in told
    assert "second opened its test set 2 times." in told


def test_a_test_set_that_was_not_opened_stays_closed(tmp_path: Path, first: Run):
    fake = _fake()
    fake.finalists = ["0009"]
    second = read_run(fake.write(tmp_path / "second"))
    with pytest.raises(UserError, match=r"has not opened it for its winner, trial 0010-ft"):
        compare_winners(first, second, "test", NAMES)
    assert compare_winners(first, second, "validation", NAMES).p_value == 1


@pytest.mark.parametrize("part", ["validation", "test"])
def test_predictions_that_are_missing_or_damaged_are_refused(first: Run, second: Run, part: str):
    path = second.path / f"trials/0000/{part}.npy"
    kept = path.read_bytes()
    for content, told in ((kept[:-40], "cut off"), (b"", "EOF"), (None, "No such file")):
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(RunDirectoryError, match=told):
            compare_winners(first, second, part, NAMES)
        path.write_bytes(kept)
    np.save(path, np.roll(np.load(path), 17, axis=0))
    with pytest.raises(RunDirectoryError, match="must hold what the recorded accuracy"):
        compare_winners(first, second, part, NAMES)


def test_a_run_without_a_completed_trial_has_no_winner(tmp_path: Path, first: Run):
    fake = _fake()
    fake.records, fake.finalists, fake.folds = [fake.records[8]], [], {}
    second = read_run(fake.write(tmp_path / "second"))
    with pytest.raises(UserError, match=r"the best completed trial of a run; .*second has none"):
        compare_winners(first, second, "validation", NAMES)


def test_a_run_without_a_split_is_refused(first: Run, second: Run):
    (second.path / "split.parquet").unlink()
    with pytest.raises(RunDirectoryError, match="has no validation images there"):
        compare_winners(first, read_run(second.path), "validation", NAMES)


def test_runs_of_other_classes_are_refused(first: Run, second: Run):
    second.info["data"]["classes"] = ["glioma", "meningioma", "notumor", "pituitary", "other"]
    with pytest.raises(UserError, match="that learned the same classes; received glioma"):
        compare_winners(first, second, "validation", NAMES)


def _redivide(run: Run, keep: slice) -> None:
    """Leaves only some rows of validation, and of the predictions for it."""
    table = pq.read_table(run.path / "split.parquet")
    places = [i for i, part in enumerate(table["part"].to_pylist()) if part == "validation"]
    kept = set(places[keep])
    table = table.filter(pa.array([i not in places or i in kept for i in range(len(table))]))
    pq.write_table(table, run.path / "split.parquet")
    lines = [json.loads(line) for line in (run.path / "trials.jsonl").read_text().splitlines()]
    labels = (np.arange(240) * 4 // 240)[keep]
    for line in lines:
        path = run.path / "trials" / line["trial_id"] / "validation.npy"
        if path.exists():
            array = np.load(path)[keep]
            np.save(path, array)
            line["val_accuracy"] = float((array.argmax(axis=1) == labels).mean())
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    (run.path / "trials.jsonl").write_text(text)


def test_of_other_splits_the_common_images_are_compared(first: Run, second: Run):
    _redivide(first, slice(0, 200))
    _redivide(second, slice(50, 240))
    one, other = read_run(first.path), read_run(second.path)
    found = compare_winners(one, other, "validation", NAMES)
    assert (found.images, found.first.images, found.second.images) == (150, 200, 190)
    told = " ".join(found.warnings)
    assert "The runs have 150 validation images in common, of 200 and 190" in told
    labels = np.arange(240) * 4 // 240
    said = np.load(second.path / "trials/0000/validation.npy").argmax(axis=1)[:150]
    assert found.second.accuracy == (said == labels[50:200]).mean()


def test_runs_without_a_common_image_are_refused(first: Run, second: Run):
    _redivide(first, slice(0, 120))
    _redivide(second, slice(120, 240))
    with pytest.raises(UserError, match="have none in common by file.*--part test"):
        compare_winners(read_run(first.path), read_run(second.path), "validation", NAMES)


def _other_data(run: Run, rename: str = "", *, change: bool = False) -> Run:
    """Gives a run another fingerprint and a manifest; its files may have other names or bytes."""
    table = pq.read_table(run.path / "split.parquet")
    files = table["file"].to_pylist()
    hashes = [hashlib.sha256(f"{change}{name}".encode()).hexdigest() for name in files]
    hashes[-1] = hashes[-2]  # two files with the same bytes
    names = [f"{rename}{name}" for name in files]
    pq.write_table(
        table.set_column(table.column_names.index("file"), "file", pa.array(names)),
        run.path / "split.parquet",
    )
    pq.write_table(pa.table({"file": names, "bytes_hash": hashes}), run.path / "manifest.parquet")
    found = read_run(run.path)
    found.info["data"]["fingerprint"] = f"{rename}{change}" * 8
    return found


def test_images_of_other_names_are_matched_by_their_content(first: Run, second: Run):
    expected = compare_winners(first, second, "validation", NAMES)
    one, other = _other_data(first), _other_data(second, rename="moved/")
    found = compare_winners(one, other, "validation", NAMES)
    assert found.matched_by == "content"
    assert replace(found, matched_by="file") == expected


def test_other_images_are_refused(first: Run, second: Run):
    one, other = _other_data(first), _other_data(second, change=True)
    with pytest.raises(UserError, match="none in common by content, since their data fingerprints"):
        compare_winners(one, other, "validation", NAMES)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "there is none in"),
        (b"PAR1", "must be a Parquet file"),
        ("b", "must list every"),
        ("", "1 of 2 rows have no bytes_hash"),
    ],
)
def test_a_manifest_that_is_missing_or_damaged_is_refused(
    first: Run, second: Run, content: bytes | str | None, told: str
):
    one, other = _other_data(first), _other_data(second)
    path = other.path / "manifest.parquet"
    path.unlink()
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        pq.write_table(pa.table({"file": ["a", "b"], "bytes_hash": ["b", content or None]}), path)
    one.info["data"]["fingerprint"], other.info["data"]["fingerprint"] = "a", "b"
    with pytest.raises(RunDirectoryError, match=told):
        compare_winners(one, other, "validation", NAMES)


def test_images_with_two_labels_are_refused(first: Run, second: Run):
    classes = first.info["data"]["classes"]
    second.info["data"]["classes"] = classes
    table = pq.read_table(second.path / "split.parquet")
    turned = dict(zip(classes, [classes[1], classes[0], *classes[2:]], strict=True))
    labels = pa.array([turned[label] for label in table["label"].to_pylist()])
    place = table.column_names.index("label")
    pq.write_table(table.set_column(place, "label", labels), second.path / "split.parquet")
    with pytest.raises(
        UserError, match="120 of 240 have two: validation/glioma/0.png is glioma in"
    ):
        compare_winners(first, read_run(second.path), "validation", NAMES)


def test_the_order_of_classes_may_differ(first: Run, second: Run):
    expected = compare_winners(first, second, "validation", NAMES)
    order = [2, 0, 3, 1]
    second.info["data"]["classes"] = [first.info["data"]["classes"][place] for place in order]
    path = second.path / "trials/0000/validation.npy"
    np.save(path, np.load(path)[:, order])
    assert compare_winners(first, second, "validation", NAMES) == expected


@pytest.fixture
def found(first: Run, second: Run) -> Comparison:
    return compare_winners(first, second, "test", ("a|b", "<i>x</i>\x1b[31m"))


def test_the_table_fits_eighty_columns(found: Comparison):
    text = render_comparison(found)
    assert max(map(len, text.splitlines())) <= 80
    words = " ".join(text.split())
    assert "mini_resnet, 0010-ft" in words
    assert "On 320 test images that both runs had, matched by file name: second minus" in words
    assert f"{100 * found.difference:+.1f} points" in words
    assert "McNemar's exact test, two-sided: p = " in words
    assert "has used the test set for choosing" in words
    assert "\x1b" not in text


def test_markdown_is_a_table_that_markup_cannot_break(found: Comparison):
    text = render_comparison(found, "markdown")
    assert text.splitlines()[0].startswith(r"|  | a\|b | &lt;i&gt;x&lt;/i&gt;")
    assert "> Test figures" in text
    assert "<i>" not in text


def test_json_stands_alone(found: Comparison):
    read = json.loads(render_comparison(found, "json"))
    assert read["first"]["trial_id"] == "0010-ft"
    assert (read["part"], read["images"], read["significant"]) == ("test", 320, True)
    assert read["difference"] == found.difference
    assert len(read["warnings"]) == len(found.warnings)


def test_no_difference_is_called_none(first: Run, tmp_path: Path):
    other = read_run(_fake().write(tmp_path / "again"))
    text = " ".join(render_comparison(compare_winners(first, other, "test", NAMES)).split())
    assert "second minus first 0.0 points (95 % interval 0.0 to 0.0" in text
    assert "p = 1, not significant at 5 %" in text


def _four_to_nothing(first: Run, second: Run) -> tuple[Run, Run]:
    """The second run's winner answers as the first's does, but for four images it gets wrong."""
    said = np.load(first.path / "trials/0010-ft/validation.npy")
    labels = np.arange(240) * 4 // 240
    rows = np.flatnonzero(said.argmax(axis=1) == labels)[::50][:4]
    said[rows] = np.roll(said[rows], 1, axis=1)
    np.save(second.path / "trials/0000/validation.npy", said)
    share = float((said.argmax(axis=1) == labels).mean())
    path = second.path / "trials.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        if line["trial_id"] == "0000":
            line["val_accuracy"] = share
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return first, read_run(second.path)


def test_where_few_images_differ_the_text_says_that_the_test_decides(first: Run, second: Run):
    found = compare_winners(*_four_to_nothing(first, second), "validation", NAMES)
    assert (found.first.right_alone, found.second.right_alone) == (4, 0)
    assert found.difference_high < 0
    assert not found.significant
    text = " ".join(render_comparison(found).split())
    assert "This test decides" in text
    assert "differ on 4 of the images: with fewer than 10" in text
    assert any("differ on 4 of the images" in one for one in found.warnings)


def test_where_many_images_differ_no_interval_is_doubted(first: Run, second: Run):
    found = compare_winners(first, second, "validation", NAMES)
    assert found.first.right_alone + found.second.right_alone >= 10
    assert not any("too narrow" in one for one in found.warnings)


def test_an_ensemble_that_was_not_published_is_told(first: Run, tmp_path: Path):
    fake = _fake()
    best = replace(fake.records[-1], trial_id="e0001", stage=Stage.ENSEMBLE, family="ensemble")
    fake.records.append(replace(best, val_accuracy=1.0))
    second = read_run(fake.write(tmp_path / "second"))
    found = compare_winners(first, second, "validation", NAMES)
    (told,) = [one for one in found.warnings if "winner/" in one]
    assert told.startswith("second: rank 1 is trial e0001. The folder winner/ holds trial 0010-ft")
    # What is corrected is the network behind it, and not the row that is compared.
    assert second.statistics.choice is not None
    assert found.second.val_accuracy_corrected is None
