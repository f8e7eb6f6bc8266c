"""`neurosweep cluster check`: what it prints, and its exit code."""

import json
import subprocess
import sys

import pytest
from cluster_samples import LAUNCHER, ROOT, changed, launcher
from yaml import safe_dump

from search.cli import main

OURS = [*LAUNCHER, "clusters/kuberay.yaml", "clusters/kuberay_storage.yaml"]


@pytest.fixture
def good(tmp_path, monkeypatch):
    """A file without a finding, on a machine that has a token."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("secret")
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("search.cluster_files.sdk.find_spec", lambda _: True)
    path = tmp_path / "good.yaml"
    path.write_text(safe_dump(launcher()))
    return path


def written(path, change):
    path.write_text(safe_dump(changed(change)))
    return str(path)


def test_a_good_file_is_one_line(good, capsys):
    assert main(["cluster", "check", str(good)]) == 0
    assert capsys.readouterr().out == f"{good}: nothing is wrong\n"


def test_our_file_for_aws_is_ready_as_it_stands(good, capsys):
    assert main(["cluster", "check", str(ROOT / "cluster.yaml"), "--strict"]) == 0
    assert "nothing is wrong" in capsys.readouterr().out


@pytest.mark.parametrize("name", OURS)
def test_our_own_files_lack_only_what_has_to_be_filled_in(good, name, capsys):
    main(["cluster", "check", str(ROOT / name), "--format", "json"])
    (file,) = json.loads(capsys.readouterr().out)["files"]
    assert {one["rule"] for one in file["findings"]} <= {"placeholder"}


def test_an_error_is_exit_code_2_with_rule_value_and_advice(good, tmp_path, capsys):
    bad = written(
        tmp_path / "bad.yaml", lambda d: d["docker"].update(image="rayproject/ray:latest")
    )
    assert main(["cluster", "check", str(good), bad]) == 2
    out = capsys.readouterr().out
    assert f"{good}: nothing is wrong" in out
    assert f"{bad}: 1 error, 0 warnings" in out
    assert "image" in out
    assert "docker.image: rayproject/ray:latest is another image tomorrow" in out
    assert "→ pin it by its tag; take one from the table in docs/cluster_files.md" in out


def test_a_warning_alone_is_no_failure_unless_asked(good, tmp_path, capsys):
    costly = written(
        tmp_path / "costly.yaml",
        lambda d: d["available_node_types"]["l4_spot"].update(min_workers=2),
    )
    assert main(["cluster", "check", costly]) == 0
    assert "0 errors, 1 warning" in capsys.readouterr().out
    assert main(["cluster", "check", "--strict", costly]) == 2


def test_json_stands_alone_on_standard_output(good, tmp_path, capsys):
    absent = tmp_path / "absent.yaml"
    assert main(["cluster", "check", str(good), str(absent), "--format", "json"]) == 2
    files = json.loads(capsys.readouterr().out)["files"]
    assert files[0] == {"file": str(good), "errors": 0, "warnings": 0, "findings": []}
    (finding,) = files[1].pop("findings")
    assert files[1] == {"file": str(absent), "errors": 1, "warnings": 0}
    assert set(finding) == {"level", "rule", "received", "advice"}


def test_the_named_experiment_says_what_a_trial_asks_for(good, tmp_path, capsys):
    experiment = tmp_path / "large.yaml"
    experiment.write_text("name: large\nresources: {cpus_per_trial: 64, gpus_per_trial: 2}\n")
    assert main(["cluster", "check", str(good), "--experiment", str(experiment)]) == 2
    out = capsys.readouterr().out
    assert f"a trial asks for 64 CPUs and 1 GPUs ({experiment})" in out
    assert main(["cluster", "check", str(good), "--experiment", str(tmp_path / "none.yaml")]) == 2
    assert "there is no experiment file" in capsys.readouterr().err


def test_the_reference_experiment_beside_the_file_is_taken(good, tmp_path, capsys):
    folder = tmp_path / "experiments"
    folder.mkdir()
    (folder / "brain_mri.yaml").write_text("name: x\nresources: {cpus_per_trial: 63}\n")
    assert main(["cluster", "check", str(good)]) == 2
    assert "a trial asks for 63 CPUs and 1 GPUs" in capsys.readouterr().out


def test_names_of_files_move_no_cursor(good, tmp_path, capsys):
    assert main(["cluster", "check", str(tmp_path / "a\x1b[2Jb.yaml")]) == 2
    assert "\x1b" not in capsys.readouterr().out


def test_the_command_line_loads_ray_only_when_a_file_is_checked():
    code = (
        "import sys\nfrom search.cli import main\n"
        "try: main(['cluster', 'check'])\nexcept SystemExit as end: print(end.code)\n"
        "print('ray' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.split() == ["2", "False"]
    assert "FILE" in done.stderr
