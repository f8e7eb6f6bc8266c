"""A search without training: made learning curves on simulated workers, in simulated time.

The real study, book, rungs and run directory are driven, so that what they cost and whether they
keep their promises shows at sizes that nobody trains.
"""

from search.simulation.curves import Curves, MadeCurve
from search.simulation.workers import SimulatedClock, SimulatedWorkers

__all__ = ["Curves", "MadeCurve", "SimulatedClock", "SimulatedWorkers"]
