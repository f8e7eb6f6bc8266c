import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from fake_run import CLASSES, FakeRun

from reports import Run, build_leaderboard, read_run, render_markdown_report, render_report
from reports.data_section import MOST_UNREADABLE, DataSection, data_section
from reports.pictures import MOST_PICTURES


@pytest.fixture
def path(fake: FakeRun, tmp_path: Path) -> Path:
    return fake.write(tmp_path / "run")


def _section(path: Path, *, images: bool = True) -> DataSection:
    return data_section(read_run(path), images=images)


def _change(path: Path, **changes: Any) -> Path:
    content = json.loads((path / "audit.json").read_text()) | changes
    (path / "audit.json").write_text(json.dumps(content))
    return path


def _set(path: Path, **changes: Any) -> Path:
    info = yaml.safe_load((path / "run.yaml").read_text())
    info["data"] |= changes
    (path / "run.yaml").write_text(yaml.safe_dump(info))
    return path


def _page(path: Path, *, images: bool = True) -> str:
    run = read_run(path)
    return render_report(run, build_leaderboard(run), images=images)


def test_images_are_counted_by_class_and_part(path: Path):
    section = _section(path)
    assert section.parts == ("train", "validation", "test")
    first, *_, last = section.classes
    assert (first.name, first.images) == ("glioma", (240, 60, 80))
    assert (first.exact, first.near, first.clean) == (7, 4, 69)
    assert (last.name, last.images, last.clean) == ("all classes", (960, 240, 320), 259)


def test_dropped_images_have_a_column_and_leave_the_rest_clean(path: Path):
    rows = pq.read_table(path / "split.parquet").to_pylist()
    tested = {row["group"] for row in rows if row["part"] == "test"}
    dropped = [row for row in rows if row["part"] == "train" and row["group"] in tested]
    for row in dropped:
        row.update(part="dropped", fold=None)
    schema = pq.read_schema(path / "split.parquet")
    pq.write_table(pa.Table.from_pylist(rows, schema), path / "split.parquet")
    section = _section(_set(path, leaks="drop"))
    assert section.parts == ("train", "validation", "test", "dropped")
    assert section.classes[-1].images == (899, 240, 320, 61)
    assert (section.classes[-1].exact, section.classes[-1].clean) == (45, 320)
    assert section.treatment[0].startswith("leaks: drop. 61 images that are twins of test images")


def test_a_split_that_lets_copies_into_validation_is_told(path: Path):
    table = pq.read_table(path / "split.parquet")
    rows = table.to_pylist()
    group = next(row["group"] for row in rows if row["part"] == "train")
    next(row for row in rows if row["part"] == "validation")["group"] = group
    pq.write_table(pa.Table.from_pylist(rows, table.schema), path / "split.parquet")
    told = _section(path).treatment
    assert any("both in training and in validation: 1." in one for one in told)
    assert not any("No image of validation" in one for one in told)


def test_the_treatment_names_leaks_groups_and_folds(path: Path):
    told = _section(_set(path, groups="patients.csv")).treatment
    assert told[0].startswith("leaks: keep. Every image stays in its part")
    assert told[1].startswith("Images of one group, as patients.csv has them, count as copies")
    assert told[2] == "No image of validation has a copy or near-copy in training."
    assert told[3].endswith("were divided into 5 folds.")
    assert _section(_set(path, leaks=None, folds=None, groups=None)).treatment == told[2:3]


def test_a_split_of_an_earlier_version_knows_no_clean_images(path: Path):
    table = pq.read_table(path / "split.parquet").select(["file", "label", "part"])
    pq.write_table(table, path / "split.parquet")
    section = _section(path)
    assert {row.clean for row in section.classes} == {None}
    assert section.classes[-1].images == (960, 240, 320)


def test_an_audit_of_an_earlier_version_shows_what_there_is(path: Path):
    known = ("images", "unique", "unreadable", "unreadable_files", "exact_twins_across_parts")
    content = json.loads((path / "audit.json").read_text())
    (path / "audit.json").write_text(json.dumps({name: content[name] for name in known}))
    section = _section(path)
    counted = dict(section.counted)
    assert counted["readable images"] == "1,520"
    assert counted["exact twins across parts, pairs"] == "45"
    assert counted["near twins across parts, pairs"] == "not looked for"
    assert (section.findings, section.groups, section.kinds) == (None, (), ())
    assert "This run's audit made no list of findings" in _page(path)


def test_before_the_split_the_audits_counts_are_shown(path: Path):
    (path / "split.parquet").unlink()
    section = _section(path)
    assert section.parts == ("train", "test")
    assert section.classes[-1].images == (1200, 320)
    assert section.treatment == ()


def test_before_the_images_were_looked_at_the_section_says_so(path: Path):
    for name in ("audit.json", "split.parquet"):
        (path / name).unlink()
    _set(path, fingerprint=None)
    assert _section(path).empty
    assert "The images have not been looked at yet." in _page(path)


