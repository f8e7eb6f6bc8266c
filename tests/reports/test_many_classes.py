"""A run with hundreds of classes: its page can still be opened, and says what it leaves out."""

import csv
import io
import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import fake_answers
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fake_explanations import explanations, write_explanations
from fake_predictions import save
from fake_run import fake_run
from numpy.typing import NDArray
from page_reading import Page

from reports import Run, build_leaderboard, read_run, render_report, report_figures, write_figures
from reports.explanation_pictures import picture_png
from reports.pictures_section import pictures_section
from reports.scores.by_class import most_confused
from reports.verdicts import verdicts

CLASSES = 300
NEGATIVE = 2
NAMES = tuple(f"class {number:03d} of many" for number in range(CLASSES))
IMAGES = 12  # of each class in the test part


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    path = tmp_path_factory.mktemp("many") / "run"
    fake = fake_run()
    fake.negative_class, fake.audit, fake.folds = NAMES[NEGATIVE], None, {}
    fake.info["data"] |= {"classes": list(NAMES)}
    finalists, fake.finalists = fake.finalists, []
    fake.write(path)
    _write_split(path)
    matrices = [_confusion(seed) for seed in range(len(finalists))]
    save(path, finalists[0], "test", fake_answers.answers(matrices[0].tolist(), 0))
    evaluation = {
        "opened": "2024-05-06T09:00:00+00:00",
        "classes": NAMES,
        "negative_class": NAMES[NEGATIVE],
        "test_images": CLASSES * IMAGES,
        "test_images_clean": CLASSES * IMAGES - 1,
        "finalists": [
            _finalist(name, matrix) for name, matrix in zip(finalists, matrices, strict=True)
        ],
    }
    (path / "evaluation.json").write_text(json.dumps(evaluation))
    told = explanations(NAMES, wrong=60)
    told["test_images"] = CLASSES * IMAGES
    told["grad_cam"]["images"] = told["grad_cam"]["images"][:40]
    write_explanations(path, told)
    return read_run(path)


def _write_split(path: Path) -> None:
    rows = [
        (f"{part}/{name}/{number}.png", name, part)
        for part, images in (("test", IMAGES), ("train", 3), ("validation", 2))
        for name in NAMES
        for number in range(images)
    ]
    columns = dict(zip(("file", "label", "part"), zip(*rows, strict=True), strict=True))
    groups = np.arange(len(rows), dtype=np.int32)
    groups[columns["part"].index("train")] = groups[0]  # one test image has a twin in training
    pq.write_table(pa.table({**columns, "group": groups}), path / "split.parquet")


