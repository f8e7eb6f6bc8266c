"""What the search has learned, and what it proposes next: TPE over a bounded window of trials.

Optuna does the modelling; what is here decides which of the finished trials it is shown, in which
order they rank, and that nothing is proposed twice. No disk, no Ray, no clock.
"""

from search.sampling.ending import Ending, Standing, standing_of
from search.sampling.proposal import Proposal
from search.sampling.proposer import Proposer
from search.sampling.ranking import Ranking, ranking_for
from search.sampling.sampler import Sampler
from search.sampling.seen import Seen, key_of

__all__ = [
    "Ending",
    "Proposal",
    "Proposer",
    "Ranking",
    "Sampler",
    "Seen",
    "Standing",
    "key_of",
    "ranking_for",
    "standing_of",
]
