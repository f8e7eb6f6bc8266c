"""From images to a leaderboard, a winner, a rerun and predictions, by the commands a user calls."""

import csv
import io
import json
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from reports import load_leaderboard

pytestmark = pytest.mark.timeout(600)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_search_ends_with_ten_rows_the_files_and_the_run_directory(finished):
    printed = finished.stdout.splitlines()
    assert printed[-1] == str(finished.path)
    assert f"leaderboard  {finished.path / 'leaderboard.parquet'}" in printed
    assert "val acc" in finished.stdout
    for name in ("leaderboard.parquet", "report.html", "study.journal", "split.parquet"):
        assert (finished.path / name).stat().st_size > 0
    assert {path.name for path in (finished.path / "winner").iterdir()} == {
        "model.keras",
        "config.yaml",
        "labels.json",
        "architecture.json",
    }


def test_all_trials_are_recorded_and_none_is_left_running(finished):
    records = lines(finished.path / "trials.jsonl")
    searched = [record for record in records if record["stage"] == "search"]
    assert len(searched) == 6
    assert {record["status"] for record in searched} <= {"completed", "pruned"}, searched
    assert "completed" in {record["status"] for record in searched}
    screened = [record for record in records if record["stage"] == "screen"]
    assert [record["trial_id"] for record in screened] == ["screen-MobileNetV2"]
    for record in records:
        if record in screened or record["stage"] == "ensemble":
            continue  # a probe has no epochs, nor has a mean
        epochs = lines(finished.path / "trials" / record["trial_id"] / "epochs.jsonl")
        assert len(epochs) == record["epochs"]
        assert [epoch["epoch"] for epoch in epochs] == list(range(1, record["epochs"] + 1))


def test_optuna_learned_what_happened(finished):
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    storage = JournalStorage(JournalFileBackend(str(finished.path / "study.journal")))
    study = optuna.load_study(study_name="search", storage=storage)
    states = {f"t{trial.number:04d}": trial.state.name for trial in study.trials}
    told = {"completed": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}
    for record in lines(finished.path / "trials.jsonl"):
        if record["stage"] == "search":
            assert states.pop(record["trial_id"]) == told[record["status"]]
    assert not states


def test_recorded_accuracies_are_those_of_the_saved_predictions(finished):
    split = pq.read_table(finished.path / "split.parquet").to_pylist()
    classes = json.loads((finished.path / "winner" / "labels.json").read_text())
    truth = [classes.index(row["label"]) for row in split if row["part"] == "validation"]
    checked = 0
    for record in lines(finished.path / "trials.jsonl"):
        saved = finished.path / "trials" / record["trial_id"] / "validation.npy"
        if record["status"] == "completed" and record["stage"] != "screen":
            right = np.load(saved).argmax(axis=1) == truth
            assert record["val_accuracy"] == right.mean()
            assert sum(one["support"] for one in record["val_classes"].values()) == len(truth)
            assert 0 <= record["val_calibration_error"] <= 1
            assert record["temperature"] > 0
            assert record["node"]
            checked += 1
    assert checked


def test_the_predictions_say_which_rows_tie_and_what_choosing_did(finished):
    kept = json.loads((finished.path / "statistics.json").read_text())
    rows = pq.read_table(finished.path / "leaderboard.parquet").to_pylist()
    ranked = [row for row in rows if row["rank"] is not None]
    assert kept["tie_groups"] == {row["trial_id"]: row["tie_group"] for row in ranked}
    assert ranked[0]["tie_group"] == 1
    assert kept["choice"]["trials"] == len(ranked)
    assert ranked[0]["val_accuracy_corrected"] == kept["choice"]["estimate"]
    assert kept["why"] == []


