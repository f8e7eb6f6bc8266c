"""The images that cluster files name: the table, the Dockerfile, and what nodes install."""

import os
import re
import subprocess
import tomllib

import pytest
import ray
import yaml
from cluster_samples import KUBERAY, LAUNCHER, ROOT, kuberay, launcher
from packaging.specifiers import SpecifierSet

from search.cluster_files.images import IMAGES, LOOKED_UP, OUR_PYTHON, OUR_RAY, parse, python_of
from search.cluster_files.start_commands import SETTINGS

DOCKERFILE = (ROOT / "clusters" / "Dockerfile").read_text()
INSTALL = ROOT / "clusters" / "install.sh"
CACHE = "NEUROSWEEP_CACHE=$HOME/neurosweep-cache "


def test_our_ray_is_the_installed_and_the_pinned_one():
    assert ray.__version__ == OUR_RAY
    assert f"ray=={OUR_RAY}" in (ROOT / "constraints.txt").read_text().splitlines()


def test_our_python_is_one_that_the_project_supports():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert SpecifierSet(project["requires-python"]).contains(OUR_PYTHON)


def test_the_docs_have_the_same_table():
    text = (ROOT / "docs" / "cluster_files.md").read_text()
    rows = re.findall(r"^\| `([^`]+:[^`]+)` \| (.*) \| (.*) \| (.*) \|$", text, re.MULTILINE)
    unknown = "{}, patch not verified: `{}`"
    assert rows == [
        (
            image.name,
            image.ray or "none",
            image.python or unknown.format(parse(image.name).python, image.command),
            image.source,
        )
        for image in IMAGES
    ]
    assert f"Looked up on {LOOKED_UP}" in text


@pytest.mark.parametrize(
    ("reference", "ray_version", "python"),
    [
        ("rayproject/ray:2.60.0-py311-cpu", "2.60.0", "3.11"),
        ("docker.io/rayproject/ray:2.60.0-py313-cu128", "2.60.0", "3.13"),
        ("rayproject/ray:2.60.0", "2.60.0", None),
        ("host:5000/a/neurosweep:2.60.0-py3.11.7", "2.60.0", "3.11.7"),
        ("host:5000/a/neurosweep", None, None),
        ("neurosweep:2026-11-25", None, None),
        ("", None, None),
    ],
)
def test_a_tag_says_which_ray_and_python(reference, ray_version, python):
    tag = parse(reference)
    assert (tag.ray, tag.python) == (ray_version, python)


def test_the_patch_level_is_known_only_where_it_was_verified():
    assert python_of(parse("python:3.11.7-slim-bookworm")) == "3.11.7"
    assert python_of(parse("a/neurosweep:2.60.0-py3.11.7")) == "3.11.7"
    assert python_of(parse("rayproject/ray:2.60.0-py311-cpu")) is None


def test_every_image_that_our_files_name_is_in_the_table():
    named = {launcher(name)["docker"]["image"] for name in LAUNCHER if "docker" in launcher(name)}
    text = (ROOT / KUBERAY).read_text()
    named |= {f"REGISTRY/{image}" for image in re.findall(r"FILL_IN_REGISTRY/(\S+)", text)}
    assert named <= {image.name for image in IMAGES}


def test_the_dockerfile_begins_with_a_pinned_python_of_the_table():
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert bases == [f"python:{OUR_PYTHON}-slim-bookworm"]
    assert bases[0] in {image.name for image in IMAGES}
    assert "latest" not in DOCKERFILE
    assert f"'{OUR_RAY}', '{OUR_PYTHON}'" in DOCKERFILE  # the build compares what is inside
    assert f"neurosweep:{OUR_RAY}-py{OUR_PYTHON}" in DOCKERFILE


def test_the_dockerfile_copies_what_exists_and_the_whole_program():
    copied = re.findall(r"^COPY --chown=1000:100 (.+) \./\S*$", DOCKERFILE, re.MULTILINE)
    names = {name for words in copied for name in words.split()}
    assert all((ROOT / name).exists() for name in names)
    assert {"neurosweep", "search", "spaces", "scans", "trainables", "reports"} <= names


