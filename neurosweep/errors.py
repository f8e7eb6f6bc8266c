"""Every error that this program raises on purpose.

    NeurosweepError                  exit code 1: our own or the infrastructure's failure
    ├── UserError                    exit code 2: wrong use or bad input
    │   ├── DataError                the images, their folders or their labels
    │   ├── ExperimentError          the experiment file, `--set` or another option
    │   ├── SpaceError               a space or a configuration that cannot be
    │   ├── RunDirectoryError        a run directory: missing, finished, held, not one
    │   └── WeightsError             pretrained weights: missing, truncated, of another backbone
    ├── TrialError                   one trial failed; the search goes on
    │   ├── InfeasibleError          its network breaks a constraint and is not trained
    │   ├── DivergedError            its loss or accuracy became NaN or infinite
    │   ├── StateError               its kept state cannot be gone on from; it starts anew
    │   ├── OutOfMemoryError         it took more memory than its share
    │   ├── HungError                its process gave no sign of life for too long
    │   ├── TimeLimitError           one of its epochs took longer than an epoch may
    │   ├── OutOfTimeError           the budget ended in the middle of its first epoch
    │   ├── CrashedError             its process ended by itself
    │   └── WorkerLostError          its process was killed from outside, or its node was lost: the
    │                                one kind that is no fault of the trial, which is tried again
    ├── CodeMismatchError            a worker runs another version of this program than the driver
    ├── RepeatedFailureError         trial after trial failed in the same way; exit code 3 if none
    │                                completed before, else 1
    ├── ClusterError                 a cluster's head does not answer, or a search failed on it
    ├── StoreError                   an object store does not answer; the run can be resumed
    │   └── LeaseLostError           another driver took the run over there; this one stops
    └── NoTrialSucceededError        exit code 3: the search ended without one completed trial

A message states the rule, what was received, and what to do next.
"""

__all__ = [
    "ClusterError",
    "CodeMismatchError",
    "CrashedError",
    "DataError",
    "DivergedError",
    "ExperimentError",
    "HungError",
    "InfeasibleError",
    "LeaseLostError",
    "NeurosweepError",
    "NoTrialSucceededError",
    "OutOfMemoryError",
    "OutOfTimeError",
    "RepeatedFailureError",
    "RunDirectoryError",
    "SpaceError",
    "StateError",
    "StoreError",
    "TimeLimitError",
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


class InfeasibleError(TrialError):
    """A trial's network breaks a constraint that is known before it is trained."""

    def __init__(self, message: str, *, parameters: int) -> None:
        """Takes the message and the number of parameters, for the trial's record."""
        super().__init__(message)
        self.parameters = parameters


class DivergedError(TrialError):
    """A trial's loss or accuracy became NaN or infinite."""


class OutOfMemoryError(TrialError):
    """A trial took more memory than its share of the machine's."""


class OutOfTimeError(TrialError):
    """The budget ended before a trial's first epoch did."""


class HungError(TrialError):
    """A trial's process gave no sign of life for too long."""


class TimeLimitError(TrialError):
    """One epoch of a trial took longer than an epoch may."""


class CrashedError(TrialError):
    """A trial's process ended by itself, by a fatal signal say."""


class StateError(TrialError):
    """The state that was kept of a trial is damaged or of another; the trial starts anew."""


class WorkerLostError(TrialError):
    """A trial's process was killed from outside, or its node was lost: no fault of the trial."""


class CodeMismatchError(NeurosweepError):
    """A worker runs another version of this program than the driver."""


class ClusterError(NeurosweepError):
    """A cluster's head does not answer, or what it was asked for failed there."""

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        """Takes the message, and the exit code of what failed."""
        super().__init__(message)
        self.exit_code = exit_code


class RepeatedFailureError(NeurosweepError):
    """Trial after trial failed in the same way: the search stops and can be resumed."""

    def __init__(self, message: str, *, none_completed: bool) -> None:
        """Takes the message; the exit code says whether any trial completed before."""
        super().__init__(message)
        self.exit_code = NoTrialSucceededError.exit_code if none_completed else 1


class StoreError(NeurosweepError):
    """An object store did not answer for longer than a short outage."""


class LeaseLostError(StoreError):
    """Another driver took over the run on the object store."""


class NoTrialSucceededError(NeurosweepError):
    """The search ended and not one trial completed."""

    exit_code = 3
