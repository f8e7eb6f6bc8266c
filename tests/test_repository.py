"""What the repository promises outside its packages: constraints, cluster file, packaging."""

import os
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]


def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.lower().replace("_", "-").split("==") for line in lines)


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def requirements() -> list[Requirement]:
    extras = [text for texts in project()["optional-dependencies"].values() for text in texts]
    return [Requirement(text) for text in (*project()["dependencies"], *extras)]


def test_constraints_hold_exact_versions_and_no_addresses():
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line), line


@pytest.mark.parametrize("requirement", requirements(), ids=lambda r: r.name)
def test_every_dependency_is_pinned_inside_its_range(requirement):
    version = pinned()[requirement.name.lower().replace("_", "-")]
    assert requirement.specifier.contains(version), f"{requirement} against {version}"


def test_every_dependency_has_a_reason_beside_it():
    text = (ROOT / "pyproject.toml").read_text()
    for requirement in requirements():
        line = next(
            row
            for row in text.splitlines()
            if re.search(rf'^\s+"{requirement.name}\W|^(gpu|kaggle).*"{requirement.name}\W', row)
        )
        assert "#" in line, f"{requirement.name} has no reason"


@pytest.mark.parametrize("name", ["cluster.yaml", "clusters/gcp.yaml", "clusters/onprem.yaml"])
def test_the_cluster_files_pass_rays_own_validation(name):
    from ray.autoscaler._private.util import prepare_config, validate_config

    cluster = yaml.safe_load((ROOT / name).read_text())
    validate_config(prepare_config(cluster))


def test_the_cluster_has_a_head_without_gpu_or_trials_and_gpu_workers_that_can_go():
    cluster = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    kinds = cluster["available_node_types"]
    head = kinds.pop(cluster["head_node_type"])
    assert head["resources"] == {"CPU": 0, "GPU": 0}
    assert len({kind["node_config"]["InstanceType"] for kind in kinds.values()}) >= 2
    spot = {name for name, kind in kinds.items() if "InstanceMarketOptions" in kind["node_config"]}
    assert spot
    assert spot != set(kinds)
    assert min(kinds[name]["priority"] for name in spot) > max(
        kind["priority"] for name, kind in kinds.items() if name not in spot
    )
    for kind in kinds.values():
        assert kind["resources"]["GPU"] >= 1
        assert kind["min_workers"] == 0
    start = " ".join(cluster["head_start_ray_commands"])
    assert "--dashboard-host=127.0.0.1" in start
    assert ". ~/.neurosweep.sh; ray start" in start
    settings = (ROOT / "clusters/install.sh").read_text()
    assert "export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0" in settings
    assert cluster["docker"]["image"].startswith(f"rayproject/ray:{pinned()['ray']}-py311")


def test_python_versions_are_those_with_tensorflow_wheels():
    assert project()["requires-python"] == ">=3.11,<3.14"


@pytest.mark.timeout(900)
def test_the_wheel_works_alone_in_an_empty_environment_and_folder(tmp_path):
    build = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--outdir",
        str(tmp_path / "dist"),
        str(ROOT),
    ]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    packed = zipfile.ZipFile(wheel).namelist()
    assert "search/demo.yaml" in packed
    assert any(name.startswith("reports/templates/") for name in packed)
    assert not [name for name in packed if name.startswith(("tests/", "benchmarks/"))]
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", wheel]
    subprocess.run(install, check=True, capture_output=True)
    empty = tmp_path / "empty"
    empty.mkdir()
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment = {**clean, "NEUROSWEEP_CACHE": str(tmp_path / "cache")}

    def neurosweep(*words: str) -> str:
        command = [tmp_path / "env" / "bin" / "neurosweep", *words]
        done = subprocess.run(command, cwd=empty, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "experiment   demo" in neurosweep("search", "--dry-run")
    assert "mini_resnet/stem_filters" in neurosweep("spaces", "--format", "json")
    neurosweep("data", "phantom", "phantom", "--images", "40", "--size", "64")
    assert len(list((empty / "phantom").rglob("*.*"))) > 40
