"""The winner's answers as figures: what is drawn, what is left out, and what is said beside it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import astuple, replace
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

import numpy as np
import pytest
from fake_run import FakeRun, answered_run, fake_run

from reports import LeaderboardRow, Run, Stage, build_leaderboard, read_run
from reports.answers import answers_of
from reports.architecture import read_architecture
from reports.classes import class_names
from reports.curves import curves_of
from reports.figures.architecture import architecture_figure
from reports.figures.class_curves import curve_figures
from reports.figures.class_scores import class_scores_figure
from reports.figures.confusion import confusion_figure
from reports.figures.figure import Figure
from reports.figures.palette import looks_of
from reports.figures.reliability import reliability_figure
from reports.figures.trade_off import LogAxis, trade_off_figure
from reports.pareto import front
from reports.predictions import Part
from reports.reliability import calibrate
from reports.scores.answers import Answers
from reports.verdicts import Measured, verdicts

_SIDE = 520  # of every view box


def parsed(figure: Figure) -> Element:
    return fromstring(figure.chart)  # noqa: S314 - ours


def rectangles(figure: Figure, style: str) -> list[Element]:
    return [one for one in parsed(figure).iter("rect") if style in (one.get("class") or "").split()]


def words(figure: Figure) -> list[str]:
    return [one.text or "" for one in parsed(figure).iter("text")]


@pytest.fixture
def measured(run: Run, rows: list[LeaderboardRow]) -> Measured:
    return verdicts(run.evaluation, rows)[0].all


def test_every_cell_of_the_matrix_is_drawn_and_numbered(run: Run, measured: Measured):
    figure = confusion_figure(measured, run.evaluation, key="confusion", which="all images")
    assert len(rectangles(figure, "none")) == 16
    assert len(rectangles(figure, "right")) == 4
    assert len(rectangles(figure, "wrong")) == 4
    assert len(rectangles(figure, "missed")) == 1
    assert words(figure).count("78") == 4
    numbers = figure.numbers
    assert list(numbers["images"]) == [
        n for row in run.evaluation.finalists[0].confusion for n in row
    ]
    assert numbers["true_class"][1] == "glioma"
    assert numbers["predicted_class"][1] == "meningioma"
    assert "called “notumor”" in figure.caption


@pytest.mark.parametrize("size", [5, 8, 40])
def test_a_matrix_of_any_size_stays_in_its_box(run: Run, size: int, tmp_path: Path):
    fake = fake_run()
    fake.classes = tuple(f"class number {n} with a long name" for n in range(size))
    fake.negative_class, fake.twins, fake.audit = None, False, None
    fake.finalists = ["0010-ft"]
    other = read_run(fake.write(tmp_path / "other"))
    (verdict,) = verdicts(other.evaluation, build_leaderboard(other))
    figure = confusion_figure(verdict.all, other.evaluation, key="confusion", which="all")
    cells = rectangles(figure, "none")
    assert len(cells) == size * size
    edges = [float(one.get("x", 0)) + float(one.get("width", 0)) for one in cells]
    assert max(edges) <= _SIDE
    assert not rectangles(figure, "missed")
    assert "red frame" not in figure.caption
    # Numbers only where they can be read.
    assert ("0" in words(figure)) == (size < 20)


def test_a_class_with_the_name_of_an_average_has_its_own_figures(fake: FakeRun, tmp_path: Path):
    plain = read_run(fake.write(tmp_path / "plain"))
    fake.classes = ("accuracy", "macro avg", "notumor", "pituitary")
    named = read_run(fake.write(tmp_path / "named"))
    path = named.path / "evaluation.json"
    content = json.loads(path.read_text())
    for finalist in content["finalists"]:  # as scikit-learn wrote it in earlier versions
        report = finalist["classification_report"]
        report["accuracy"] = 0.9
        report["macro avg"] = report["weighted avg"]
    path.write_text(json.dumps(content))
    lines = []
    for run in (plain, read_run(named.path)):
        (first, *_) = verdicts(run.evaluation, build_leaderboard(run))
        lines.append([astuple(line)[1:] for line in first.all.classes])
        told = first.finalist.classification_report["weighted avg"]
        averaged = first.all.classes[-1]
        assert averaged.precision == pytest.approx(told["precision"])
        assert averaged.f1 == pytest.approx(told["f1-score"])
    assert lines[0] == lines[1]
    assert [line.name for line in first.all.classes[:2]] == ["accuracy", "macro avg"]


def test_a_class_without_an_image_has_no_bars(measured: Measured):
    empty = replace(measured.classes[0], support=0, recall=0.0)
    some = replace(measured, classes=(empty, *measured.classes[1:]))
    figure = class_scores_figure(some, key="class-scores", which="all images")
    assert not any(word.startswith("glioma") for word in words(figure))
    assert len(rectangles(figure, "body")) == 3 * (len(measured.classes) - 1)
    assert figure.numbers["recall"][0] is None
    assert "A class without a test image has no bars" in figure.caption


@pytest.fixture
def run(write: Callable[[FakeRun], Run]) -> Run:
    return write(answered_run())


def answers(run: Run, part: Part = "test") -> Answers:
    assert run.evaluation is not None
    finalist, record = run.evaluation.finalists[0], run.records[-1]
    recorded = finalist.test_accuracy if part == "test" else record.val_accuracy
    found = answers_of(run, "0010-ft", part, recorded)
    assert found is not None
    return found


def lines(figure: Figure) -> list[list[tuple[float, float]]]:
    found = []
    for one in parsed(figure).iter("polyline"):
        if "curve" in (one.get("class") or "").split():
            pairs = (one.get("points") or "").split()
            found.append([tuple(map(float, pair.split(","))) for pair in pairs])
    return found


def test_each_class_has_a_curve_of_each_kind_with_its_area(run: Run):
    curves = curves_of(answers(run), class_names(run))
    for figure in curve_figures(curves, which="all images"):
        assert len(lines(figure)) == 4
        assert all(0 <= x <= _SIDE for line in lines(figure) for x, _ in line)
        for one in curves:
            area = (one.roc if figure.key == "roc" else one.precision_recall).area
            assert f"{area:.3f} {one.name}" in words(figure)
            kept = [
                a
                for a, n in zip(figure.numbers["area"], figure.numbers["class"], strict=True)
                if n == one.name
            ]
            assert set(kept) == {area}


def test_the_drawn_steps_sum_to_the_area(run: Run):
    """What is thinned out and drawn as stairs has the area that is written beside it."""
    _, figure = curve_figures(curves_of(answers(run), class_names(run)), which="all")
    axis = [float(one.text) for one in parsed(figure).iter("text") if (one.text or "").isdigit()]
    assert 100.0 in axis
    for line, area in zip(lines(figure), sorted_areas(figure), strict=True):
        xs, ys = (np.array(values) for values in zip(*line, strict=True))
        low, high = 20.0, 100.0  # of the axis that goes up
        share = low + (high - low) * (330 + figure_top(figure) - 58 - ys) / (330 - 14 - 58)
        assert np.trapezoid(share, (xs - 78) / (520 - 78 - 14)) / 100 == pytest.approx(
            area, abs=0.01
        )


def sorted_areas(figure: Figure) -> list[float]:
    pairs = zip(figure.numbers["class"], figure.numbers["area"], strict=True)
    return list(dict(pairs).values())


def figure_top(figure: Figure) -> float:
    """What the legend above the plot takes."""
    return float((parsed(figure).get("viewBox") or "").split()[3]) - 330


def test_the_corner_is_shown_larger_where_all_curves_go_through_it():
    labels = np.repeat([0, 1], 200)
    probabilities = np.stack([1 - labels * 0.9, labels * 0.9], axis=1).astype(np.float32)
    figure, _ = curve_figures(curves_of(Answers(probabilities, labels), ("a", "b")), which="all")
    assert "across it ends at 5 %" in figure.caption
    assert "1.000 a" in words(figure)


def test_nearly_perfect_is_not_written_as_perfect():
    labels = np.repeat([0, 1], 2000)
    scores = labels * 0.8 + 0.1
    scores[1999], scores[2000] = 0.9, 0.1
    probabilities = np.stack([1 - scores, scores], axis=1).astype(np.float32)
    figure, _ = curve_figures(curves_of(Answers(probabilities, labels), ("a", "b")), which="all")
    assert "> 0.999 a" in words(figure)


def test_a_class_missing_in_the_test_set_is_named_beside_the_curves():
    probabilities = np.full((6, 3), 1 / 3, np.float32)
    labels = np.array([0, 1, 0, 1, 0, 1])
    for figure in curve_figures(
        curves_of(Answers(probabilities, labels), ("a", "b", "<c>")), which="all"
    ):
        assert "Without a curve: “<c>”" in figure.caption
        assert len(lines(figure)) == 2


def test_one_class_alone_has_no_roc():
    curves = curves_of(Answers(np.ones((3, 1), np.float32), np.zeros(3, np.int64)), ("a",))
    assert [figure.key for figure in curve_figures(curves, which="all")] == ["precision-recall"]
    assert curve_figures([], which="all") == []


def test_reliability_is_drawn_before_and_after(run: Run):
    found = calibrate(answers(run, "validation"), answers(run))
    assert found is not None
    figure = reliability_figure(found, which="all images")
    assert f"as trained: error {100 * found.before.error:.1f} %" in words(figure)
    assert f"T = {found.temperature:.2f}: error {100 * found.after.error:.1f} %" in words(figure)
    told = figure.numbers["answers"]
    assert set(told) == {"as trained", f"T = {found.temperature:.2f}"}
    images = dict.fromkeys(told, 0)
    for name, count in zip(told, figure.numbers["images"], strict=True):
        images[name] += count
    assert set(images.values()) == {320}
    assert "fitted to the 240 validation images" in figure.caption
    assert "does not contain it" in figure.caption


def test_where_no_temperature_can_be_fitted_none_is_drawn(run: Run):
    given = answers(run, "validation")
    sure = Answers(np.eye(4, dtype=np.float32)[given.labels] * 0.9 + 0.025, given.labels)
    found = calibrate(sure, answers(run))
    assert found is not None
    figure = reliability_figure(found, which="all")
    assert "No temperature could be fitted" in figure.caption
    assert set(figure.numbers["answers"]) == {"as trained"}


@pytest.mark.parametrize(
    ("points", "kept"),
    [
        ([(1, 90), (2, 95), (3, 93)], [0, 1]),
        ([(2, 90), (1, 90), (1, 80)], [1]),
        ([(1, 90), (1, 90), (2, 90)], [0, 1]),
        ([(3, 99), (2, 95), (1, 90)], [2, 1, 0]),
    ],
)
def test_the_front_is_what_no_other_beats(points: Sequence[tuple[float, float]], kept: list[int]):
    assert front([(cost, -score) for cost, score in points]) == kept


@pytest.fixture
def priced() -> list[LeaderboardRow]:
    fake = fake_run()
    records = tuple(
        replace(
            one,
            latency_ms=None if one.val_accuracy is None else 0.5 * (number + 1),
            node="host-a",
        )
        for number, one in enumerate(fake.records)
    )
    return build_leaderboard(Run(Path("/nowhere"), {}, records, None))


def test_accuracy_stands_against_latency_where_it_is_known(priced: list[LeaderboardRow]):
    figure = trade_off_figure(priced, looks_of(row.family for row in priced))
    assert figure is not None
    completed = [row for row in priced if row.rank is not None]
    assert set(figure.numbers["trial_id"]) == {row.trial_id for row in completed}
    assert list(figure.numbers["latency_ms"]) == [row.latency_ms for row in completed]
    on_front = [
        name
        for name, kept in zip(
            figure.numbers["trial_id"], figure.numbers["pareto_front"], strict=True
        )
        if kept
    ]
    assert on_front == ["0010-ft", "0010", "0004", "0000"]
    assert "measured alone on host-a" in figure.caption


@pytest.mark.parametrize(
    ("multiply_adds", "column"),
    [(5_000_000, "multiply_adds_millions"), (None, "parameters_millions")],
)
def test_where_too_few_latencies_are_known_another_cost_is_shown(
    priced: list[LeaderboardRow], multiply_adds: int | None, column: str
):
    rows = [
        replace(
            row,
            latency_ms=row.latency_ms if row.rank in (1, 2) else None,
            multiply_adds=multiply_adds,
        )
        for row in priced
    ]
    figure = trade_off_figure(rows, looks_of(row.family for row in rows))
    assert figure is not None
    assert column in figure.numbers
    assert "for too few" in figure.caption or "for enough" in figure.caption


def test_an_ensemble_is_drawn_and_what_breaks_a_constraint_is_not(priced: list[LeaderboardRow]):
    first = replace(priced[0], stage=Stage.ENSEMBLE, family="ensemble", trial_id="e0001")
    broken = replace(priced[1], feasible=False, rank=None)
    rows = [first, *priced[2:], broken]
    figure = trade_off_figure(rows, looks_of(row.family for row in rows))
    assert figure is not None
    assert "e0001" in figure.numbers["trial_id"]
    assert broken.trial_id not in figure.numbers["trial_id"]


def test_times_of_another_device_do_not_stand_on_the_same_axis(priced: list[LeaderboardRow]):
    rows = [replace(priced[0], latency_device="GPU B"), *priced[1:]]
    figure = trade_off_figure(rows, looks_of(row.family for row in rows))
    assert figure is not None
    assert "latency_ms" in figure.numbers
    assert priced[0].trial_id not in figure.numbers["trial_id"]
    assert "1 ranked row lacks the figure on that device" in figure.caption


def test_two_networks_trade_nothing(priced: list[LeaderboardRow]):
    assert trade_off_figure(priced[:2], looks_of(row.family for row in priced)) is None


def test_a_logarithmic_axis_has_equal_steps_for_equal_factors():
    axis = LogAxis(0.1, 1000.0, "")
    assert [axis.place(value) for value in (0.1, 1, 10, 1000)] == pytest.approx([0, 0.25, 0.5, 1])
    assert axis.place(1e9) == 1.0
    assert axis.place(0.0) == 0.0
    assert axis.ticks() == pytest.approx([0.1, 1, 10, 100, 1000])
    assert LogAxis(0.4, 3.0, "").ticks() == pytest.approx([0.5, 1, 2])


def test_styles_hang_on_what_is_inside_the_picture(run: Run, measured: Measured):
    """A picture that is saved by itself gets another root, which has none of the page's classes."""
    network = read_architecture(run.path / "winner" / "architecture.json")
    assert network is not None
    assert run.evaluation is not None
    matrix = confusion_figure(measured, run.evaluation, key="confusion", which="all images")
    for figure, style in ((architecture_figure(network), "network"), (matrix, "matrix")):
        root = parsed(figure)
        assert root.get("class") == "chart"
        assert style in [one.get("class") for one in root]