def _confusion(seed: int) -> NDArray[np.int64]:
    """A third of the answers is wrong, of any class; those of every seventh class are all right."""
    draw = np.random.default_rng(seed)
    matrix = np.diag(np.full(CLASSES, IMAGES))
    for number, row in enumerate(matrix):
        if number % 7:
            row[number] -= IMAGES // 3
            np.add.at(row, draw.integers(0, CLASSES, IMAGES // 3), 1)
    return matrix


def _finalist(trial_id: str, matrix: NDArray[np.int64]) -> dict[str, Any]:
    clean = matrix.copy()
    clean[0, 0] -= 1
    told: dict[str, Any] = {"trial_id": trial_id}
    for ending, counts in (("", matrix), ("_clean", clean)):
        told |= {
            f"test_accuracy{ending}": float(np.trace(counts) / counts.sum()),
            f"missed_positives{ending}": int(counts[:, NEGATIVE].sum()) - int(counts[2, 2]),
            f"confusion{ending}": counts.tolist(),
            f"classification_report{ending}": {},
        }
    return told


def _page(run: Run) -> str:
    return render_report(run, build_leaderboard(run))


def test_the_page_stays_below_ten_megabytes_with_all_pictures_that_find_room(run: Run):
    noise = np.random.default_rng(0).integers(0, 256, (250, 250, 3), dtype=np.uint8)
    for picture in (run.path / "explanations").glob("*.png"):
        picture.write_bytes(picture_png(noise))
    section = pictures_section(run, build_leaderboard(run), images=True)
    assert section is not None
    assert section.left_out > 0
    page = _page(run)
    assert 6_000_000 < len(page.encode()) < 10_000_000
    text = Page(page).text
    assert (
        "Of 300 classes those 40 with the most confusions are shown; evaluation.json has all"
        in text
    )
    assert "Of 300 classes the 40 with the most confusions are drawn, and shares are of all" in text
    assert "Of 300 classes the 40 with the smallest areas are drawn" in text


def test_what_is_drawn_of_a_matrix_are_the_most_confused_classes_and_the_negative_one(run: Run):
    verdict = verdicts(run.evaluation, build_leaderboard(run))[0]
    shown, counts = verdict.all.shown, np.array(verdict.all.confusion)
    wrong = counts.sum(axis=0) + counts.sum(axis=1) - 2 * np.diag(counts)
    assert (len(shown), list(shown)) == (40, sorted(shown))
    assert NEGATIVE in shown
    others = [place for place in range(CLASSES) if place not in shown]
    assert min(wrong[place] for place in shown if place != NEGATIVE) >= max(wrong[others])
    shares = [[cell.share for cell in row] for row in verdict.all.matrix]
    assert shares == (counts / IMAGES)[np.ix_(shown, shown)].tolist()
    assert [line.name for line in verdict.all.shown_lines[-2:]] == ["macro avg", "weighted avg"]
    assert [line.name for line in verdict.all.shown_lines[:40]] == [NAMES[at] for at in shown]


def test_files_of_the_figures_have_all_classes_and_the_page_those_that_are_drawn(
    run: Run, tmp_path: Path
):
    figures = report_figures(run, build_leaderboard(run))
    write_figures(figures, tmp_path)
    page = _page(run)
    for key, column in (("confusion", "true_class"), ("roc", "class"), ("class-scores", "class")):
        every = pq.read_table(tmp_path / f"{key}.parquet")[column].to_pylist()
        assert {*NAMES} <= {*every}
        address = page.split(f'download="{key}.csv" href="data:text/csv;base64,')[1].split('"')[0]
        told = list(csv.DictReader(io.StringIO(b64decode(address).decode())))
        drawn = {line[column] for line in told} & {*NAMES}
        assert len(drawn) == (CLASSES if key == "class-scores" else 40)
    (matrix,) = (one for one in figures if one.key == "confusion")
    assert sum(matrix.numbers["images"]) == CLASSES * IMAGES
    assert matrix.chart.count('class="cell none"') == 1600
    right = sum(finalist[at] for at, finalist in enumerate(run.evaluation.finalists[0].confusion))
    assert f"{right} of 3600 right" in matrix.chart


def test_an_image_has_bars_of_the_true_class_the_said_one_and_the_three_likeliest(run: Run):
    explained = json.loads((run.path / "explanations" / "explanations.json").read_text())
    told = explained["misclassified"][0]
    told["probabilities"] = [0.001] * CLASSES
    likely = {250: 0.1, 7: 0.2, 40: 0.05, 99: 0.04}
    for place, share in {**likely, NAMES.index(told["predicted"]): 0.3}.items():
        told["probabilities"][place] = share
    (run.path / "explanations" / "explanations.json").write_text(json.dumps(explained))
    again = read_run(run.path)
    section = pictures_section(again, build_leaderboard(again), images=False)
    assert section is not None
    names = [bar.name for bar in section.first[0].bars]
    assert {*names} == {told["true"], told["predicted"], NAMES[7], NAMES[40], NAMES[250]}
    assert names == sorted(names)
    assert "the likeliest are shown, five bars in all" in _page(again)


@pytest.mark.parametrize(
    ("most", "always", "places"),
    [
        (4, None, (0, 1, 2, 3)),
        (9, 3, (0, 1, 2, 3)),
        (2, None, (0, 2)),
        (2, 3, (2, 3)),
        (1, 3, (3,)),
    ],
)
def test_the_most_confused_classes_are_those_of_the_most_wrong_answers(
    most: int, always: int | None, places: tuple[int, ...]
):
    matrix = [[5, 0, 3, 0], [0, 9, 1, 0], [1, 0, 2, 0], [0, 0, 0, 7]]
    assert most_confused(matrix, most, always=always) == places
