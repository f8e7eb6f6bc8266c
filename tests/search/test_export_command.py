"""`neurosweep export`: what it writes, where, and what it refuses."""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from export_samples import CLASSES, custom_winner
from stage_doubles import record_of, stage_run

import trainables
from search.cli import main
from search.mirror.store import Store
from trainables.exporting import formats, keras_file

SPLIT = {"file": ["a"], "label": ["glioma"], "part": ["train"], "group": [0]}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    trainables.start(trainables.Runtime(threads=1))  # as all tests do that run operations here
    return custom_winner(tmp_path_factory.mktemp("published"))


@pytest.fixture
def run(tmp_path, published, monkeypatch):
    """A finished run with a winner; TensorFlow is what another test set up in this process."""
    monkeypatch.setenv("NEUROSWEEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(trainables, "start", lambda *_, **__: None)
    made = stage_run(tmp_path / "run", split=pa.table(SPLIT))
    with made.directory as directory:
        record = record_of(made, "t0001")
        recipe = json.loads((directory.path / "trials/t0001/record.json").read_text())
        directory.count(record, **recipe)
        directory.update(state="finished", name="first", began="2026-11-25T10:00:00+00:00")
    shutil.copytree(published, directory.path / "winner")
    return directory.path


def export(run, *words):
    return main(["export", str(run), *map(str, words)])


def left(folder):
    """Names of all that is in a folder, hidden files too."""
    return sorted(path.name for path in folder.iterdir())


def test_the_way_from_a_run_to_a_file_that_onnx_runtime_runs(run, published, tmp_path):
    words = [sys.executable, "-m", "search", "export", run, "--format", "onnx"]
    done = subprocess.run(
        [*words, "--output", "out"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    size, compared, synthetic, path = done.stdout.splitlines()
    assert size.endswith("bytes; takes uint8 RGB images (n, height, width, 3) of any size")
    assert "on 21 computed images of 7 sizes: probabilities differ by at most" in compared
    assert synthetic == "trained on synthetic data: computed phantoms, not patients"
    assert path == "out/model.onnx"
    assert size.startswith(f"{(tmp_path / path).stat().st_size:,} bytes")

    import onnxruntime

    session = onnxruntime.InferenceSession(str(tmp_path / path))
    images = np.random.default_rng(0).integers(0, 256, (2, 33, 47, 3), dtype=np.uint8)
    (answers,) = session.run(None, {"images": images})
    model = trainables.load_winner(published).model
    np.testing.assert_allclose(answers, np.asarray(model(images)), atol=1e-5)


def test_as_json_and_into_the_run_where_no_output_is_named(run, capsys):
    assert export(run, "--format", "keras", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    folder = run / "exports" / "keras"
    assert told["path"] == str(folder / "model.keras")
    assert told["bytes"] == (folder / "model.keras").stat().st_size
    assert (told["images"], told["largest_difference"], told["tolerance"]) == (21, 0.0, 1e-5)
    assert (told["trial_id"], told["synthetic"]) == ("t0001", True)
    about = json.loads((folder / "export.json").read_text())
    assert (about["trial_id"], about["synthetic"]) == ("t0001", True)
    assert json.loads((folder / "labels.json").read_text()) == list(CLASSES)
    assert left(folder) == ["export.json", "labels.json", "model.keras"]
    assert left(folder.parent) == ["keras"]


def test_a_run_on_a_store(run, tmp_path, capsys):
    (tmp_path / "store").mkdir()
    uri = f"file://{tmp_path}/store/first"
    for path in sorted(run.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            Store(uri).put(path.relative_to(run).as_posix(), path.read_bytes())
    assert export(uri, "--format", "keras", "--output", tmp_path / "out") == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "out" / "model.keras")


def test_an_earlier_export_is_replaced_when_asked_and_nothing_else_is(run, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()  # an empty folder is as good as none
    words = ("--format", "keras", "--output", out)
    assert export(run, *words) == 0
    assert export(run, *words) == 2
    assert "--force replaces the export in it, or name another" in capsys.readouterr().err
    assert export(run, *words, "--force") == 0
    assert left(out) == ["export.json", "labels.json", "model.keras"]
    for other in (run / "winner", run / "run.yaml"):
        assert export(run, "--format", "keras", "--output", other, "--force") == 2
        assert "new or empty folder" in capsys.readouterr().err
    assert (run / "winner" / "config.yaml").is_file()


@pytest.mark.parametrize(
    "told", ["{}", "[]", "{", "[" * 100_000, '{"version": 1}', '{"version": 9, "format": "keras"}']
)
def test_a_folder_with_another_export_json_is_not_emptied(run, tmp_path, capsys, told):
    out = tmp_path / "out"
    out.mkdir()
    (out / "export.json").write_text(told)
    (out / "mywork.txt").write_text("mine")
    assert export(run, "--format", "keras", "--output", out, "--force") == 2
    assert "is not: name another with --output" in capsys.readouterr().err
    assert left(out) == ["export.json", "mywork.txt"]


@pytest.mark.parametrize("name", ["mywork.txt", "variables/notes.md", "model.onnx", "link"])
def test_force_deletes_no_file_that_lies_beside_an_export(run, tmp_path, capsys, name):
    out = tmp_path / "out"
    words = ("--format", "saved_model", "--output", out)
    assert export(run, *words) == 0
    (out / name).symlink_to(run) if name == "link" else (out / name).write_text("mine")
    before = sorted(out.rglob("*"))
    assert export(run, *words, "--force") == 2
    told = capsys.readouterr().err
    assert f"besides an export it holds {name}, which --force does not delete" in told
    assert sorted(out.rglob("*")) == before
    (out / name).unlink()
    assert export(run, "--format", "keras", "--output", out, "--force") == 0
    assert left(out) == ["export.json", "labels.json", "model.keras"]


def test_what_fails_leaves_what_was_there(run, tmp_path, capsys, monkeypatch):
    out = tmp_path / "out"
    words = ("--format", "keras", "--output", out)
    assert export(run, *words) == 0

    def full(winner, source, path):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(keras_file, "write_export", full)
    for path in (out, tmp_path / "new"):
        assert main(["export", str(run), *words[:3], str(path), "--force"]) == 1
        assert "the disk is full" in capsys.readouterr().err
    assert left(out) == ["export.json", "labels.json", "model.keras"]
    assert left(tmp_path) == ["out", "run"]


@pytest.mark.parametrize("name", ["keras", "saved_model"])
def test_a_disk_that_is_really_full(run, small_disk, capsys, name):
    disk = small_disk("80k")
    assert export(run, "--format", name, "--output", disk / "out") == 1
    assert "the disk is full" in capsys.readouterr().err
    assert left(disk) == []


def test_other_answers_are_told_and_not_kept(run, tmp_path, capsys, monkeypatch):
    def other(winner, source, path):
        custom_winner(tmp_path / "other", seed=5)
        shutil.copyfile(tmp_path / "other" / "model.keras", path)

    monkeypatch.setattr(keras_file, "write_export", other)
    assert export(run, "--format", "keras", "--output", tmp_path / "out") == 1
    assert "so it was not kept. Allow more with --tolerance" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_may_not_be_written(run, capsys):
    assert export(run, "--format", "keras", "--output", run / "run.yaml" / "below") == 2
    assert "exports are put into a folder that you may write to" in capsys.readouterr().err


def test_no_winner_yet(run, capsys):
    shutil.rmtree(run / "winner")
    assert export(run, "--format", "onnx") == 2
    assert f"{run} has no winner yet; let its search end" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["cut", "changed", "another"])
def test_a_damaged_winner(run, capsys, damage):
    path = run / "winner" / "model.keras"
    content = bytearray(path.read_bytes())
    half = len(content) // 2
    content[half : half + 99] = bytes(99)
    path.write_bytes(
        {"cut": content[:half], "changed": content, "another": b"PK\x05\x06" + bytes(18)}[damage]
    )
    assert export(run, "--format", "keras") == 2
    assert "where one is missing or damaged" in capsys.readouterr().err
    assert not (run / "exports" / "keras").exists()


@pytest.mark.parametrize("labels", ["3", '"abcd"', "[1, 2, 3, 4]", '["a"]', "["])
def test_labels_that_are_none(run, capsys, labels):
    (run / "winner" / "labels.json").write_text(labels)
    assert export(run, "--format", "keras") == 2
    assert "labels.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--format"),
        (["--format", "onxx"], "received 'onxx'. Did you mean onnx?"),
        (["--format", "keras", "--tolerance", "much"], "from 0 to 1; received 'much'"),
        (["--format", "keras", "--tolerance", "nan"], "from 0 to 1; received 'nan'"),
    ],
)
def test_wrong_use(run, capsys, words, message):
    with pytest.raises(SystemExit) as ended:
        export(run, *words)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_what_is_not_installed_names_the_extra(run, capsys, monkeypatch):
    monkeypatch.setattr(formats, "find_spec", lambda _: None)
    assert export(run, "--format", "tflite") == 2
    assert "pip install -c constraints.txt -e '.[export]'" in capsys.readouterr().err


def test_wrong_use_is_told_before_anything_heavy_is_loaded(tmp_path):
    code = (
        "import sys\nfrom search.cli import main\n"
        f"code = main(['export', {str(tmp_path)!r}, '--format', 'onnx'])\n"
        "print(code, [m for m in ('ray', 'tensorflow', 'keras', 'onnx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "2 []"
