"""A worker's process does not grow from trial to trial."""

import pytest

from benchmarks.worker_memory import curve, growth

pytestmark = pytest.mark.long


@pytest.mark.timeout(3600)
def test_thirty_changing_trials_leave_its_memory_flat():
    memory = curve(30)
    # A trial whose graph stayed would add more than its weights; pools still settle by a little.
    assert growth(memory) < 3.0, f"MiB after each trial: {memory}"
