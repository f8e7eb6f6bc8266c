"""Each rule for files of KubeRay finds the file that breaks it, and nothing else is found."""

import argparse
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from cluster_samples import KUBERAY, ROOT, STORAGE, TRIAL, filled, found, kuberay, rules

from search.cluster_files.findings import Finding
from search.cluster_files.fitting import Trial
from search.commands import search


def broken(
    change: Callable[[dict[str, Any]], object],
    folder: Any,
    *more: dict[str, Any],
    trial: Trial = TRIAL,
) -> list[Finding]:
    job = kuberay()
    change(job)
    return found(folder, job, *more, trial=trial)


def cluster(job: dict[str, Any]) -> dict[str, Any]:
    return job["spec"]["rayClusterSpec"]


def head(job: dict[str, Any]) -> dict[str, Any]:
    return cluster(job)["headGroupSpec"]


def workers(job: dict[str, Any]) -> dict[str, Any]:
    return cluster(job)["workerGroupSpecs"][0]


def container(group: dict[str, Any]) -> dict[str, Any]:
    return group["template"]["spec"]["containers"][0]


def told(job: dict[str, Any], value: str) -> None:
    """What the head is told that may come."""
    (entry,) = [e for e in container(head(job))["env"] if e["name"] == "NEUROSWEEP_MAY_GROW"]
    entry["value"] = value


def a_second_group(job: dict[str, Any]) -> None:
    cluster(job)["workerGroupSpecs"].append({**workers(job), "groupName": "more", "maxReplicas": 2})


def by_environment(job: dict[str, Any], **token: Any) -> None:
    """The token as KubeRay before 1.5 took it."""
    cluster(job).pop("authOptions")
    for group in (head(job), workers(job)):
        mode = {"name": "RAY_AUTH_MODE", "value": "token"}
        container(group)["env"] += [mode, {"name": "RAY_AUTH_TOKEN", **token}]


BROKEN = {
    "no deadline": ("deadline", lambda j: j["spec"].pop("activeDeadlineSeconds")),
    "a deadline that is none": ("deadline", lambda j: j["spec"].update(activeDeadlineSeconds=0)),
    "a cluster that stays": (
        "clean-up",
        lambda j: j["spec"].update(shutdownAfterJobFinishes=False),
    ),
    "a cluster that stays long": (
        "clean-up",
        lambda j: j["spec"].update(ttlSecondsAfterFinished=1_000_000),
    ),
    "no token": ("authentication", lambda j: cluster(j).pop("authOptions")),
    "a disabled token": (
        "authentication",
        lambda j: cluster(j)["authOptions"].update(mode="disabled"),
    ),
    "a token in the file": ("authentication", lambda j: by_environment(j, value="abcdef")),
    "another rayVersion": ("image", lambda j: cluster(j).update(rayVersion="2.59.0")),
    "another image": (
        "image",
        lambda j: container(head(j)).update(image="rayproject/ray:2.59.0-py311"),
    ),
    "the latest image": (
        "image",
        lambda j: container(workers(j)).update(image="a/neurosweep:latest"),
    ),
    "CPUs of the head": ("head", lambda j: head(j)["rayStartParams"].pop("num-cpus")),
    "a GPU of the head": (
        "head",
        lambda j: container(head(j))["resources"]["limits"].update({"nvidia.com/gpu": 1}),
    ),
    "too small workers": (
        "resources",
        lambda j: (
            container(workers(j))["resources"]["limits"].update(cpu="3500m"),
            told(j, "[{CPU: 3.5, GPU: 1, nodes: 8}]"),
        ),
    ),
    "more workers than the head is told": ("may-grow", lambda j: workers(j).update(maxReplicas=9)),
    "larger workers than the head is told": (
        "may-grow",
        lambda j: container(workers(j))["resources"]["limits"].update(cpu="16"),
    ),
    "a kind that the head is not told of": ("may-grow", a_second_group),
    "several hosts each": ("may-grow", lambda j: workers(j).update(numOfHosts=2)),
    "a head that is told nothing": (
        "may-grow",
        lambda j: container(head(j))["env"].pop(),
    ),
    "a head that is told nonsense": ("may-grow", lambda j: told(j, "eight")),
    "no workers": ("resources", lambda j: cluster(j).update(workerGroupSpecs=[])),
    "nobody adds workers": (
        "resources",
        lambda j: cluster(j).update(enableInTreeAutoscaling=False),
    ),
    "workers that wait": ("min-workers", lambda j: workers(j).update(minReplicas=1)),
    "no limit": ("min-workers", lambda j: workers(j).pop("maxReplicas")),
    "a long idle time": (
        "idle-timeout",
        lambda j: cluster(j)["autoscalerOptions"].update(idleTimeoutSeconds=36_000),
    ),
    "a load balancer": ("dashboard", lambda j: head(j).update(serviceType="LoadBalancer")),
    "a node's port": (
        "dashboard",
        lambda j: head(j).update(headService={"spec": {"type": "NodePort"}}),
    ),
    "an ingress": ("dashboard", lambda j: head(j).update(enableIngress=True)),
    "usage statistics": ("usage-statistics", lambda j: container(head(j))["env"].pop(0)),
    "runs on the head's disk": (
        "runs",
        lambda j: head(j)["template"]["spec"].update(volumes=[{"name": "shared", "emptyDir": {}}]),
    ),
    "no head": ("kind", lambda j: cluster(j).pop("headGroupSpec")),
    "a service": ("kind", lambda j: j.update(kind="RayService")),
    "a placeholder": ("placeholder", lambda j: j["spec"].update(entrypoint="FILL_IN_COMMAND")),
}