def test_the_leaderboard_says_more_than_accuracy(finished):
    rows = pq.read_table(finished.path / "leaderboard.parquet").to_pylist()
    tested = [row for row in rows if row["test_accuracy"] is not None]
    assert tested
    for row in tested:
        assert row["test_accuracy_low"] < row["test_accuracy"] < row["test_accuracy_high"] or (
            row["test_accuracy"] in (0, 1)
        )
        assert 0 <= row["test_macro_f1"] <= 1
        assert 0 <= row["test_roc_auc"] <= 1
        assert row["test_calibration_error_scaled"] is not None
        assert 0 < row["latency_ms"] <= row["latency_p95_ms"]
        assert 0 < row["latency_32_ms"] <= row["latency_32_p95_ms"]
        assert row["latency_device"].endswith("1 thread")
    for row in rows:
        kept = (finished.path / "trials" / row["trial_id"] / "weights.npz").exists()
        assert (row["weights_place"] is not None) == kept
        assert "+" in row["code_version"]
        assert json.loads(row["library_versions"])["tensorflow"]
    # Written last of all that it is made of, so that the command need read nothing else.
    sources = ("run.yaml", "split.parquet", "trials.jsonl", "evaluation.json")
    newest = max((finished.path / name).stat().st_mtime_ns for name in sources)
    assert (finished.path / "leaderboard.parquet").stat().st_mtime_ns >= newest


def test_the_test_set_was_opened_once_for_the_finalists_only(finished):
    info = yaml.safe_load((finished.path / "run.yaml").read_text())
    assert len(info["test_openings"]) == 1
    evaluated = json.loads((finished.path / "evaluation.json").read_text())["finalists"]
    tested = {path.parent.name for path in finished.path.glob("trials/*/test.npy")}
    assert {one["trial_id"] for one in evaluated} == tested
    assert sum("-ft" in name for name in tested) == 1  # the best of the ways of fine-tuning


def test_the_winner_was_not_made_worse_by_fine_tuning(finished):
    records = {record["trial_id"]: record for record in lines(finished.path / "trials.jsonl")}
    tuned = [record for record in records.values() if record["stage"] == "fine_tune"]
    assert [one["trial_id"] for one in tuned] == [
        f"{tuned[0]['parent_id']}-ft{number}" for number in ("", 2, 3, 4)
    ]
    parent = records[tuned[0]["parent_id"]]
    scores = yaml.safe_load((finished.path / "winner" / "config.yaml").read_text())["scores"]
    assert scores["val_accuracy"] >= parent["val_accuracy"]
    best = min(
        [parent, *tuned],
        key=lambda one: (-one["val_accuracy"], one["val_loss"], one["trial_id"]),
    )
    assert scores["trial_id"] == best["trial_id"]
    kept = [one for one in tuned if not one["stop_reason"].endswith("not kept")]
    assert bool(kept) == (best is not parent)


def test_run_yaml_tells_how_the_figures_came_about(finished):
    info = yaml.safe_load((finished.path / "run.yaml").read_text())
    assert info["state"] == "finished"
    assert set(info["stages"]) == {
        "prepare",
        "measure",
        "screen",
        "search",
        "fine_tune",
        "ensemble",
        "evaluate",
        "explain",
        "publish",
    }
    assert info["versions"]["ray"]
    assert info["runtime"]["threads"] == 1
    assert all(each["images_per_second"] for each in info["measured"]["families"].values())
    assert info["command"][0] == "neurosweep"


def test_the_leaderboard_command_is_quick_and_speaks_json_alone(finished, neurosweep):
    began = time.monotonic()
    table = neurosweep("leaderboard", finished.path)
    seconds = time.monotonic() - began
    assert table.returncode == 0
    assert max(map(len, table.stdout.splitlines())) <= 80
    rows = json.loads(neurosweep("leaderboard", finished.path, "--format", "json").stdout)
    assert rows[0]["rank"] == 1
    assert rows[0]["test_accuracy"] is not None
    # Under a second on an idle machine; tests share it with others.
    assert seconds < 4


