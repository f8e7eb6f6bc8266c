"""What users get wrong on a cluster: each is told as such, and nothing is started or lost."""

import json
import shutil
import subprocess

import pytest
from on_hosts import HEAD, SECOND

pytestmark = pytest.mark.timeout(600)

SHORT = (
    *("--set", "families={plain_cnn: {filters: {max: 16}, fc_width: 32}}"),
    *("--set", "training.epochs=40", "--set", "search.scheduler=none"),
)


def fails(cluster, *words, file=None, **options):
    done = cluster.laptop.run("neurosweep", words[0], file or cluster.file, *words[1:], **options)
    assert done.returncode, done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stderr.startswith("neurosweep: ")
    return done.returncode, done.stderr


def changed(cluster, name, old, new):
    """The cluster file with one thing wrong."""
    file = cluster.laptop.work / name
    text = cluster.file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    return file


def another(cluster, name, old, new):
    """The cluster file with one thing wrong, of a cluster that Ray's launcher takes to be up.

    Its name is another, or the launcher takes the connection that is open already.
    """
    file = changed(cluster, f"{name}.yaml", old, new)
    file.write_text(file.read_text().replace("cluster_name: neurosweep", f"cluster_name: {name}"))
    (state,) = (cluster.laptop.home / "ray").rglob("cluster-neurosweep.state")
    told = state.read_text().replace(f'"{old}"', f'"{new}"')
    state.with_name(f"cluster-{name}.state").write_text(told)
    return file


def test_a_key_that_is_refused(cluster):
    other = cluster.laptop.home / "other-key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    file = another(cluster, "locked", str(cluster.hosts.key), str(other))
    code, error = fails(cluster, "status", file=file)
    assert code == 1
    assert "refuses the key: see `auth.ssh_user` and `auth.ssh_private_key`" in error


def test_a_head_that_cannot_be_reached(cluster):
    address = cluster.hosts.address(HEAD)
    file = another(cluster, "nobody", address, address.rpartition(".")[0] + ".99")
    code, error = fails(cluster, "submit", "experiment.yaml", file=file)
    assert code == 1
    assert "see whether the machine is up, and whether the address in" in error


def test_a_cluster_that_is_not_up(cluster):
    file = changed(cluster, "down.yaml", "cluster_name: neurosweep", "cluster_name: down")
    code, error = fails(cluster, "status", file=file)
    assert code == 1
    assert "the cluster is not up: start it with `ray up" in error


def test_rsync_missing_on_the_head(cluster):
    absent = cluster.hosts.scratch(HEAD) / "absent"
    absent.write_text("#!/bin/sh\necho 'sh: 1: rsync: not found' >&2\nexit 127\n")
    absent.chmod(0o755)
    hidden = "mount --bind /tmp/absent /usr/bin/rsync"
    assert cluster.hosts.ssh(HEAD, hidden).returncode == 0
    try:
        _, error = fails(cluster, "submit", "experiment.yaml", "--data", "images")
    finally:
        assert cluster.hosts.ssh(HEAD, "umount /usr/bin/rsync").returncode == 0
    assert "rsync is missing there: install it on every node" in error


def test_images_that_are_nowhere(cluster):
    code, error = fails(cluster, "submit", "experiment.yaml", "--data", "/nowhere/at/all")
    assert code == 2
    assert "/nowhere/at/all is on neither" in error


def test_a_bucket_that_is_not_there(cluster):
    words = ("submit", "experiment.yaml", "--data", "images", "--output", "s3://no-such-bucket/a")
    code, error = fails(cluster, *words)
    assert code == 2
    assert "there is no such bucket" in error


def test_two_submissions_with_one_run_directory(cluster):
    run = f"{cluster.laptop.home}/runs/same"
    cluster.submit("experiment.yaml", "--data", "images", "--output", run, *SHORT)
    code, error = fails(
        cluster, "submit", "experiment.yaml", "--data", "images", "--output", run, *SHORT
    )
    assert code == 2
    assert f"{run} is held by the job neurosweep-" in error
    cluster.wait(run, lambda told: told.get("status", {}).get("running"))
    assert "no trial begins any more" in cluster.laptop.neurosweep("stop", cluster.file)
    assert cluster.finish(run)["status"]["state"] == "finished"
    code, error = fails(
        cluster, "submit", "experiment.yaml", "--data", "images", "--output", run, *SHORT
    )
    assert code == 2
    assert run in error


def test_another_version_of_this_project_on_a_node(cluster):
    code = cluster.hosts.home(SECOND) / "neurosweep" / "search" / "__init__.py"
    before = code.read_text()
    code.write_text(before + "\n# changed\n")
    try:
        run = cluster.submit("experiment.yaml", "--data", "images")
        told = cluster.wait_for_end(run)
    finally:
        code.write_text(before)
    assert (told["state"], told["exit_code"]) == ("FAILED", 1)
    assert "must run the same version of neurosweep" in told["last_lines"]
    assert cluster.hosts.address(SECOND) in told["last_lines"]


def test_a_driver_in_a_folder_with_packages_of_our_names(cluster):
    """On the head, by `ray job submit` as the documents show it, from a folder full of traps."""
    place = cluster.hosts.home(HEAD) / "trap"
    for name in ("reports", "search", "spaces", "scans", "trainables"):
        (place / name).mkdir(parents=True)
        (place / name / "__init__.py").write_text("raise ImportError('not the right package')")
    shutil.copy(cluster.laptop.work / "experiment.yaml", place)
    shutil.copytree(cluster.laptop.work / "images", place / "images")
    words = (
        "neurosweep search experiment.yaml --data images --address auto --output ~/trap-run "
        "--trials 2 --set training.epochs=1"
    )
    submit = f"cd ~/trap && ray job submit -- bash -c 'cd ~/trap && {words}'"
    done = cluster.laptop.run("ray", "exec", cluster.file, submit, seconds=280)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert "not the right package" not in done.stdout
    lines = (cluster.hosts.home(HEAD) / "trap-run" / "trials.jsonl").read_text().splitlines()
    rows = [one for one in map(json.loads, lines) if one["stage"] == "search"]
    assert [one["status"] for one in rows] == ["completed", "completed"]