@pytest.mark.parametrize(("rule", "change"), BROKEN.values(), ids=BROKEN)
def test_a_rule_finds_what_breaks_it_and_nothing_else_is_found(rule, change, tmp_path):
    assert rules(broken(change, tmp_path)) == {rule}


FINE = {
    "nothing changed": dict,
    "a bucket instead of a volume": lambda j: (
        head(j)["template"]["spec"].update(volumes=[]),
        j["spec"].update(entrypoint="neurosweep search --output s3://bucket/run"),
    ),
    "the token by environment": lambda j: by_environment(
        j, valueFrom={"secretKeyRef": {"name": "t"}}
    ),
    "a token that KubeRay makes": lambda j: cluster(j).update(authOptions={"mode": "token"}),
    "kinds that are told in parts": lambda j: (
        a_second_group(j),
        told(j, '[{"CPU": 8, "GPU": 1, "nodes": 4}, {"CPU": 8, "GPU": 1, "nodes": 6}]'),
    ),
    "a limit that is none": lambda j: workers(j).update(maxReplicas=float("inf")),
    "workers that are there from the start": lambda j: (
        cluster(j).update(enableInTreeAutoscaling=False),
        container(head(j))["env"].pop(),
        workers(j).update(replicas=8, minReplicas=0),
    ),
    "Ray's own parameters say it": lambda j: (
        workers(j).update(rayStartParams={"num-cpus": "4", "num-gpus": "1"}),
        told(j, "[{CPU: 4, GPU: 1, nodes: 8}]"),
        container(workers(j)).pop("resources"),
    ),
}


@pytest.mark.parametrize("change", FINE.values(), ids=FINE)
def test_what_is_right_in_another_way_is_no_finding(change, tmp_path):
    assert rules(broken(change, tmp_path)) == set()


@pytest.mark.parametrize(
    ("document", "rule"),
    [
        (
            {"kind": "Secret", "metadata": {"name": "t"}, "stringData": {"auth_token": "x"}},
            "authentication",
        ),
        (
            {"kind": "Service", "metadata": {"name": "s"}, "spec": {"type": "LoadBalancer"}},
            "dashboard",
        ),
        ({"kind": "Ingress", "metadata": {"name": "i"}}, "dashboard"),
        (
            {"kind": "PersistentVolumeClaim", "spec": {"storageClassName": "FILL_IN_CLASS"}},
            "placeholder",
        ),
    ],
)
def test_what_stands_beside_the_job_counts(document, rule, tmp_path):
    assert rules(broken(dict, tmp_path, document)) == {rule}


def test_a_cluster_without_a_job_does_not_end_by_itself(tmp_path):
    job = kuberay()
    lone = {"apiVersion": "ray.io/v1", "kind": "RayCluster", "spec": cluster(job)}
    findings = found(tmp_path, lone)
    assert [(one.level, one.rule) for one in findings] == [("warning", "deadline")]


def test_trials_without_gpus_fit_workers_without(tmp_path):
    def no_gpus(job: dict[str, Any]) -> None:
        for limits in container(workers(job))["resources"].values():
            limits.pop("nvidia.com/gpu")
        told(job, "[{CPU: 8, nodes: 8}]")

    assert rules(broken(no_gpus, tmp_path, trial=Trial(cpus=1, gpus="auto", source="t"))) == set()
    assert rules(broken(no_gpus, tmp_path)) == {"resources"}


def test_what_the_head_is_to_be_told_is_said_with_the_right_figures(tmp_path):
    (finding,) = broken(BROKEN["a kind that the head is not told of"][1], tmp_path)
    assert finding.level == "error"
    assert finding.advice.endswith('NEUROSWEEP_MAY_GROW: "[{CPU: 8, GPU: 1, nodes: 10}]"')


def test_a_claim_alone_is_a_file_that_is_only_filled_in(tmp_path):
    claim = yaml.safe_load(filled(STORAGE))
    assert found(tmp_path, claim) == []
    assert rules(found(tmp_path, yaml.safe_load((ROOT / STORAGE).read_text()))) == {"placeholder"}
    assert rules(found(tmp_path, claim, {"apiVersion": "v1", "kind": "Pod"})) == {"kind"}


def test_the_job_mounts_the_claim_that_its_deletion_leaves_alone():
    claim = yaml.safe_load(filled(STORAGE))
    job = kuberay()
    for group in (head(job), workers(job)):
        volumes = {one["name"]: one for one in group["template"]["spec"]["volumes"]}
        assert volumes["shared"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


def options(entrypoint: str) -> argparse.Namespace:
    assert entrypoint.startswith("neurosweep search ")
    parser = argparse.ArgumentParser()
    search.add_arguments(parser)
    return parser.parse_args(entrypoint.split()[2:])


def test_a_job_that_goes_on_names_the_run_of_the_job_before_and_no_experiment():
    first = options(kuberay()["spec"]["entrypoint"])
    (line,) = re.findall(r"^#     entrypoint: (.+)$", filled(KUBERAY), re.MULTILINE)
    second = options(line)
    assert not first.resume
    assert second.resume
    assert second.experiment is None
    assert (second.output, second.address) == (first.output, first.address)


def test_the_docs_have_the_commands_of_the_file():
    _, _, section = (ROOT / "docs" / "cluster.md").read_text().partition("## Kubernetes\n")
    section, _, _ = section.partition("\n## ")

    def commands(text: str) -> list[str]:
        lines = re.findall(r"^#?     ?((?:kubectl|entrypoint).+?)(?:  +#.*)?$", text, re.MULTILINE)
        return [line.strip() for line in lines]

    assert len(commands(section)) == 8
    assert commands(section) == commands(filled(KUBERAY))
    assert "kubectl apply -f clusters/kuberay.yaml" not in section
