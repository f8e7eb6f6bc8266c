"""Every error that this program raises on purpose.

    NeurosweepError                  exit code 1: our own or the infrastructure's failure
    ├── UserError                    exit code 2: wrong use or bad input
    │   ├── DataError                the images, their folders or their labels
    │   ├── ExperimentError          the experiment file, `--set` or another option
    │   ├── SpaceError               a space or a configuration that cannot be
    │   ├── RunDirectoryError        a run directory: missing, finished, held, not one
    │   └── WeightsError             pretrained weights: missing, truncated, of another backbone
    ├── TrialError                   one trial failed; the search goes on
    │   ├── DivergedError            its loss or accuracy became NaN or infinite
    │   └── WorkerLostError          the process that trained it ended or hung
    └── NoTrialSucceededError        exit code 3: the search ended without one completed trial

A message states the rule, what was received, and what to do next.
"""

__all__ = [
    "DataError",
    "DivergedError",
    "ExperimentError",
    "NeurosweepError",
    "NoTrialSucceededError",
    "RunDirectoryError",
    "SpaceError",
    "TrialError",
    "UserError",
    "WeightsError",
    "WorkerLostError",
]


class NeurosweepError(Exception):
    """Base of all errors raised on purpose; the command line prints it and exits."""

    exit_code = 1


class UserError(NeurosweepError):
    """What the user gave cannot be used; the message says what to give instead."""

    exit_code = 2


class DataError(UserError):
    """The images, their folders or their labels cannot be used."""


class ExperimentError(UserError):
    """The experiment file, a `--set` or another option is wrong."""


class SpaceError(UserError):
    """A hyperparameter space or a configuration cannot be built or expressed."""


class RunDirectoryError(UserError):
    """A run directory is missing, finished, held by another process, or not one."""


class WeightsError(UserError):
    """Pretrained weights are missing, truncated or belong to another backbone."""


class TrialError(NeurosweepError):
    """One trial failed; the search records it and goes on."""


class DivergedError(TrialError):
    """A trial's loss or accuracy became NaN or infinite."""


class WorkerLostError(TrialError):
    """The process that trained a trial ended or stopped answering."""


class NoTrialSucceededError(NeurosweepError):
    """The search ended and not one trial completed."""

    exit_code = 3
