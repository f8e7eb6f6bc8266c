"""The model card: what it claims follows from the run, and nothing else is claimed."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from fake_run import FakeRun, answered_run, fake_run
from page_reading import Page

from reports import (
    Run,
    Stage,
    build_leaderboard,
    read_run,
    render_markdown_report,
    render_report,
)
from reports.model_card import model_card
from reports.provenance import provenance


def card(run: Run) -> dict[str, str]:
    """Each part's words in one line."""
    return {
        part.title: " | ".join(
            (*part.sentences, *(": ".join(fact) for fact in (*part.facts, *part.commands)))
        )
        for part in model_card(run, build_leaderboard(run))
    }


def real(fake: FakeRun) -> FakeRun:
    """As if the images were scans, and the weights ImageNet's."""
    fake.info["synthetic"] = False
    fake.records = [
        replace(one, synthetic=False, weights="imagenet" if one.backbone else "none")
        for one in fake.records
    ]
    return fake


def test_the_card_has_its_parts_in_the_page_and_in_markdown(run: Run):
    parts = ["Intended use", "Network", "Data", "Metrics", "Limits", "Run it again"]
    assert list(card(run)) == parts
    rows = build_leaderboard(run)
    page, markdown = Page(render_report(run, rows)).text, render_markdown_report(run, rows)
    for text in (page, markdown):
        at = [text.rindex(part) for part in ("Model card", *parts)]
        assert at == sorted(at)
        assert "Not a medical device" in text[at[0] :]


def test_it_says_what_it_is_and_what_limits_it(write: Callable[[FakeRun], Run]):
    told = card(write(answered_run()))
    assert "4 classes: glioma, meningioma, notumor, pituitary" in told["Intended use"]
    assert "names one of its classes for every image" in told["Intended use"]
    assert "Fine-tuning trained the top block of trial 0010" in told["Network"]
    assert "weights: 1,100,000" in told["Network"]
    assert "test: 320 images: glioma 80" in told["Data"]
    assert "Test accuracy, clean images: 96.9 %" in told["Metrics"]
    assert "expected calibration error" in told["Metrics"]
    assert "2 of 240 on all test images (0.2\N{EN DASH}3.0 %); 2 of 218 on clean" in told["Limits"]
    assert "61 of 320 test images have a twin" in told["Limits"]
    assert "320 images. With that many, the accuracy of 97.5 %" in told["Limits"]
    assert "neurosweep rerun" in told["Run it again"]
    assert "neurosweep search demo.yaml" in told["Run it again"]
    assert "seed of the model: 1010" in told["Run it again"]


def test_synthetic_images_and_random_weights_are_limits(write: Callable[[FakeRun], Run]):
    fake = fake_run()
    fake.records[3] = replace(fake.records[3], val_accuracy=1.0)
    told = card(write(fake))
    assert "computed phantoms, no scans of patients" in told["Data"]
    assert told["Limits"].startswith("Synthetic data")
    assert "The backbone had random weights" in told["Network"]
    assert "Random weights: the backbone was not pretrained" in told["Limits"]


def test_real_images_are_not_called_synthetic(write: Callable[[FakeRun], Run]):
    told = " ".join(card(write(real(fake_run()))).values())
    assert "ynthetic" not in told
    assert "andom weights" not in told
    assert "Which images are of one patient was not told" in told


def test_images_without_a_negative_class_have_no_tumours(write: Callable[[FakeRun], Run]):
    fake = real(fake_run())
    fake.classes, fake.negative_class = ("cat", "dog", "fish", "owl"), None
    fake.info["data"]["classes"] = list(fake.classes)
    fake.audit = None
    told = " ".join(card(write(fake)).values()).lower()
    assert "tumour" not in told
    assert "missed" not in told
    assert "medical device" in told