def test_findings_keep_their_order_and_none_is_good_news(path: Path):
    findings = _section(path).findings
    assert findings is not None
    assert findings[1] == "16 further test images look like a training image."
    assert _section(_change(path, findings=[])).findings == ()
    assert "Nothing was found that limits the results." in _page(path)
    run = read_run(path)
    assert "Nothing was found" in render_markdown_report(run, build_leaderboard(run))


def test_a_set_that_differs_from_its_name_is_a_warning(path: Path):
    assert "Recognised as <strong>test ellipses" in _page(path)
    known = {"name": "test ellipses", "verdict": "differs", "note": "12 files are missing."}
    assert _section(_change(path, known_set=known)).differs
    page = _page(path)
    assert "Not the set it is called after." in page
    assert "12 files are missing." in page
    assert "Recognised as" not in page
    run = read_run(path)
    markdown = render_markdown_report(run, build_leaderboard(run))
    assert "Calls itself test ellipses but differs from it. 12 files are missing." in markdown


def test_pairs_are_grouped_by_kind_with_their_pictures(path: Path):
    section = _section(path)
    told = [(group.kind, len(group.pairs)) for group in section.groups]
    assert told == [
        ("exact twins across parts", 4),
        ("near twins across parts", 2),
        ("same picture, two classes", 1),
    ]
    assert (section.pictures, section.hidden) == (14, 0)
    assert section.groups[2].pairs[0].two_classes
    half = section.groups[0].pairs[0].halves[1]
    assert half.description == "test/glioma/6.png, class glioma, test"
    page = _page(path)
    assert 'alt="test/glioma/6.png, class glioma, test"' in page
    assert page.count("<img ") == 14
    assert "similarity 0.973" in page


def test_pictures_are_left_out_where_they_are_not_wanted(path: Path):
    page = _page(path, images=False)
    assert "<img " not in page
    assert "image/png" not in page
    assert "picture missing" not in page
    assert "test/<wbr>glioma/<wbr>6.png" in page
    assert "Pictures were left out of this page by" in page
    assert "Pictures were left out of this report; names of files were not." in page


def test_no_more_pictures_than_a_page_can_hold(path: Path):
    pair = json.loads((path / "audit.json").read_text())["shown"][0]
    section = _section(_change(path, shown=[pair] * 40))
    assert section.pictures == MOST_PICTURES
    assert section.hidden == 10
    assert "10 further pairs are in audit.json." in _page(path)


@pytest.mark.parametrize("name", ["../../secret.png", "/etc/passwd", "audit/none.png", None])
def test_a_picture_that_must_not_be_shown_is_missing(path: Path, name: str | None):
    shown = json.loads((path / "audit.json").read_text())["shown"][:1]
    shown[0]["pictures"][0] = name
    section = _section(_change(path, shown=shown))
    assert section.pictures == 1
    page = _page(path)
    assert page.count("picture missing") == 1
    assert page.count("<img ") == 1


def test_the_last_line_tells_the_truth_about_pictures(fake: FakeRun, path: Path, tmp_path: Path):
    assert "14, all of computed phantoms. Pictures of patients: none." in _page(path)
    assert "Pictures of patients: none in this report." in _page(_change(path, shown=[]))
    fake.info["synthetic"] = False
    fake.records = []
    fake.finalists, fake.folds = [], {}
    page = _page(fake.write(tmp_path / "real"))
    assert "14, taken from the images themselves; if those show patients, so does this" in page
    assert "Computed phantoms" not in page


def test_the_first_unreadable_files_are_named_and_the_rest_counted(path: Path):
    section = _section(path)
    assert (len(section.unreadable), section.more_unreadable) == (MOST_UNREADABLE, 3)
    page = _page(path)
    assert "Unreadable files: 23" in page
    assert "3 further ones are in audit.json." in page
    assert "torn 19.jpg" in page
    assert "torn 20.jpg" not in page


def test_sizes_beyond_the_most_frequent_are_summed(path: Path):
    sizes = [{"width": side, "height": 9, "images": 2} for side in range(10, 18)]
    kinds = dict(_section(_change(path, sizes=sizes)).kinds)
    assert kinds["sizes in pixels"].startswith("10 \N{MULTIPLICATION SIGN} 9: 2; ")
    assert kinds["sizes in pixels"].endswith("; others: 6")
    assert kinds["modes"] == "L: 1,500; RGB: 20"


def test_odd_files_are_named_with_the_reason(path: Path):
    assert _section(path).odd == (
        ("train/notumor/7.png", "one colour all over"),
        ("test/pituitary/9.png", "is in truth JPEG"),
    )


def test_the_fingerprint_is_short_and_whole_on_demand(path: Path):
    assert f'<code title="{"f" * 64}">{"f" * 12}</code>' in _page(path)


def test_run_yaml_without_data_is_no_obstacle(write: Callable[[FakeRun], Run], fake: FakeRun):
    fake.info["data"] = "not a mapping"
    section = data_section(write(fake), images=True)
    assert (section.fingerprint, section.treatment) == (None, ())
    assert section.classes[0].name == CLASSES[0]
