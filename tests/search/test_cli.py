"""Wrong use and bad input: a message that says what to do, and the right exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_weights import stage_small

from search.cli import main


@pytest.fixture
def folder(tmp_path):
    """A small valid data folder, one class of which can be taken away."""
    rng = np.random.default_rng(0)
    for part, count in (("Training", 6), ("Testing", 2)):
        for label in ("glioma", "notumor"):
            place = tmp_path / "data" / part / label
            place.mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 255, (32, 32), np.uint8)
                Image.fromarray(pixels).save(place / f"{number}.png")
    return tmp_path / "data"


def said(capsys) -> str:
    return capsys.readouterr().err


def search(*words) -> int:
    return main(["search", "--dry-run", *map(str, words)])


def test_no_such_data_folder(capsys, tmp_path):
    assert search("--data", tmp_path / "absent") == 2
    message = said(capsys)
    assert "The data folder must exist" in message
    assert str(tmp_path / "absent") in message


def test_a_wrong_data_folder_leaves_no_run_behind(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for words in (["--data", "absent"], ["--data", "it's absent"]):
        assert main(["search", *words, "--output", "run"]) == 2
    assert not (tmp_path / "run").exists()


def test_a_wrong_range_leaves_no_run_behind(capsys, tmp_path, folder, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wrong = "families={mini_resnet: {filters: {min: 64, max: 16}}}"
    assert main(["search", "--data", str(folder), "--output", "run", "--set", wrong]) == 2
    assert "filters" in said(capsys)
    assert not (tmp_path / "run").exists()


def test_a_run_to_learn_from_that_is_none_leaves_no_run_behind(
    capsys, tmp_path, folder, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    words = ["--data", str(folder), "--warm-start", "absent"]
    for more in (["--output", "run"], ["--dry-run"]):
        assert main(["search", *words, *more]) == 2
        message = said(capsys)
        assert "a run directory is a folder with a run.yaml in it" in message
        assert str(tmp_path / "absent") in message
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("weights", ["absent", "{tmp_path}", "file://{tmp_path}/store"])
def test_weights_that_are_not_there_leave_no_run_behind(
    capsys, tmp_path, folder, monkeypatch, weights
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEUROSWEEP_CACHE", str(tmp_path / "cache"))
    place = weights.format(tmp_path=tmp_path)
    told = f"families={{transfer: {{backbones: [VGG16], weights: '{place}'}}}}"
    assert main(["search", "--data", str(folder), "--output", "run", "--set", told]) == 2
    message = said(capsys)
    assert place in message
    assert "a folder of weight files" in message or "1 of 1 files are missing" in message
    assert not (tmp_path / "run").exists()


def test_a_folder_without_images(capsys, tmp_path):
    for part in ("Training", "Testing"):
        for label in ("glioma", "notumor"):
            (tmp_path / part / label).mkdir(parents=True)
    assert search("--data", tmp_path) == 2
    assert "must hold images" in said(capsys)


def test_one_class_only(capsys, folder):
    import shutil

    for part in ("Training", "Testing"):
        shutil.rmtree(folder / part / "notumor")
    assert search("--data", folder) == 2
    assert "two classes" in said(capsys).lower()


def test_classes_that_differ_between_the_parts(capsys, folder):
    (folder / "Testing" / "glioma").rename(folder / "Testing" / "pituitary")
    assert search("--data", folder) == 2
    message = said(capsys)
    assert "glioma" in message
    assert "pituitary" in message


def test_a_good_folder_is_described(capsys, folder):
    assert search("--data", folder) == 0
    shown = capsys.readouterr().out
    assert f"16 images in {folder} of glioma, notumor" in shown
    assert "RANDOM, as asked" in shown


def test_folds_and_leaks_are_described(capsys, folder):
    told = ["data.folds=5", "data.leaks=drop", "final.finalists=3", "families={plain_cnn: {}}"]
    assert search("--data", folder, *(word for one in told for word in ("--set", one))) == 0
    shown = capsys.readouterr().out
    assert "copies of test images are dropped from training" in shown
    assert "5: each of up to 4 finalists is trained 5 times more, up to 20 trainings" in shown
    assert "seeds        1 for each trial" in shown


@pytest.mark.parametrize(("fine_tune", "most"), [(True, 6), (False, 3)])
def test_backbones_to_be_fine_tuned_are_counted_among_the_finalists(
    capsys, folder, fine_tune, most
):
    told = [
        "final.repeats=2",
        "final.finalists=3",
        "final.fine_tune_backbones=[ResNet50, VGG16]",
        f"final.fine_tune={fine_tune}",
        "families={transfer: {weights: random, backbones: [ResNet50, VGG16]}}",
    ]
    assert search("--data", folder, *(word for one in told for word in ("--set", one))) == 0
    shown = capsys.readouterr().out
    assert f"each of up to {most} finalists is trained once more, up to {most} trainings" in shown


@pytest.mark.parametrize(("repeats", "often"), [(2, "once"), (3, "2 times")])
def test_further_seeds_are_described(capsys, folder, repeats, often):
    told = [f"final.repeats={repeats}", "final.finalists=3", "families={plain_cnn: {}}"]
    assert search("--data", folder, *(word for one in told for word in ("--set", one))) == 0
    shown = capsys.readouterr().out
    assert (
        f"seeds        {repeats}: each of up to 4 finalists is trained {often} more, up to "
        f"{4 * (repeats - 1)} trainings"
    ) in shown
    assert "folds        none: finalists are not cross-validated" in shown


def test_a_text_file_among_the_images_is_counted_and_named(capsys, folder):
    (folder / "Training" / "glioma" / "note.jpg").write_text("not a picture")
    assert search("--data", folder) == 0
    assert "1 unreadable left out" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["absent.yaml"], "there is no experiment file absent.yaml"),
        (["--set", "search.trails=3"], "search.trails: unknown key; did you mean `trials`?"),
        (["--set", "search.trials=many"], "search.trials: "),
        (["--set", "families.mini_resnet={filters: {min: 9, max: 3}}"], "filters"),
        (["--set", "families.mini_resnet={filtres: 9}"], "filtres"),
        (["--set", "families.transfer.backbones=[ResNet51]"], "ResNet51"),
        (["--time-budget", "soon"], "a duration is a number"),
        (["--trials", "0"], "search.trials: "),
    ],
)
def test_experiments_that_cannot_be(capsys, folder, words, message):
    assert search("--data", folder, *words) == 2
    assert message in said(capsys)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["serch"],
        ["search", "--workers", "two"],
        ["data"],
        ["weights"],
        ["weights", "stage"],
        ["weights", "stage", "DIR", "--backbones"],
    ],
)
def test_wrong_use_ends_with_usage_and_exit_code_two(capsys, words):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "usage: neurosweep" in said(capsys)


def test_help_and_version(capsys):
    for words in (["--help"], ["--version"], ["search", "--help"]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert "EXPERIMENT.yaml" in shown
    assert "put pretrained weights into a folder" in shown


@pytest.mark.parametrize(
    "words",
    [
        ["leaderboard", "absent"],
        ["report", "absent"],
        ["rerun", "absent"],
        ["predict", "absent", __file__],
        ["search", "--resume", "--output", "absent"],
    ],
)
def test_what_is_no_run_directory(capsys, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    assert "run directory" in said(capsys)


def test_resume_without_any_run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["search", "--resume"]) == 2
    assert "there is no run below" in said(capsys)


def test_resume_does_not_take_another_experiment(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["search", "other.yaml", "--resume"]) == 2
    assert "--resume goes on with the experiment that the run began with" in said(capsys)


def test_what_is_no_run_is_told_in_a_line_without_what_tensorflow_has_to_say(tmp_path):
    command = [sys.executable, "-m", "search", "search", "--resume", "--output", "absent"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("neurosweep: a run directory is a folder with a run.yaml in it")


def test_images_to_predict_must_exist(capsys, tmp_path):
    assert main(["predict", str(tmp_path), str(tmp_path / "absent.png")]) == 2
    assert "there is no image or folder" in said(capsys)
    assert main(["predict", str(tmp_path), str(tmp_path)]) == 2
    assert "no image in" in said(capsys)
    assert main(["predict", str(tmp_path), __file__, "--format", "parquet"]) == 2
    assert "name it with --output FILE" in said(capsys)


def test_spaces_as_json(capsys):
    assert main(["spaces", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["name"].partition("/")[0] for row in rows} == {
        "family",
        "plain_cnn",
        "mini_vgg",
        "mini_resnet",
        "transfer",
        "training",
    }


def test_spaces_of_one_family_as_a_table(capsys):
    assert main(["spaces", "--family", "mini_resnet"]) == 0
    shown = capsys.readouterr().out
    assert "mini_resnet/stem" in shown
    assert "plain_cnn/" not in shown


def test_data_that_cannot_be_fetched_can_be_got_by_hand(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["data", "fetch", str(tmp_path / "brain-mri")]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Kaggle could not be reached" in shown.err
    assert f"then `neurosweep audit {tmp_path / 'brain-mri'}`" in shown.err
    assert not (tmp_path / "brain-mri").exists()


def test_python_dash_m_search_is_the_same_program():
    done = subprocess.run(
        [sys.executable, "-m", "search", "--version"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.startswith("neurosweep ")


def test_wrong_use_is_reported_before_anything_heavy_is_loaded():
    code = (
        "import sys\nfrom search.cli import main\n"
        "code = main(['leaderboard', 'absent'])\n"
        "print(code, [m for m in ('ray', 'tensorflow', 'plotly', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "2 []"


def test_weights_are_carried_without_anything_heavy(tmp_path):
    stage_small(tmp_path / "source", "VGG16")
    words = ["weights", "stage", str(tmp_path / "staged"), "--from", str(tmp_path / "source")]
    code = (
        "import sys\nfrom search.cli import main\n"
        f"code = main({[*words, '--backbones', 'VGG16']!r})\n"
        "print(code, [m for m in ('ray', 'tensorflow', 'keras', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("", "13 backbones, the best 4 are explored; forward passes of up to {n} images through "
         "each: at most {passes13} in all"),
        (", keep: 2, copies: 3, backbones: [MobileNetV2, VGG16, VGG19]",
         "3 backbones, the best 2 are explored; forward passes of up to {n} images through each "
         "and 3 changed copies of each for the best 2: at most {passes9} in all"),
        (", screen_both: true, backbones: [VGG16]",
         "1 backbone under both preprocessings, the best 1 are explored; forward passes of up to "
         "{n} images through each: at most {passes2} in all"),
    ],
)  # fmt: skip
def test_a_dry_run_says_what_goes_through_which_backbone(capsys, folder, settings, told):
    families = f"families={{transfer: {{weights: random, image_size: 96{settings}}}}}"
    assert search("--data", folder, "--set", families) == 0
    images = len(list((folder / "Training").rglob("*.png")))
    counts = {f"passes{times}": f"{times * images:,}" for times in (2, 9, 13)}
    wanted = told.format(n=images, **counts)
    assert f"screening    {wanted}\n" in capsys.readouterr().out


def test_a_dry_run_without_backbones_says_nothing_of_a_screening(capsys, folder):
    assert search("--data", folder, "--set", "families={mini_vgg: {}}") == 0
    assert "screening" not in capsys.readouterr().out


def test_a_cost_is_a_limit_and_needs_prices(capsys, folder):
    words = ["--data", folder, "--set", "families={mini_vgg: {}}", "--max-cost", "3"]
    assert search(*words) == 2
    assert "`search.max_cost` needs what nodes cost" in capsys.readouterr().err
    assert search(*words, "--set", "resources.price_per_hour=1.5") == 0
    assert "a cost of 3 in all\nprices       every node 1.5, by the hour" in capsys.readouterr().out
