"""Both papers' tables beside ours, and what is said about the difference."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from fake_run import FakeRun, answered_run, fake_run
from fake_screening import screen_records
from page_reading import Page
from sklearn.metrics import log_loss

from reports import Origin, Run, Stage, build_leaderboard, read_run, render_report
from reports.paper_tables import PaperTables, paper_tables
from reports.predictions import predictions_file, read_predictions, true_labels


def tables_of(run: Run) -> PaperTables:
    found = paper_tables(run, build_leaderboard(run))
    assert found is not None
    return found


def with_resnet(*, tuned: bool = True) -> FakeRun:
    """The papers' backbone as its trial and, perhaps, fine-tuned."""
    fake = answered_run()
    frozen = replace(fake.records[3], backbone="ResNet50V2", weights="imagenet")
    fake.records[3] = frozen
    if tuned:
        fake.records.append(
            replace(
                frozen,
                trial_id="0003-ft",
                stage=Stage.FINE_TUNE,
                parent_id="0003",
                val_accuracy=0.9,
                fine_tune={"learning_rate": 1e-4},
            )
        )
        fake.finalists.append("0003-ft")
    return fake


def test_paper_b_stands_there_with_other_peoples_figures(run: Run):
    lines = {line.network: line for line in tables_of(run).custom}
    told = {name: (line.published, line.others[:5].strip()) for name, line in lines.items()}
    assert told == {
        "5-Conv CNN": ("93.8", "76.74"),
        "Mini-VGGNet": ("about 89", "92.87"),
        "Mini-ResNet": ("about 93", "77 (R"),
    }
    assert [line.row.trial_id for line in lines.values() if line.row] == ["0000", "0001", "0002"]
    assert "not chosen on validation" not in lines["5-Conv CNN"].chosen
    assert "not chosen on validation" in lines["Mini-VGGNet"].chosen
    assert "not chosen on validation" in lines["Mini-ResNet"].chosen


def test_paper_a_stands_there_step_by_step(write: Callable[[FakeRun], Run]):
    run = write(with_resnet())
    plain, frozen, tuned = tables_of(run).steps
    published = [line.published for line in (plain, frozen, tuned)]
    assert published == ["95 %", "97 %", "99.54 %, loss 0.0160"]
    assert plain.row is None
    assert frozen.row is not None
    assert tuned.row is not None
    assert (frozen.row.trial_id, tuned.row.trial_id) == ("0003", "0003-ft")
    truth = true_labels(run, "test")
    assert truth is not None
    answers = read_predictions(predictions_file(run, "0003-ft", "test"), truth).astype(np.float64)
    answers /= answers.sum(axis=1, keepdims=True)
    loss = log_loss(truth.labels, answers)
    assert tuned.test_loss == pytest.approx(loss, rel=1e-4)


def test_a_fine_tuning_of_another_trial_is_said_to_be_one(write: Callable[[FakeRun], Run]):
    fake = with_resnet()
    fake.records[-1] = replace(fake.records[-1], parent_id="0007")
    assert "ours began from trial 0007" in tables_of(write(fake)).steps[2].note


def test_paper_as_classes_stand_beside_its_network_here(write: Callable[[FakeRun], Run]):
    found = tables_of(write(with_resnet()))
    assert found.compared is not None
    assert found.compared.trial_id == "0003-ft"
    paper = [
        (line.published.name, line.published.recall, line.published.support)
        for line in found.classes
    ]
    assert paper == [
        ("notumor", 1.0, 405),
        ("glioma", 0.99, 300),
        ("meningioma", 0.99, 306),
        ("pituitary", 1.0, 300),
    ]
    assert [line.all.support for line in found.classes if line.all] == [80] * 4
    assert [line.clean.support for line in found.classes if line.clean] == [41, 69, 73, 76]


