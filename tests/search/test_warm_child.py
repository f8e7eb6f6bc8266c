"""The real child process: warm over trials, outliving failures, replaced when it is lost."""

import os
import signal
from dataclasses import replace
from unittest.mock import ANY

import numpy as np
import pyarrow as pa
import pytest
from doubles import CLASSES, plan
from PIL import Image

import scans
from neurosweep.errors import WorkerLostError
from search.studies.study import Suggestion
from search.workers.child import CONTINUE, STOP
from search.workers.warm_child import WarmChild
from trainables import FineTune, Runtime

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    rows = []
    for label in CLASSES:
        (root / label).mkdir()
        for number in range(10):
            name = f"{label}/{number}.png"
            Image.fromarray(rng.integers(0, 255, (32, 32), np.uint8)).save(root / name)
            part = "train" if number < 6 else "validation" if number < 8 else "test"
            rows.append({"file": name, "label": label, "part": part, "group": len(rows)})
    rows.sort(key=lambda row: (row["part"], row["file"]))
    return scans.Source(
        root=root,
        split=pa.Table.from_pylist(rows),
        classes=CLASSES,
        fingerprint="test",
        synthetic=True,
        cache=tmp_path_factory.mktemp("cache"),
    )


@pytest.fixture(scope="module")
def recipe():
    configuration = {
        "family": "plain_cnn",
        "plain_cnn/blocks": 3,
        "plain_cnn/fc_layers": 1,
        "plain_cnn/fc_width_1": 64,
        "plain_cnn/dropout": 0.0,
        "training/optimizer": "adam",
        "training/learning_rate": 1e-3,
        "training/schedule": "constant",
        "training/batch_size": 16,
        "training/weight_decay": 0.0,
        "training/label_smoothing": 0.0,
        "training/augmentation": False,
        "training/patience": 50,
    }
    for step in (1, 2, 3):
        configuration |= {
            f"plain_cnn/filters_{step}": 16,
            f"plain_cnn/kernel_{step}": 3,
            f"plain_cnn/stride_{step}": 1,
            f"plain_cnn/pool_{step}": "max",
        }
    return plan().recipe(
        Suggestion(number=0, configuration=configuration, origin="sampler", note="")
    )


@pytest.fixture
def child():
    warm = WarmChild(Runtime(threads=1))
    yield warm
    warm.close()


def to_the_end(child, answer=CONTINUE, *, first=False):
    epochs = []
    if first:
        child.answer(answer)
    while True:
        kind, content = child.next_message()
        if kind != "epoch":
            return kind, content, epochs
        epochs.append(content)
        child.answer(answer)


def test_one_process_serves_trial_after_trial(child, recipe, source):
    child.begin("fit", {"recipe": recipe, "source": source})
    kind, first, epochs = to_the_end(child)
    assert (kind, first.epochs, len(epochs)) == ("done", 5, 5)
    process = child.pid

    child.begin("fit", {"recipe": recipe, "source": source})
    assert child.next_message()[0] == "epoch"
    child.drop()  # the scheduler had enough of it
    assert child.pid == process

    child.begin("fit", {"recipe": recipe, "source": source})
    kind, stopped, _ = to_the_end(child, answer=STOP)
    assert (kind, stopped.stop_reason, stopped.epochs) == ("done", "stopped", 1)

    child.begin("fit", {"recipe": recipe, "source": None})
    kind, failure, _ = to_the_end(child)
    assert kind == "failed"
    assert "Traceback" in failure["traceback"]

    child.begin("fit", {"recipe": recipe, "source": source})
    _, again, _ = to_the_end(child)
    assert child.pid == process
    np.testing.assert_array_equal(again.validation_probabilities, first.validation_probabilities)


