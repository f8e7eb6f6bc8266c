"""kill -9 of the driver at random moments: `--resume` loses no trial and doubles none."""

import itertools
import signal

import numpy as np
import pytest
from small_runs import check_whole, info_of

pytestmark = pytest.mark.timeout(1800)


def killed_at(small_runs, run, moments):
    """Kills sitting after sitting, each after its seconds, until one ended before it was killed.

    Returns:
        For each kill the stages that had begun by then.
    """
    stages = []
    for moment in moments:
        driver = small_runs.start(run)
        ended = driver.ended(moment)
        if not ended:
            driver.kill()
        if driver.process.returncode != -signal.SIGKILL:
            assert driver.process.returncode == 0, driver.said
            break
        stages.append(" ".join(info_of(run).get("stages", ["start"])))
    return stages


def test_three_kills_in_a_row_lose_and_double_nothing(small_runs, small, work):
    """At random moments of the first, second and last third of a sitting, one after the other."""
    moments = np.random.default_rng(1)
    killed, span, runs = [], small.seconds, itertools.count()
    while len(killed) < 3:
        run = work / "runs" / f"killed-thrice-{next(runs)}"
        thirds = [span * (third + moments.random()) / 3 for third in range(3)]
        killed = killed_at(small_runs, run, thirds)
        small_runs.finish(run)
        check_whole(run, small.path)
        span *= 0.8  # for the next one: a sitting that goes on has less to do than the unkilled run


@pytest.mark.long
@pytest.mark.timeout(3 * 3600)
def test_twenty_kills_lose_and_double_nothing(small_runs, small, work, capsys):
    """At any moment from the first to the last; every other run is killed again and again."""
    moments = np.random.default_rng(2)
    killed, runs, span = 0, 0, small.seconds
    while killed < 20:
        run = work / "runs" / f"killed-{runs}"
        in_a_row = min(1 if runs % 2 else 4, 20 - killed)
        stages = killed_at(small_runs, run, moments.uniform(0.0, span, in_a_row))
        if len(stages) < in_a_row:
            span *= 0.8  # the machine was busier when the unkilled run was timed
        killed += len(stages)
        small_runs.finish(run)
        check_whole(run, small.path)
        runs += 1
        with capsys.disabled():
            print(f"\n{killed} kills, {runs} runs whole; killed after: {' | '.join(stages)}")