def test_the_dockerfile_runs_the_very_installations_of_the_cluster_files():
    asked = set()
    for name in ("cluster.yaml", "clusters/gcp.yaml"):
        document = launcher(name)
        for key in ("head_setup_commands", "worker_setup_commands"):
            asked |= {command.removeprefix(CACHE) for command in document[key]}
    assert asked == set(
        re.findall(r"(bash ~/neurosweep/clusters/install\.sh .+?) *\\?\n", DOCKERFILE)
    )


def test_on_kubernetes_the_image_has_what_the_job_calls():
    entrypoint = kuberay()["spec"]["entrypoint"]
    assert entrypoint.startswith(
        "neurosweep search /home/ray/neurosweep/experiments/brain_mri.yaml"
    )
    assert "WORKDIR /home/ray/neurosweep\n" in DOCKERFILE


@pytest.fixture
def node(tmp_path):
    """A node with an empty home folder, whose Python only writes down what it was to install."""
    checkout, programs = tmp_path / "neurosweep", tmp_path / "bin"
    for folder in (checkout / "clusters", programs):
        folder.mkdir(parents=True)
    (checkout / "clusters" / "install.sh").write_text(INSTALL.read_text())
    for name in ("pyproject.toml", "constraints.txt"):
        (checkout / name).write_text((ROOT / name).read_text())
    for name in ("python3", "python3.11"):
        (programs / name).write_text(PYTHON.format(node=tmp_path))
        (programs / name).chmod(0o755)
    return tmp_path


PYTHON = """#!/bin/sh
case "$*" in
  -V) echo Python 3.11.7 ;;
  *ensurepip* | *"pip --version") ;;
  "-m venv"*) for last; do :; done; mkdir -p "$last/bin"; cp "$0" "$last/bin/python" ;;
  *sys.prefix*) dirname "$(dirname "$0")" ;;
  *sys.executable*) echo "$0" ;;
  *) echo "$*" >>{node}/installed; [ ! -e {node}/no_network ] ;;
esac
"""


def install(node, *words, venv=()):
    """Runs the setup command with pip's words for the checkout, its extras and packages."""
    constraints = node / "neurosweep" / "constraints.txt"
    extras, *packages = words or ("",)
    words = (*venv, "-c", constraints, "-e", f"{node}/neurosweep{extras}", *packages)
    environment = {"PATH": f"{node}/bin:{os.environ['PATH']}", "HOME": str(node)}
    script = [node / "neurosweep" / "clusters" / "install.sh", *words]
    return subprocess.run(
        ["bash", *map(str, script)], env=environment, capture_output=True, text=True
    )


def installed(node) -> list[str]:
    log = node / "installed"
    return log.read_text().splitlines() if log.exists() else []


def test_a_node_installs_the_checkout_once_with_constraints(node):
    for _ in range(2):
        assert install(node, "[gpu]", "boto3").returncode == 0
    (line,) = installed(node)
    assert f"-c {node}/neurosweep/constraints.txt -e {node}/neurosweep[gpu] boto3" in line
    assert install(node).returncode == 0
    assert installed(node)[1].endswith(f"-e {node}/neurosweep")


def test_what_decides_the_installation_makes_a_new_one(node):
    install(node, "[gpu]")
    (node / "neurosweep" / "constraints.txt").write_text("ray==2.60.0\n")
    install(node, "[gpu]")
    assert len(installed(node)) == 2


def test_an_installation_that_failed_is_tried_again(node):
    (node / "no_network").touch()
    assert install(node, "[gpu]").returncode != 0
    (node / "no_network").unlink()
    assert install(node, "[gpu]").returncode == 0
    assert len(installed(node)) == 2


def test_shells_of_a_node_find_the_program_and_ask_for_the_token(node):
    for _ in range(2):
        install(node)
    shell = ["bash", "--login", "-c", "-i", "echo $PATH $RAY_AUTH_MODE $NEUROSWEEP_CACHE"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(node)}
    done = subprocess.run(shell, env=environment, capture_output=True, text=True)
    path, mode, cache = done.stdout.split()
    assert path.startswith(f"{node}/bin:")
    assert (mode, cache) == ("token", f"{node}/neurosweep-cache")
    assert (node / ".profile").read_text() == ". ~/.neurosweep.sh\n"