def test_a_killed_trial_goes_on_in_another_process_to_the_same_digits(child, recipe, source):
    child.begin("fit", {"recipe": recipe, "source": source, "keep_seconds": 0.0})
    kind, state = child.next_message()
    assert kind == "state"
    assert child.next_message()[0] == "epoch"
    first = child.pid
    child.answer(CONTINUE)
    os.kill(first, signal.SIGKILL)
    with pytest.raises(WorkerLostError):
        to_the_end(child)

    child.begin("fit", {"recipe": recipe, "source": source, "state": state})
    kind, gone_on, epochs = to_the_end(child)
    assert child.pid != first
    assert (kind, [each["epoch"] for each in epochs]) == ("done", [2, 3, 4, 5])
    child.begin("fit", {"recipe": recipe, "source": source})
    _, whole, _ = to_the_end(child)
    assert (gone_on.val_accuracy, gone_on.val_loss) == (whole.val_accuracy, whole.val_loss)
    for ours, theirs in zip(gone_on.weights, whole.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)

    child.begin("fit", {"recipe": recipe, "source": source, "keep_seconds": 0.0})
    assert child.next_message()[0] == "state"
    child.drop()  # with words on their way: an epoch was told meanwhile
    child.begin("fit", {"recipe": recipe, "source": source, "state": state[:-9]})
    kind, failure, _ = to_the_end(child)
    assert (kind, failure["kind"]) == ("failed", "StateError")


TIMES = dict.fromkeys(("seconds", "setup_seconds", "tracing_seconds"), ANY)


def test_a_round_of_folds_is_a_fit_on_its_folds_and_none_when_it_is_stopped(child, recipe, source):
    parts = source.split["part"].to_pylist()
    folds = [None if part == "test" else n % 2 for n, part in enumerate(parts)]
    folded = replace(source, split=source.split.append_column("fold", pa.array(folds, pa.int8())))
    divided = replace(folded, split=scans.fold_split(folded.split, 1))

    child.begin("fit", {"recipe": recipe, "source": divided})
    _, fitted, _ = to_the_end(child)
    payload = {"recipe": recipe, "source": folded, "fold": 1}
    child.begin("retrain", payload)
    kind, score, epochs = to_the_end(child)
    assert (kind, len(epochs)) == ("done", 5)
    assert (score["accuracy"], score["loss"]) == (fitted.val_accuracy, fitted.val_loss)
    assert score["seconds"] > 0

    tuned = replace(recipe, fine_tune=FineTune(epochs=2, patience=2))
    child.begin("retrain", {**payload, "recipe": tuned})
    kind, _, epochs = to_the_end(child)
    assert (kind, len(epochs)) == ("done", 7)

    child.begin("retrain", {**payload, "recipe": tuned})
    assert to_the_end(child, answer=STOP) == ("done", None, [epochs[0] | TIMES])


def test_a_training_with_another_seed_is_a_fit_of_that_recipe_on_the_runs_parts(
    child, recipe, source
):
    other = replace(recipe, seed=recipe.seed + 1)
    fits = []
    for one in (recipe, other):
        child.begin("fit", {"recipe": one, "source": source})
        fits.append(to_the_end(child)[1].val_loss)
    child.begin("retrain", {"recipe": other, "source": source, "fold": None})
    kind, score, _ = to_the_end(child)
    assert (kind, score["loss"]) == ("done", fits[1])
    assert fits[0] != fits[1]


def test_a_killed_process_is_an_error_and_the_next_trial_gets_a_new_one(child, recipe, source):
    child.begin("fit", {"recipe": recipe, "source": source})
    assert child.next_message()[0] == "epoch"
    killed = child.pid
    os.kill(killed, signal.SIGKILL)
    with pytest.raises(WorkerLostError, match=r"killed from outside \(SIGKILL\)"):
        to_the_end(child, answer=CONTINUE, first=True)
    child.begin("fit", {"recipe": recipe, "source": source})
    assert child.next_message()[0] == "epoch"
    assert child.pid != killed


def test_work_after_closing_is_refused(child):
    with pytest.raises(WorkerLostError, match="after it had been closed"):
        child.next_message()
