"""Each rule for files of Ray's launcher finds the file that breaks it, and nothing else."""

from typing import Any

import pytest
from cluster_samples import LAUNCHER, ROOT, TRIAL, changed, found, launcher, rules

from search.cluster_files.fitting import Trial


@pytest.fixture(autouse=True)
def _machine(tmp_path, monkeypatch):
    """A machine with a token and a key, in the folder of the checkout."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in (".ray/auth_token", ".ssh/key"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("secret")
    monkeypatch.chdir(ROOT)


def head(document: dict[str, Any]) -> dict[str, Any]:
    return document["available_node_types"]["head"]


def worker(document: dict[str, Any], name: str = "l4_spot") -> dict[str, Any]:
    return document["available_node_types"][name]


SETTINGS = ". ~/.neurosweep.sh;"


def in_start(node: str, before: str, after: str):
    def change(document: dict[str, Any]) -> None:
        commands = document[f"{node}_start_ray_commands"]
        assert before in commands[1]
        commands[1] = commands[1].replace(before, after)

    return change


def every_worker(**resources: int):
    def change(document: dict[str, Any]) -> None:
        for name, kind in document["available_node_types"].items():
            if name != "head":
                kind["resources"] = resources

    return change


@pytest.mark.parametrize("name", LAUNCHER)
def test_our_own_files_have_nothing_but_placeholders(name, tmp_path):
    assert rules(found(tmp_path, launcher(name))) == set()


BROKEN = {
    # what Ray itself refuses
    "an unknown key": ("ray", lambda d: d.update(max_worker=3)),
    "a wrong type": ("ray", lambda d: d.update(setup_commands=[1])),
    "a number as name": ("ray", lambda d: d.update(cluster_name=7)),
    "no container name": ("ray", lambda d: d["docker"].pop("container_name")),
    # paths
    "a mount that is not there": ("path", lambda d: d["file_mounts"].update({"~/x": "./nowhere"})),
    "a key that is not there": ("path", lambda d: d["auth"].update(ssh_private_key="~/.ssh/other")),
    # images
    "the latest image": ("image", lambda d: d["docker"].update(image="rayproject/ray:latest")),
    "the latest of a Python": (
        "image",
        lambda d: d["docker"].update(image="rayproject/ray:latest-py311-gpu"),
    ),
    "no tag": ("image", lambda d: d["docker"].update(image="registry:5000/neurosweep")),
    "another Ray": ("image", lambda d: d["docker"].update(image="rayproject/ray:2.59.0-py311-cpu")),
    "another Python": (
        "image",
        lambda d: d["docker"].update(image="rayproject/ray:2.60.0-py312-cpu"),
    ),
    "no Python": ("image", lambda d: d["docker"].update(image="rayproject/ray:2.60.0")),
    "another patch of Python": (
        "image",
        lambda d: d["docker"].update(image="r.example.org/neurosweep:2.60.0-py3.11.9"),
    ),
    "an image of one kind": (
        "image",
        lambda d: worker(d).update(docker={"worker_image": "rayproject/ray:nightly"}),
    ),
    # the head
    "CPUs of the head": ("head", lambda d: (head(d).update(resources={}), no_cpus_flag(d))),
    "a GPU of the head": ("head", lambda d: head(d)["resources"].update(GPU=1)),
    "a GPU machine": ("head", lambda d: head(d)["node_config"].update(InstanceType="g5.2xlarge")),
    # resources
    "too few CPUs": ("resources", every_worker(CPU=2, GPU=1)),
    "no GPU": ("resources", every_worker(CPU=64, GPU=0)),
    "no worker": ("resources", lambda d: d.update(max_workers=0)),
    "unsaid CPUs": ("resources", lambda d: worker(d).update(resources={"GPU": 1})),
    # access
    "a dashboard for all": ("dashboard", in_start("head", "=127.0.0.1", "=0.0.0.0")),
    "an address of its own": ("dashboard", in_start("head", "=127.0.0.1", " 10.0.0.1")),
    "Ray's default dashboard": ("dashboard", in_start("head", "=127.0.0.1", "=")),
    "an open port": ("dashboard", lambda d: d["provider"].update(security_group=OPEN)),
    "no mode on the head": (
        "authentication",
        in_start("head", SETTINGS, "export RAY_AUTH_MODE=disabled RAY_USAGE_STATS_ENABLED=0;"),
    ),
    "a mode that is taken back": (
        "authentication",
        in_start("head", SETTINGS, f"{SETTINGS} export RAY_AUTH_MODE=disabled;"),
    ),
    "no mode on workers": ("authentication", in_start("worker", SETTINGS, "export A=1;")),
    "settings that nothing writes": (
        "authentication",
        lambda d: d.update(worker_setup_commands=["pip install ray"]),
    ),
    "settings that one kind lacks": (
        "authentication",
        lambda d: worker(d).update(worker_setup_commands=["pip install ray"]),
    ),
    "no token brought": ("authentication", lambda d: d["file_mounts"].pop("~/.ray/auth_token")),
    "no start": ("authentication", lambda d: d.update(worker_start_ray_commands=["ray stop"])),
    "a token in the file": (
        "authentication",
        in_start("head", SETTINGS, f"{SETTINGS} export RAY_AUTH_TOKEN=abcdef0123456789;"),
    ),
    "usage statistics": (
        "usage-statistics",
        in_start("head", SETTINGS, f"{SETTINGS} export RAY_USAGE_STATS_ENABLED=1;"),
    ),
    # money
    "workers that wait": ("min-workers", lambda d: worker(d).update(min_workers=1)),
    "a long idle time": ("idle-timeout", lambda d: d.update(idle_timeout_minutes=600)),
    # placeholders
    "a placeholder": ("placeholder", lambda d: d["provider"].update(region="FILL_IN_REGION")),
    "a usual placeholder": ("placeholder", lambda d: d["provider"].update(region="<your region>")),
    "a key as placeholder": ("placeholder", lambda d: d["provider"].update(CHANGE_ME="x")),
    "no region": ("provider", lambda d: d["provider"].update(region="")),
}
OPEN = {
    "IpPermissions": [
        {"FromPort": 8265, "ToPort": 8265, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
    ]
}


def no_cpus_flag(document: dict[str, Any]) -> None:
    in_start("head", "--num-cpus=0", "")(document)


@pytest.mark.parametrize(("rule", "change"), BROKEN.values(), ids=BROKEN)
def test_a_rule_finds_what_breaks_it_and_nothing_else_is_found(rule, change, tmp_path):
    assert rules(found(tmp_path, changed(change))) == {rule}


WARNINGS = {
    "min-workers": BROKEN["workers that wait"][1],
    "idle-timeout": BROKEN["a long idle time"][1],
    "usage-statistics": BROKEN["usage statistics"][1],
}


@pytest.mark.parametrize(("rule", "change"), WARNINGS.items())
def test_what_may_be_meant_is_a_warning(rule, change, tmp_path):
    assert {one.level for one in found(tmp_path, changed(change)) if one.rule == rule} == {
        "warning"
    }


FINE = {
    "only the resources say it": no_cpus_flag,
    "only the flag says it": lambda d: head(d)["resources"].pop("CPU"),
    "a port of SSH": lambda d: d["provider"].update(
        security_group={
            "IpPermissions": [{"FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        }
    ),
    "a digest": lambda d: d["docker"].update(image="rayproject/ray@sha256:" + "0" * 64),
    "our own image": lambda d: d["docker"].update(
        image="r.example.org:5000/neurosweep:2.60.0-py3.11.7"
    ),
    "settings that are written out": in_start(
        "head", SETTINGS, "export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0;"
    ),
    "one setup for all nodes": lambda d: d.update(
        setup_commands=d.pop("head_setup_commands"), worker_setup_commands=[]
    ),
    "assigned for one command": lambda d: d.update(
        worker_start_ray_commands=["RAY_AUTH_MODE=token ray start --address=$RAY_HEAD_IP:6379"]
    ),
    "no dashboard host, which is Ray's localhost": in_start(
        "head", "--dashboard-host=127.0.0.1", ""
    ),
    "another program's angle brackets": lambda d: (
        d["setup_commands"].append("cat <a >b")
        if "setup_commands" in d
        else d.update(setup_commands=["cat <a >b"])
    ),
}


@pytest.mark.parametrize("change", FINE.values(), ids=FINE)
def test_what_is_right_in_another_way_is_no_finding(change, tmp_path):
    assert rules(found(tmp_path, changed(change))) == set()


def test_the_defaults_of_ray_stand_behind_what_the_file_leaves_out(tmp_path):
    # Ray's own start commands for AWS open the dashboard to every address and ask for no token.
    document = changed(
        lambda d: (d.pop("head_start_ray_commands"), d.pop("worker_start_ray_commands"))
    )
    assert rules(found(tmp_path, document)) == {"dashboard", "authentication", "usage-statistics"}


def test_images_whose_python_is_not_known_to_agree_are_named(tmp_path):
    images = {
        "head_image": "rayproject/ray:2.60.0-py311-cpu",
        "worker_image": "rayproject/ray:2.60.0-py311-gpu",
    }
    document = changed(lambda d: (d["docker"].pop("image"), d["docker"].update(images)))
    (finding,) = [one for one in found(tmp_path, document) if one.rule == "image"]
    assert finding.level == "warning"
    assert "rayproject/ray:2.60.0-py311-gpu (Python not known)" in finding.received
    same = dict.fromkeys(images, "a/neurosweep:2.60.0-py3.11.7")
    document = changed(lambda d: (d["docker"].pop("image"), d["docker"].update(same)))
    assert rules(found(tmp_path, document)) == set()


def test_a_machine_without_a_token_is_told_how_to_make_one(tmp_path):
    (tmp_path / ".ray" / "auth_token").unlink()
    (finding,) = [one for one in found(tmp_path, launcher()) if one.rule == "path"]
    assert finding.level == "warning"
    assert finding.advice == "before `ray up`: ray get-auth-token --generate"


def test_a_folder_that_is_not_the_checkout_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    findings = found(tmp_path, launcher())
    said = [one for one in findings if one.rule == "path"]
    assert {one.level for one in said} == {"warning"}
    for name in ("clusters/install.sh", "constraints.txt"):
        assert any(f"has no {name}" in one.received for one in said)
    assert rules(findings) == {"path"}


@pytest.mark.parametrize(
    ("trial", "fits"),
    [
        (Trial(cpus=8, gpus=1, source="t"), True),
        (Trial(cpus=9, gpus=1, source="t"), False),
        (Trial(cpus=1, gpus=0.5, source="t"), True),
        (Trial(cpus=9, gpus=2, source="t"), False),
        (Trial(cpus=8, gpus="auto", source="t"), True),
        (Trial(cpus=9, gpus="auto", source="t"), False),
    ],
)
def test_trials_are_compared_with_each_kind_of_worker(trial, fits, tmp_path):
    assert (rules(found(tmp_path, launcher(), trial=trial)) == set()) is fits


def test_gpus_that_only_fine_tuning_would_take_are_no_error(tmp_path):
    two = Trial(cpus=8, gpus=2, source="t")
    (finding,) = [one for one in found(tmp_path, launcher(), trial=two) if one.rule == "resources"]
    assert finding.level == "warning"
    assert "no kind of worker has 2 GPUs" in finding.received
    large = changed(lambda d: worker(d)["resources"].update(GPU=2))
    assert rules(found(tmp_path, large, trial=two)) == set()
    none = changed(every_worker(CPU=64, GPU=0))
    (finding,) = [one for one in found(tmp_path, none, trial=two) if one.rule == "resources"]
    assert finding.level == "error"


ONPREM_BROKEN = {
    "the second autoscaler": (
        "autoscaler",
        in_start("head", "RAY_enable_autoscaler_v2=0", "A=0"),
    ),
    "GPUs of the head": ("head", in_start("head", "--num-gpus=0", "")),
    "CPUs of the head": ("head", in_start("head", "--num-cpus=0", "--num-cpus=8")),
    "the head as worker": ("provider", lambda d: d["provider"]["worker_ips"].append("10.0.0.1")),
    "no workers": ("provider", lambda d: d["provider"].update(worker_ips=[])),
    "few CPUs": ("resources", in_start("worker", "--address", "--num-cpus=1 --address")),
}


@pytest.mark.parametrize(("rule", "change"), ONPREM_BROKEN.values(), ids=ONPREM_BROKEN)
def test_rules_for_own_machines(rule, change, tmp_path):
    assert rules(found(tmp_path, changed(change, "clusters/onprem.yaml"))) == {rule}


def test_an_empty_project_is_found(tmp_path):
    document = changed(lambda d: d["provider"].update(project_id=None), "clusters/gcp.yaml")
    assert rules(found(tmp_path, document)) == {"provider"}


def test_a_missing_cloud_package_is_named_with_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr("search.cluster_files.sdk.find_spec", lambda _: None)
    (finding,) = found(tmp_path, launcher("clusters/gcp.yaml"))
    assert (finding.level, finding.rule) == ("warning", "sdk")
    assert finding.advice == "pip install google-api-python-client before `ray up`"


def test_each_finding_is_given_once(tmp_path):
    findings = found(tmp_path, changed(BROKEN["no token brought"][1]), trial=TRIAL)
    assert len(findings) == len(set(findings))
