"""Cluster files for tests: our own ones, filled in and then changed in one place."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from search.cluster_files.checking import check
from search.cluster_files.findings import Finding
from search.cluster_files.fitting import Trial

ROOT = Path(__file__).parents[2]
LAUNCHER = ("cluster.yaml", "clusters/gcp.yaml", "clusters/onprem.yaml")
KUBERAY = "clusters/kuberay.yaml"
STORAGE = "clusters/kuberay_storage.yaml"
TRIAL = Trial(cpus=4, gpus=1, source="test")
FILLED = {
    "FILL_IN_GCP_PROJECT": "some-project",
    "FILL_IN_HEAD_ADDRESS": "10.0.0.1",
    "FILL_IN_WORKER_ADDRESS": "10.0.0.2, 10.0.0.3",
    "FILL_IN_SSH_USER": "root",
    "FILL_IN_SSH_KEY": "~/.ssh/key",
    "FILL_IN_REGISTRY": "registry.example.org/us",
    "FILL_IN_STORAGE_CLASS": "shared",
}


def filled(name: str) -> str:
    text = (ROOT / name).read_text()
    for placeholder, value in FILLED.items():
        text = text.replace(placeholder, value)
    return text


def launcher(name: str = "cluster.yaml") -> dict[str, Any]:
    # Written and read again, so that a change in one place is not one in all aliases of it.
    return yaml.safe_load(_plain([yaml.safe_load(filled(name))]))


def kuberay() -> dict[str, Any]:
    return yaml.safe_load(_plain([yaml.safe_load(filled(KUBERAY))]))


def found(folder: Path, *documents: Any, trial: Trial = TRIAL) -> list[Finding]:
    path = folder / "some_cluster.yaml"
    path.write_text(_plain(documents))
    return check(path, trial)


def rules(findings: list[Finding]) -> set[str]:
    """The rules that found something; what this machine lacks for a cloud is not the file's."""
    return {one.rule for one in findings} - {"sdk"}


def changed(
    change: Callable[[dict[str, Any]], object], name: str = "cluster.yaml"
) -> dict[str, Any]:
    document = launcher(name)
    change(document)
    return document


def _plain(documents: Any) -> str:
    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    return yaml.dump_all(documents, Dumper=Plain, sort_keys=False)