def test_rows_can_be_chosen_sorted_and_written_in_other_formats(finished, neurosweep):
    text = neurosweep(
        "leaderboard",
        finished.path,
        *("--family", "plain_cnn", "--sort", "seconds", "--format", "csv"),
        *("--columns", "trial_id,family,seconds", "--where", "epochs >= 1"),
    ).stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert rows
    assert set(rows[0]) == {"trial_id", "family", "seconds"}
    assert {row["family"] for row in rows} == {"plain_cnn"}
    wrong = neurosweep("leaderboard", finished.path, "--sort", "val_acuracy")
    assert wrong.returncode == 2
    assert "val_accuracy" in wrong.stderr


def test_random_weights_are_labelled(finished, neurosweep):
    records = lines(finished.path / "trials.jsonl")
    if not any(record["family"] == "transfer" for record in records):
        pytest.fail("the seed of the end-to-end experiment must draw a transfer trial")
    page = (finished.path / "report.html").read_text().lower()
    assert "random weights" in page
    assert "random" in neurosweep("leaderboard", finished.path).stdout.lower()


@pytest.mark.parametrize("which", [[], ["--rank", "2"]])
def test_a_row_trained_again_is_equal_to_the_digit(finished, neurosweep, which):
    done = neurosweep("rerun", finished.path, *which)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith(": equal"), done.stdout


def test_a_pruned_row_can_be_trained_again(finished, neurosweep):
    pruned = [r for r in lines(finished.path / "trials.jsonl") if r["status"] == "pruned"]
    assert pruned, "the seed of the end-to-end experiment must have a pruned trial"
    done = neurosweep("rerun", finished.path, "--trial", pruned[0]["trial_id"])
    assert done.stdout.splitlines()[-1].endswith(": equal"), done.stdout + done.stderr


def test_a_winners_configuration_trains_again_from_its_file(finished, neurosweep, tmp_path):
    config = finished.path / "winner" / "config.yaml"
    out = tmp_path / "again"
    done = neurosweep("rerun", config, "--data", finished.data, "--output", out)
    assert done.returncode == 0, done.stderr
    assert ": equal" in done.stdout
    assert (out / "model.keras").exists()
    missing = neurosweep("rerun", config)
    assert missing.returncode == 2
    assert "--data DIR" in missing.stderr


def test_ranks_and_trials_that_are_not_there(finished, neurosweep):
    beyond = neurosweep("rerun", finished.path, "--rank", "99")
    assert beyond.returncode == 2
    assert "ranks 1 to" in beyond.stderr
    unknown = neurosweep("rerun", finished.path, "--trial", "t9999")
    assert unknown.returncode == 2
    assert "no trial 't9999'" in unknown.stderr


