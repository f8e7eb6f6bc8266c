"""Who has no token, or is on another host, gets nowhere."""

import shlex

import pytest
from on_hosts import FIRST, HEAD

pytestmark = pytest.mark.timeout(600)

DASHBOARD = "http://127.0.0.1:8265"

ASK = """
import pathlib, sys, urllib.error, urllib.request
url, authorized, body = sys.argv[1:]
token = (pathlib.Path.home() / ".ray" / "auth_token").read_text().strip()
headers = {"Authorization": f"Bearer {token}"} if authorized == "yes" else {}
headers["Content-Type"] = "application/json"
request = urllib.request.Request(url, headers=headers, data=body.encode() or None)
try:
    print(urllib.request.urlopen(request, timeout=10).status)
except urllib.error.HTTPError as error:
    print(error.code)
except urllib.error.URLError as error:
    print(error.reason)
"""


def asked(hosts, number, url, *, authorized=False, body=""):
    """What a server answers that is asked on a host: a status, or why there was none."""
    script = hosts.scratch(number) / "ask.py"
    script.write_text(ASK)
    words = [url, "yes" if authorized else "no", body]
    done = hosts.ssh(number, f"~/neurosweep-env/bin/python /tmp/ask.py {shlex.join(words)}")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_without_the_token_the_dashboard_tells_nothing(cluster):
    for path in ("/api/version", "/api/cluster_status", "/nodes?view=summary", "/logs"):
        assert asked(cluster.hosts, HEAD, f"{DASHBOARD}{path}") == "401"


def test_without_the_token_the_job_server_takes_no_job(cluster):
    job = '{"entrypoint": "touch /tmp/taken"}'
    assert asked(cluster.hosts, HEAD, f"{DASHBOARD}/api/jobs/", body=job) == "401"
    assert not (cluster.hosts.scratch(HEAD) / "taken").exists()


def test_with_the_token_both_answer(cluster):
    for path in ("/api/version", "/api/jobs/"):
        assert asked(cluster.hosts, HEAD, f"{DASHBOARD}{path}", authorized=True) == "200"


def test_from_another_host_the_dashboard_is_not_to_be_reached(cluster):
    url = f"http://{cluster.hosts.address(HEAD)}:8265/api/version"
    assert "Connection refused" in asked(cluster.hosts, FIRST, url, authorized=True)


JOIN = """
import ray
try:
    ray.init("{address}:6379", log_to_driver=False)
except ConnectionError as error:
    print("refused", error)
else:
    print("joined", len(ray.nodes()))
"""


@pytest.mark.parametrize("stranger", ["without", "wrong"])
def test_without_the_token_nobody_joins_the_cluster(cluster, stranger):
    """As a user of the host who has a home folder of his own."""
    script = cluster.hosts.scratch(FIRST) / "join.py"
    script.write_text(JOIN.format(address=cluster.hosts.address(HEAD)))
    home = f"/tmp/{stranger}"
    begin = f"mkdir -p {home}/.ray && export HOME={home} RAY_gcs_rpc_server_connect_timeout_s=2"
    mode = "export RAY_AUTH_MODE=disabled"
    if stranger == "wrong":
        mode = f"export RAY_AUTH_MODE=token; printf '%064d' 7 > {home}/.ray/auth_token"
    python = "/root/neurosweep-env/bin/python"
    done = cluster.hosts.ssh(FIRST, f"{begin}; {mode}; {python} -P /tmp/join.py", seconds=120)
    assert done.stdout.startswith("refused"), done.stdout + done.stderr
    assert "InvalidAuthToken" in done.stdout + done.stderr
