"""A worker's process does not grow from trial to trial."""

import pytest

from benchmarks.worker_memory import curve, growth

pytestmark = pytest.mark.long


@pytest.mark.timeout(3600)
def test_sixty_changing_trials_leave_its_memory_flat():
    memory = curve(60)
    # Pools grow for some 25 trials. After that, slopes over any 30 of 200 trials were between -0.2
    # and 0.5 MiB a trial; a graph that stayed would add several MiB each, its weights and more.
    assert growth(memory) < 1.0, f"MiB after each trial: {memory}"
