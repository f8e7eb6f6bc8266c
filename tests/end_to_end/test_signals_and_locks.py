"""Ctrl-C and SIGTERM in every part of a run, and two searches that want the same run directory."""

import signal

import pytest
from small_runs import check_whole, info_of, searched

pytestmark = pytest.mark.timeout(1800)


def preparing(run):
    """Before the search: the images are read, its workers are not there yet."""
    return "prepare" in info_of(run).get("stages", {})


def finishing(run):
    """After the search: the final stages have begun."""
    return "search" in info_of(run).get("stages", {})


@pytest.mark.parametrize(
    ("number", "moment"), [(signal.SIGTERM, preparing), (signal.SIGINT, finishing)]
)
def test_a_run_that_is_interrupted_outside_the_search_can_be_resumed(
    small_runs, small, work, neurosweep, number, moment
):
    run = work / "runs" / f"interrupted-while-{moment.__name__}"
    driver = small_runs.start(run)
    driver.wait_until(lambda: moment(run))

    if moment is preparing:  # the final stages are over before a second search has loaded
        second = neurosweep("search", "--resume", "--output", run)
        assert second.returncode == 2
        assert f"is held by process {driver.process.pid}" in second.stderr

    driver.process.send_signal(number)
    assert driver.ended(120), driver.said
    assert driver.process.returncode == 130, driver.said
    assert f"neurosweep search --resume --output {run}` goes on" in driver.said
    assert "Traceback" not in driver.said
    assert info_of(run)["state"] == "interrupted"
    assert (run / "leaderboard.parquet").exists()
    assert neurosweep("leaderboard", run).returncode == 0
    driver.nothing_is_left()

    before = searched(run)
    small_runs.finish(run)
    assert searched(run)[: len(before)] == before
    check_whole(run, small.path)


def test_the_lock_of_a_killed_search_is_taken_over(small_runs, small, work):
    run = work / "runs" / "left-locked"
    driver = small_runs.start(run)
    driver.wait_until(lambda: info_of(run))
    driver.kill()
    assert str(driver.process.pid) in (run / ".holder").read_text()
    small_runs.finish(run)
    check_whole(run, small.path)
