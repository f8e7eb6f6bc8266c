"""`neurosweep audit`: its table, its JSON, its exit codes, and what it costs to start."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from search.cli import main


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Two classes in two parts, of different pictures."""
    monkeypatch.setenv("NEUROSWEEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for part, count in (("Training", 6), ("Testing", 3)):
        for label in ("a b", "뇌종양"):
            folder = tmp_path / "data" / part / label
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(0, 256, (40, 40), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "data"


def test_a_folder_without_faults(data, capsys):
    assert main(["audit", str(data), "--strict"]) == 0
    shown = capsys.readouterr().out
    assert "No findings." in shown
    assert "뇌종양" in shown
    assert json.loads(Path("audit.json").read_text())["images"] == 18


def test_findings_are_shown_and_end_with_0(data, capsys):
    shutil.copy(data / "Training/a b/0.png", data / "Testing/a b/again.png")
    (data / "Training/뇌종양/text.jpg").write_text("no image")
    assert main(["audit", str(data)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "1 pair of files with equal pixels in different parts." in shown
    assert "Training/a b/0.png = Testing/a b/again.png" in shown
    assert "Training/뇌종양/text.jpg: The file is not an image in a format known here" in shown
    assert "audit.json" in shown


def test_strict_ends_with_4(data):
    (data / "Training/a b/empty.jpg").touch()
    assert main(["audit", str(data), "--strict"]) == 4
    assert main(["audit", str(data), "--strict", "--format", "json"]) == 4


def test_json_alone_on_standard_output(data, capsys):
    assert main(["audit", str(data), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["findings"] == []
    assert not Path("audit.json").exists()


def test_the_file_goes_where_it_is_told(data, tmp_path):
    assert main(["audit", str(data), "--output", str(tmp_path / "new" / "a.json")]) == 0
    assert json.loads((tmp_path / "new" / "a.json").read_text())["unique"] == 18


def test_labels_from_a_csv(data, capsys):
    rows = ["file,label", "Training/a b/0.png,x", "Training/a b/1.png,y"]
    (data.parent / "own.csv").write_text("\n".join(rows))
    arguments = ["audit", str(data), "--labels", "own.csv", "--format", "json"]
    assert main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["classes"] == {"all": {"x": 1, "y": 1}}
    assert (found["labels_file"], found["unlisted"]) == ("own.csv", 16)


def test_one_patient_in_both_parts_is_a_finding(data, capsys):
    rows = ["file,group", "Training/a b/0.png,p", "Testing/a b/0.png,p"]
    (data / "groups.csv").write_text("\n".join(rows))
    assert main(["audit", str(data), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["test_images_of_known_group_only"] == {"a b": 1, "뇌종양": 0}
    assert [one["kind"] for one in found["findings"]] == ["groups across parts"]


def test_our_own_files_are_not_unlisted(data, capsys):
    files = sorted(path.relative_to(data).as_posix() for path in data.rglob("*.png"))
    rows = [f"{file},{Path(file).parent.name}" for file in files]
    (data / "labels.csv").write_text("\n".join(["file,label", *rows]))
    (data / "groups.csv").write_text("file,group\nTraining/a b/0.png,p\n")
    assert main(["audit", str(data), "--strict"]) == 0


def test_a_run_keeps_its_own_audit(data, capsys):
    Path("run.yaml").touch()
    assert main(["audit", str(data)]) == 2
    assert "would take the place of a run's own audit" in capsys.readouterr().err


def test_a_terminal_without_korean(data):
    command = [sys.executable, "-m", "search", "audit", str(data)]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, env=environment, timeout=60, check=True)
    assert b"\\ub1cc" in done.stdout


def test_a_class_that_cannot_be_printed_is_refused(data, capsys):
    for part in ("Training", "Testing"):
        (data / part / "\x1b[31mred").mkdir()
    assert main(["audit", str(data)]) == 2
    assert "\x1b" not in capsys.readouterr().err


def test_a_missing_folder(tmp_path, capsys):
    assert main(["audit", str(tmp_path / "none")]) == 2
    assert "The data folder must exist, but at" in capsys.readouterr().err


def test_a_place_that_cannot_be_written(data, capsys):
    Path("file").touch()
    assert main(["audit", str(data), "--output", "file/audit.json"]) == 2
    assert "file/audit.json could not be written" in capsys.readouterr().err


def test_control_characters_do_not_reach_the_terminal(data, capsys):
    shutil.copy(data / "Training/a b/0.png", data / "Testing/a b/\x1b[2J.png")
    assert main(["audit", str(data)]) == 0
    assert "\x1b[2J" not in capsys.readouterr().out


def test_it_loads_nothing_heavy(data):
    code = (
        "import sys; from search.cli import main; main(['audit', sys.argv[1]]);"
        "heavy = {'tensorflow', 'ray', 'sklearn', 'scipy', 'optuna', 'pydicom', 'kagglehub'};"
        "sys.exit(', '.join(heavy & sys.modules.keys()) or 0)"
    )
    command = [sys.executable, "-c", code, str(data)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