def test_another_negative_class_has_positives_and_no_tumours(write: Callable[[FakeRun], Run]):
    fake = real(fake_run())
    fake.classes, fake.negative_class = ("covid", "flu", "healthy", "other"), "healthy"
    fake.info["data"]["classes"] = list(fake.classes)
    fake.audit = None
    told = card(write(fake))["Limits"]
    assert "Missed positives, which were called “healthy”" in told
    assert "tumour" not in told.lower()


def test_clean_and_unknown_leaks_are_told_apart(write: Callable[[FakeRun], Run]):
    fake = fake_run()
    fake.twins = False
    assert "Known leaks: none; no twin of the 320 test images" in card(write(fake))["Limits"]


def test_an_untested_winner_claims_nothing(write: Callable[[FakeRun], Run]):
    fake = fake_run()
    fake.finalists = []
    fake.info["state"] = "interrupted"
    told = card(write(fake))
    assert "was not shown the test set" in told["Metrics"]
    assert "Test accuracy: not measured" in told["Metrics"]
    assert "calibration" not in told["Metrics"]
    assert "not measured on the test set" in told["Limits"]
    assert "state is “interrupted”" in told["Limits"]
    assert "Missed" not in told["Limits"]


def test_a_second_opening_and_an_absent_class_are_limits(write: Callable[[FakeRun], Run]):
    fake = fake_run()
    fake.info["test_openings"] = ["2024-05-06T07:17:09+00:00", "2024-05-07T09:30:00+02:00"]
    run = write(fake)
    assert "The test set was opened 2 times" in card(run)["Limits"]
    assert "may have had a part in what was tried after that" in card(run)["Metrics"]
    assert "no choice" not in card(run)["Metrics"]
    assert "no part in any choice" not in card(run)["Metrics"]
    path = run.path / "evaluation.json"
    content = json.loads(path.read_text())
    finalist = content["finalists"][0]
    finalist["confusion"][0] = [0, 0, 0, 0]
    finalist["missed_positives"] = finalist["confusion_clean"] = None
    finalist["test_accuracy_clean"] = finalist["missed_positives_clean"] = None
    content["finalists"], content["test_images"] = [finalist], 240
    path.write_text(json.dumps(content))
    run = read_run(run.path)
    assert "No test image at all of glioma" in card(run)["Limits"]


def test_an_ensemble_is_no_single_network(write: Callable[[FakeRun], Run]):
    fake = fake_run()
    best = replace(fake.records[-1], trial_id="ensemble", stage=Stage.ENSEMBLE, val_accuracy=1.0)
    fake.records.append(best)
    fake.info["experiment"]["final"] = {"ensemble": True}
    told = card(write(fake))["Network"]
    assert told.startswith("An ensemble: several networks answer")
    assert "from random ones" not in told


def test_the_versions_are_those_of_the_sitting_that_trained_the_winner(
    write: Callable[[FakeRun], Run],
):
    fake = fake_run()
    later = {"neurosweep": "9.9.9", "python": "3.99", "tensorflow": "9.0", "keras": "9.1"}
    fake.info["resumed_with"] = [{"began": fake.records[-1].started_at, "versions": later}]
    told = card(write(fake))["Run it again"]
    assert "neurosweep: 9.9.9" in told
    assert "python: 3.99" in told
    assert "0.0.0" not in told


def test_without_a_winner_there_is_no_card(write: Callable[[FakeRun], Run]):
    run = write(FakeRun(info={"schema_version": 2, "state": "preparing"}))
    assert model_card(run, []) == ()
    assert "There is no winner yet to write a card for." in Page(render_report(run, [])).text
    assert "Model card" not in render_markdown_report(run, [])


@pytest.mark.parametrize(
    "name",
    ["command", "versions.python", "versions.tensorflow", "hardware.cpus", "data.fingerprint"],
)
def test_where_a_run_comes_from_is_told_in_full(run: Run, name: str):
    told = dict(provenance(run))
    assert told[name]
    assert told["experiment.search.seed"] == "0"
