"""optuna-dashboard shows the study of a run, with what ours writes into its journal."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

from small_spaces import kinds

from search.studies.study import Study


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


@contextmanager
def dashboard(journal):
    """The address at which a real optuna-dashboard serves a journal."""
    port = free_port()
    code = "from optuna_dashboard._cli import main; main()"
    words = [sys.executable, "-c", code, str(journal), "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(address, process)
        yield address
    finally:
        process.kill()
        process.communicate(timeout=60)


def wait_for(address, process, seconds=120):
    end = time.monotonic() + seconds
    while True:
        try:
            return answer(f"{address}/api/studies")
        except urllib.error.URLError:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end, "the dashboard does not answer"
            time.sleep(0.1)


def answer(address):
    with urllib.request.urlopen(address, timeout=30) as response:  # noqa: S310 - our own server
        return json.load(response)


def test_the_dashboard_serves_our_study_with_scores_states_and_violations(tmp_path):
    journal = tmp_path / "study.journal"
    study = Study(journal, kinds(), sampler="tpe", seed=0)
    for _ in range(4):
        study.ask()
    study.report(0, 1, 0.5)
    study.complete(0, [0.9], violations=[-1.0])
    study.report(1, 1, 0.3)
    study.prune(1)
    study.fail(2, "out of memory")
    with dashboard(journal) as address:
        studies = answer(f"{address}/api/studies")["study_summaries"]
        ours = next(one for one in studies if one["study_name"] == "search")
        trials = answer(f"{address}/api/studies/{ours['study_id']}?after=0")["trials"]
    assert [trial["state"] for trial in trials] == ["Complete", "Pruned", "Fail", "Running"]
    assert trials[0]["values"] == [0.9]
    assert trials[0]["constraints"] == [-1.0]
    assert trials[1]["intermediate_values"] == [{"step": 1, "value": 0.3}]
    assert {"key": "failure", "value": "out of memory"} in trials[2]["user_attrs"]
    assert {param["name"] for param in trials[3]["params"]} >= {"kind", "common"}
