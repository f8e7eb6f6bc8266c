"""Who has no token, or is on another host, gets nowhere."""

import pytest
from conftest import FIRST, HEAD

pytestmark = pytest.mark.timeout(600)

DASHBOARD = "http://127.0.0.1:8265"
AUTHORIZED = '-H "Authorization: Bearer $(cat ~/.ray/auth_token)"'


def asked(hosts, number, *words):
    """The status that a server answers with; 000 where nothing listens."""
    done = hosts.ssh(number, f"curl -s -m 10 -o /dev/null -w '%{{http_code}}' {' '.join(words)}")
    return done.stdout.strip()


def test_without_the_token_the_dashboard_tells_nothing(cluster):
    for path in ("/api/version", "/api/cluster_status", "/nodes?view=summary", "/logs"):
        assert asked(cluster.hosts, HEAD, f"'{DASHBOARD}{path}'") == "401"


def test_without_the_token_the_job_server_takes_no_job(cluster):
    job = '-X POST -H "Content-Type: application/json" -d \'{"entrypoint": "touch /tmp/taken"}\''
    assert asked(cluster.hosts, HEAD, job, f"{DASHBOARD}/api/jobs/") == "401"
    assert not (cluster.hosts.scratch(HEAD) / "taken").exists()


def test_with_the_token_both_answer(cluster):
    for path in ("/api/version", "/api/jobs/"):
        assert asked(cluster.hosts, HEAD, AUTHORIZED, f"{DASHBOARD}{path}") == "200"


def test_from_another_host_the_dashboard_is_not_to_be_reached(cluster):
    address = cluster.hosts.address(HEAD)
    assert asked(cluster.hosts, FIRST, AUTHORIZED, f"http://{address}:8265/api/version") == "000"


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