def test_without_its_network_the_best_finalist_stands_there(run: Run):
    found = tables_of(run)
    assert found.compared is not None
    assert found.compared.trial_id == "0010-ft"
    assert "No ResNet50V2 of this run" in Page(render_report(run, build_leaderboard(run))).text


def test_the_thirteen_backbones_are_ours_in_order_and_the_choice_is_marked(
    write: Callable[[FakeRun], Run],
):
    fake = with_resnet(tuned=False)
    fake.records.append(
        replace(
            fake.records[3], trial_id="v", backbone="VGG16", origin=Origin.PAPER, val_accuracy=0.99
        )
    )
    backbones = tables_of(write(fake)).backbones
    assert len(backbones) == 13
    assert [line.network for line in backbones[:2]] == ["VGG16", "ResNet50V2"]
    assert [line.network for line in backbones if line.published == "chosen"] == ["ResNet50V2"]


def test_screened_backbones_are_shown_by_their_probes(write: Callable[[FakeRun], Run]):
    fake = fake_run()
    fake.records += screen_records(both_ways=True)
    lines = tables_of(write(fake)).backbones
    probes = [line.probe for line in lines if line.probe]
    assert len(probes) == 13
    assert {probe.preprocessing for probe in probes} == {"native"}


def test_synthetic_images_random_weights_and_other_classes_are_marked(
    write: Callable[[FakeRun], Run], run: Run
):
    told = " ".join(tables_of(run).warnings)
    assert "computed phantoms" in told
    assert "random weights" in told
    fake = with_resnet()
    fake.info["synthetic"] = False
    fake.info["data"]["classes"] = ["cat", "dog"]
    fake.records = [
        replace(one, synthetic=False, weights="imagenet" if one.backbone else "none")
        for one in fake.records
    ]
    assert tables_of(write_again(fake, run)).warnings == (
        "This run has other classes than the papers: no figure here compares with theirs.",
    )


def write_again(fake: FakeRun, run: Run) -> Run:
    fake.finalists, fake.answers = [], False
    return read_run(fake.write(run.path.parent / "again"))


def test_reasons_name_data_protocol_leaks_size_and_chance(run: Run):
    told = " ".join(tables_of(run).reasons)
    for word in (
        *("7,023 images", "recognised as test ellipses", "89 and 93 were not chosen on validation"),
        *("259 clean ones of 320", "150 px; here they had 64 px, for up to 12 epochs"),
        *("contradict each other", "another seed"),
    ):
        assert word in told, word


def test_unknown_images_are_counted_beside_the_papers(write: Callable[[FakeRun], Run]):
    fake = fake_run()
    assert fake.audit is not None
    fake.audit["known_set"] = None
    told = " ".join(tables_of(write(fake)).reasons)
    assert "not known to be that set: 1,200 and 320 of them" in told


def test_before_the_test_nothing_stands_beside_the_classes(write: Callable[[FakeRun], Run]):
    fake = fake_run()
    fake.finalists = []
    found = tables_of(write(fake))
    assert found.compared is None
    assert all(line.all is line.clean is None for line in found.classes)
    assert "clean images were not told apart, or not tested yet" in " ".join(found.reasons)


def test_other_classes_without_a_papers_row_have_no_tables(write: Callable[[FakeRun], Run]):
    fake = fake_run()
    fake.records = [one for one in fake.records if one.origin is not Origin.PAPER]
    fake.finalists = []
    fake.info["data"]["classes"] = ["cat", "dog"]
    run = write(fake)
    assert paper_tables(run, build_leaderboard(run)) is None
    assert 'id="papers"' not in render_report(run, build_leaderboard(run))


def test_the_papers_classes_alone_bring_the_tables(write: Callable[[FakeRun], Run]):
    fake = fake_run()
    fake.records = [one for one in fake.records if one.origin is not Origin.PAPER]
    fake.finalists = []
    text = Page(render_report(run := write(fake), build_leaderboard(run))).text
    assert "Mini-VGGNet about 89 92.87 (VGG16)" in text
    assert "not run here" in text