def test_other_data_are_refused_unless_allowed(finished, neurosweep, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(finished.data, other)
    next(other.rglob("glioma-0.png")).unlink()
    refused = neurosweep("rerun", finished.path, "--rank", "2", "--data", other)
    assert refused.returncode == 2
    assert "--allow-other-data" in refused.stderr
    allowed = neurosweep(
        "rerun", finished.path, "--rank", "2", "--data", other, "--allow-other-data"
    )
    assert allowed.returncode == 0, allowed.stderr
    assert "validation accuracy" in allowed.stdout


def test_predictions_name_class_and_probabilities(finished, neurosweep):
    folder = finished.data / "Testing" / "glioma"
    rows = json.loads(neurosweep("predict", finished.path, folder, "--format", "json").stdout)
    assert len(rows) == 20
    for row in rows:
        shares = {name: row[name] for name in ("glioma", "meningioma", "notumor", "pituitary")}
        assert sum(shares.values()) == pytest.approx(1.0, abs=1e-5)
        assert row["class"] == max(shares, key=shares.__getitem__)
    single = neurosweep("predict", finished.path, folder / "glioma-0.png")
    assert "glioma-0.png" in single.stdout


def test_the_winners_errors_are_those_of_its_saved_answers(finished):
    told = json.loads((finished.path / "explanations" / "explanations.json").read_text())
    winner = yaml.safe_load((finished.path / "winner" / "config.yaml").read_text())["scores"]
    assert told["trial_id"] == winner["trial_id"]
    saved = np.load(finished.path / "trials" / winner["trial_id"] / "test.npy")
    split = pq.read_table(finished.path / "split.parquet").to_pylist()
    tested = [row for row in split if row["part"] == "test"]
    said = [told["classes"][at] for at in saved.argmax(axis=1)]
    wrong = {row["file"] for row, of in zip(tested, said, strict=True) if row["label"] != of}
    assert told["wrong"] == len(wrong)
    assert {one["file"] for one in told["misclassified"]} <= wrong
    assert len(told["misclassified"]) == min(60, len(wrong))
    assert told["grad_cam"]["images"]
    assert all((finished.path / one["map"]).is_file() for one in told["grad_cam"]["images"])
    page = (finished.path / "report.html").read_text()
    assert 'alt="Grad-CAM for ' in page
    assert "Explanations were not made" not in page


def test_predictions_of_files_are_those_of_the_test_set(finished, neurosweep, tmp_path):
    winner = yaml.safe_load((finished.path / "winner" / "config.yaml").read_text())["scores"]
    saved = np.load(finished.path / "trials" / winner["trial_id"] / "test.npy")
    split = pq.read_table(finished.path / "split.parquet").to_pylist()
    files = [finished.data / row["file"] for row in split if row["part"] == "test"]
    out = tmp_path / "predictions.parquet"
    done = neurosweep("predict", finished.path, *files, "--format", "parquet", "--output", out)
    assert done.returncode == 0, done.stderr
    rows = pq.read_table(out).to_pylist()
    classes = json.loads((finished.path / "winner" / "labels.json").read_text())
    predicted = np.array([[row[name] for name in classes] for row in rows])
    np.testing.assert_allclose(predicted, saved, atol=1e-4)


def test_a_file_that_is_no_image_is_named(finished, neurosweep, tmp_path):
    note = tmp_path / "note.jpg"
    note.write_text("not a picture")
    done = neurosweep("predict", finished.path, note)
    assert done.returncode == 2
    assert "note.jpg" in done.stderr


def test_the_winner_loads_in_plain_keras_in_safe_mode_without_this_program(finished, tmp_path):
    code = (
        "import sys, numpy, keras\n"
        "model = keras.saving.load_model(sys.argv[1], safe_mode=True)\n"
        "shares = model.predict(numpy.zeros((2, 61, 47, 3), 'uint8'), verbose=0)\n"
        "assert shares.shape == (2, 4) and abs(shares.sum() - 2) < 1e-4\n"
        "assert not {'search', 'spaces', 'scans', 'trainables'} & set(sys.modules)\n"
    )
    model = finished.path / "winner" / "model.keras"
    subprocess.run([sys.executable, "-P", "-c", code, model], check=True, cwd=tmp_path)


def test_the_report_is_drawn_again_without_data_or_tensorflow(finished, neurosweep):
    html = neurosweep("report", finished.path)
    assert html.stdout.strip() == str(finished.path / "report.html")
    markdown = neurosweep("report", finished.path, "--format", "markdown")
    assert (finished.path / "report.md").read_text().startswith("#"), markdown.stderr


def test_a_finished_run_is_not_written_over(finished, neurosweep):
    done = neurosweep("search", "experiment.yaml", "--output", finished.path)
    assert done.returncode == 2
    assert "continue it with --resume" in done.stderr


def test_a_finished_run_goes_on_with_a_larger_number_of_trials(
    finished, neurosweep, tmp_path, environment
):
    copy = tmp_path / "copy"
    shutil.copytree(finished.path, copy)
    done = neurosweep("search", "--resume", "--output", copy, "--trials", "8", "--quiet")
    assert done.returncode == 0, done.stderr
    names = [r["trial_id"] for r in lines(copy / "trials.jsonl") if r["stage"] == "search"]
    assert sorted(names) == [f"t{number:04d}" for number in range(8)]


def with_folds(run, count):
    """Makes a finished run one that asked for folds and was ended before it came to them."""
    info = yaml.safe_load((run / "run.yaml").read_text())
    info["experiment"]["data"]["folds"] = count
    (run / "run.yaml").write_text(yaml.safe_dump(info, sort_keys=False))
    split = pq.read_table(run / "split.parquet")
    learned = [part in ("train", "validation") for part in split["part"].to_pylist()]
    folds = [number % count if wanted else None for number, wanted in enumerate(learned)]
    kept = [name for name in split.column_names if name != "fold"]
    split = split.select(kept).append_column("fold", pa.array(folds, pa.int8()))
    pq.write_table(split, run / "split.parquet")
    return folds


def with_shy_finalists(run):
    """Makes a finished run one whose finalists are unsure, each of other validation images.

    So they do better together; the experiment lets their ensemble win.
    """
    info = yaml.safe_load((run / "run.yaml").read_text())
    info["experiment"]["final"]["ensemble"] = True
    info.pop("ensemble")
    (run / "run.yaml").write_text(yaml.safe_dump(info, sort_keys=False))
    for number, path in enumerate(sorted(run.glob("trials/*/weights.npz"))):
        said = np.load(path.with_name("validation.npy"))
        images, classes = said.shape
        sure = np.where(np.arange(images) % 2 == number % 2, 0.95, 0.6)[:, None]
        called = np.eye(classes)[said.argmax(axis=1)] == 1
        unsure = np.where(called, sure, (1 - sure) / (classes - 1)).astype(np.float32)
        np.save(path.with_name("validation.npy"), unsure)
    records = [r for r in lines(run / "trials.jsonl") if r["stage"] != "ensemble"]
    for record in records:
        record["val_loss"] = record["val_loss"] and record["val_loss"] + 1
    (run / "trials.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


@dataclass(frozen=True)
class WentOn:
    """A copy of the finished run that went on, with two folds, two seeds and unsure finalists."""

    path: Path
    folds: list[int | None]
    stdout: str


@pytest.fixture(scope="module")
def went_on(finished, neurosweep, tmp_path_factory):
    copy = tmp_path_factory.mktemp("went-on") / "copy"
    shutil.copytree(finished.path, copy)
    folds = with_folds(copy, 2)
    with_shy_finalists(copy)
    done = neurosweep("search", "--resume", "--output", copy, "--set", "final.repeats=2")
    assert done.returncode == 0, done.stderr
    return WentOn(copy, folds, done.stdout)


def test_finalists_are_trained_on_each_fold_before_the_test_set_is_thought_of(went_on):
    copy, folds = went_on.path, went_on.folds
    tested = json.loads((copy / "evaluation.json").read_text())["finalists"]
    tested = [one for one in tested if not one["trial_id"].startswith("e")]
    crossed = json.loads((copy / "cross_validation.json").read_text())
    assert (crossed["folds"], crossed["images"]) == (2, 240)
    assert [row["trial_id"] for row in crossed["finalists"]] == [one["trial_id"] for one in tested]
    for row in crossed["finalists"]:
        assert row["done"] == [0, 1], went_on.stdout
        for fold, accuracy in enumerate(row["accuracies"]):
            right = accuracy * folds.count(fold)
            assert right == pytest.approx(round(right))
    assert f"{2 * len(tested)} of {2 * len(tested)} rounds measured" in went_on.stdout
    info = yaml.safe_load((copy / "run.yaml").read_text())
    assert info["stages"]["cross_validate"] > 0


def test_finalists_are_trained_with_another_seed_and_make_no_rows(went_on, finished):
    copy = went_on.path
    crossed = json.loads((copy / "cross_validation.json").read_text())["finalists"]
    repeated = json.loads((copy / "repeats.json").read_text())
    assert repeated["repeats"] == 2
    names = {one["trial_id"] for one in crossed}
    found = {one["trial_id"]: one for one in repeated["finalists"]}
    assert found.keys() == names, went_on.stdout
    rows = {row.trial_id: row for row in load_leaderboard(copy)}
    for name, one in found.items():
        row = rows[name]
        assert len(one["seeds"]) == 1
        assert row.seed not in one["seeds"]
        assert row.repeats == 2
        assert row.val_accuracy_mean == pytest.approx((row.val_accuracy + one["accuracies"][0]) / 2)
    assert {row.repeats for name, row in rows.items() if name not in names} == {None}
    before = {record["trial_id"] for record in lines(finished.path / "trials.jsonl")}
    assert {name for name in rows if not name.startswith("e")} <= before
    info = yaml.safe_load((copy / "run.yaml").read_text())
    assert info["stages"]["repeat"] > 0
    assert "% over 2 seeds" in (copy / "report.html").read_text()


def test_an_ensemble_that_is_first_is_the_winner(went_on):
    copy = went_on.path
    config = yaml.safe_load((copy / "winner" / "config.yaml").read_text())
    rows = load_leaderboard(copy)
    assert (rows[0].rank, rows[0].stage) == (1, "ensemble"), went_on.stdout
    assert config["scores"]["trial_id"] == rows[0].trial_id
    assert len(config["ensemble"]) == rows[0].hyperparameters["ensemble/members"] >= 2
    said = [
        one["weight"] * np.load(copy / "trials" / one["trial_id"] / "test.npy")
        for one in config["ensemble"]
    ]
    together = np.load(copy / "trials" / rows[0].trial_id / "test.npy")
    np.testing.assert_allclose(together, sum(said), atol=1e-6)
    members = {one["trial_id"] for one in config["ensemble"]}
    parts = [row.parameters for row in rows if row.trial_id in members]
    assert rows[0].parameters == sum(parts)
    assert rows[0].latency_ms > 0
    # It came about after the first opening, and its members had been looked at.
    assert len(yaml.safe_load((copy / "run.yaml").read_text())["test_openings"]) == 1


def test_an_ensemble_predicts_what_it_said_of_the_test_set_and_trained_again_the_same(
    went_on, finished, neurosweep, tmp_path
):
    copy, again = tmp_path / "copy", tmp_path / "again"
    shutil.copytree(went_on.path, copy)
    row = load_leaderboard(copy)[0]
    name, members = row.trial_id, row.hyperparameters["ensemble/members"]
    split = pq.read_table(copy / "split.parquet").to_pylist()
    files = [finished.data / row["file"] for row in split if row["part"] == "test"]
    config = copy / "winner" / "config.yaml"
    done = neurosweep("rerun", config, "--data", finished.data, "--output", again)
    assert done.returncode == 0, done.stderr
    assert f"(member 2 of {members} of {name}, weight " in done.stdout
    assert "on the images that its weights were chosen on" in done.stdout
    for winner in ("winner", again):
        if winner == again:
            shutil.rmtree(copy / "winner")
            again.rename(copy / "winner")
        out = tmp_path / "predictions.parquet"
        told = neurosweep("predict", copy, *files, "--format", "parquet", "--output", out)
        assert told.returncode == 0, told.stderr
        classes = json.loads((copy / "winner" / "labels.json").read_text())
        rows = pq.read_table(out).to_pylist()
        predicted = np.array([[row[one] for one in classes] for row in rows])
        saved = np.load(copy / "trials" / name / "test.npy")
        np.testing.assert_allclose(predicted, saved, atol=1e-4)


def test_an_ensembles_row_is_trained_again_member_by_member(went_on, neurosweep):
    done = neurosweep("rerun", went_on.path, "--rank", "1")
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stdout.splitlines() if line.startswith("training ")]
    row = load_leaderboard(went_on.path)[0]
    assert len(told) == row.hyperparameters["ensemble/members"]
    assert done.stdout.splitlines()[-1].endswith(": equal"), done.stdout