def in_shell(node, command, **more) -> str:
    """What a command prints in a shell as Ray's launcher opens one."""
    words = ["bash", "--login", "-c", "-i", command]
    environment = {"PATH": f"{node}/bin:{os.environ['PATH']}", "HOME": str(node), **more}
    return subprocess.run(words, env=environment, capture_output=True, text=True).stdout.strip()


def test_the_settings_are_those_that_the_check_takes_for_granted(node):
    install(node)
    exported = in_shell(node, ". ~/.neurosweep.sh; env").splitlines()
    assert {f"{name}={value}" for name, value in SETTINGS.items()} <= set(exported)


@pytest.mark.parametrize("name", LAUNCHER)
@pytest.mark.parametrize("kind", ["head", "worker"])
def test_ray_and_shells_on_a_node_take_the_cache_that_the_setup_names(node, name, kind):
    (setup,) = launcher(name)[f"{kind}_setup_commands"]
    assert setup.count(CACHE) == 1
    environment = {"PATH": f"{node}/bin:{os.environ['PATH']}", "HOME": str(node)}
    words = ["bash", "-c", setup.replace(CACHE, "NEUROSWEEP_CACHE='/large disk/$1' ")]
    subprocess.run(words, env=environment, check=True)
    programs = node / ("neurosweep-env/bin" if "onprem" in name else "bin")
    said = 'echo "$NEUROSWEEP_CACHE" "$RAY_AUTH_MODE" "${PATH%%:*}"'
    (programs / "ray").write_text(f"#!/bin/sh\n{said}\n")
    (programs / "ray").chmod(0o755)
    start = launcher(name)[f"{kind}_start_ray_commands"][1]
    assert in_shell(node, start) == f"/large disk/$1 token {programs}"
    assert in_shell(node, said) == f"/large disk/$1 token {programs}"


def test_a_container_keeps_the_cache_of_its_environment(node):
    install(node)
    assert in_shell(node, 'echo "$NEUROSWEEP_CACHE"', NEUROSWEEP_CACHE="/cache") == "/cache"


def test_a_profile_that_hides_another_is_the_one_that_is_extended(node):
    (node / ".bash_profile").write_text("# mine\n")
    install(node)
    assert ". ~/.neurosweep.sh" in (node / ".bash_profile").read_text()
    assert not (node / ".profile").exists()


def test_an_environment_of_its_own_is_made_once_where_asked(node):
    for _ in range(2):
        assert install(node, venv=("--venv", f"{node}/environment")).returncode == 0
    assert len(installed(node)) == 1
    assert len(list((node / "environment" / "neurosweep-installed").iterdir())) == 1
    assert f'export PATH="{node}/environment/bin:' in (node / ".neurosweep.sh").read_text()


def test_a_node_without_a_suitable_python_is_told_what_to_install(node):
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        (node / "bin" / name).write_text("#!/bin/sh\nexit 1\n")
        (node / "bin" / name).chmod(0o755)
    done = install(node, venv=("--venv", f"{node}/environment"))
    assert done.returncode == 1
    assert "needs Python 3.11 to 3.13 that can make environments" in done.stderr


def test_the_head_alone_has_rights_in_the_account():
    roles = yaml.safe_load((ROOT / "clusters" / "aws_roles.json").read_text())["Resources"]
    profiles = [one for one in roles.values() if one["Type"] == "AWS::IAM::InstanceProfile"]
    (name,) = (one["Properties"]["InstanceProfileName"] for one in profiles)
    assert [one["Type"] for one in roles.values()].count("AWS::IAM::Role") == 1
    kinds = launcher()["available_node_types"]
    assert kinds.pop("head")["node_config"]["IamInstanceProfile"] == {"Name": name}
    kinds |= launcher("clusters/gcp.yaml")["available_node_types"]
    kinds.pop("head")
    for kind in kinds.values():
        assert not {"IamInstanceProfile", "serviceAccounts"} & kind["node_config"].keys()
    for file in ("cluster.yaml", "clusters/gcp.yaml"):
        (command,) = launcher(file)["worker_setup_commands"]
        assert command.endswith("-e ~/neurosweep'[gpu]'")
