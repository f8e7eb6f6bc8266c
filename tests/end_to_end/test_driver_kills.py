"""kill -9 of the driver at random moments: `--resume` loses no trial and doubles none."""

import numpy as np
import pytest
from small_runs import check_whole, info_of

pytestmark = pytest.mark.timeout(1800)


def test_three_kills_in_a_row_lose_and_double_nothing(small_runs, small, work):
    """At random moments of the first, second and last third of a run, one after the other."""
    moments = np.random.default_rng(1)
    run = work / "runs" / "killed-thrice"
    for third in range(3):
        driver = small_runs.start(run)
        moment = small.seconds * (third + moments.random()) / 3
        if driver.ended(moment):
            assert driver.process.returncode == 0, driver.said
        driver.kill()
    small_runs.finish(run)
    check_whole(run, small.path)


@pytest.mark.long
@pytest.mark.timeout(3 * 3600)
def test_twenty_kills_lose_and_double_nothing(small_runs, small, work, capsys):
    """At any moment from the first to the last; every other run is killed again and again."""
    moments = np.random.default_rng(2)
    killed, runs, span = 0, 0, small.seconds
    while killed < 20:
        run = work / "runs" / f"killed-{runs}"
        in_a_row = 1 if runs % 2 else 4
        stages = []
        for _ in range(min(in_a_row, 20 - killed)):
            driver = small_runs.start(run)
            if driver.ended(moments.uniform(0.0, span)):
                assert driver.process.returncode == 0, driver.said
                span *= 0.8  # the machine was busier when the unkilled run was timed
                break
            driver.kill()
            killed += 1
            stages.append(" ".join(info_of(run).get("stages", ["start"])))
        small_runs.finish(run)
        check_whole(run, small.path)
        runs += 1
        with capsys.disabled():
            print(f"\n{killed} kills, {runs} runs whole; killed after: {' | '.join(stages)}")
