"""How finalists do with further seeds: `repeats.json`.

The file is there only if the experiment asked for it. Its figures take no part in choosing.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from neurosweep.errors import RunDirectoryError
from reports.files import read_typed

__all__ = ["Repeated", "RepeatedFinalists", "read_repeated_finalists"]

_ADVICE = "Restore the file, or delete it to do without: `search --resume` then trains them again."


@dataclass(frozen=True, kw_only=True)
class Repeated:
    """One finalist, trained anew with each of some seeds on the same images.

    Attributes:
        trial_id: The finalist.
        seeds: Those of trainings that finished, without its own; each at least 0, each once.
        accuracies: On the validation part, by seed; each from 0 to 1 inclusive.
        losses: The same; None where one came out as NaN or infinite.
        seconds: Wall time, by seed.
    """

    # Read by pydantic: a NaN has no mean.
    __pydantic_config__: ClassVar[dict[str, object]] = {"allow_inf_nan": False}

    trial_id: str
    seeds: tuple[int, ...] = ()
    accuracies: tuple[float, ...] = ()
    losses: tuple[float | None, ...] = ()
    seconds: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RepeatedFinalists:
    """All finalists that were trained with further seeds.

    Attributes:
        repeats: How many seeds each was to have in all, its own among them, at least 2. More
            may be there, of an earlier sitting that asked for more.
        finalists: In the order in which the first training of each ended.
    """

    repeats: int
    finalists: tuple[Repeated, ...]

    def of(self, trial_id: str) -> Repeated | None:
        """Give what a trial came to, None if it was not trained with another seed."""
        return next((one for one in self.finalists if one.trial_id == trial_id), None)

    def to_dict(self) -> dict[str, Any]:
        """Give what the file holds."""
        return asdict(self)


def read_repeated_finalists(path: Path) -> RepeatedFinalists | None:
    """Read the file; None if no further seeds were asked for.

    Raises:
        RunDirectoryError: A figure is missing, of a wrong type or impossible.
    """
    found = read_typed(
        path, RepeatedFinalists, holds="the finalists' further seeds", advice=_ADVICE
    )
    for problem in _problems(found) if found else ():
        raise RunDirectoryError(f"{path}: {problem}. {_ADVICE}")
    return found


def _problems(found: RepeatedFinalists) -> Iterator[str]:
    if found.repeats < 2:
        yield f"repeats is a whole number of at least 2; received {found.repeats}"
    for one in found.finalists:
        sizes = [len(each) for each in (one.seeds, one.accuracies, one.losses, one.seconds)]
        if len(set(sizes)) > 1 or len(set(one.seeds)) < len(one.seeds):
            yield (
                "a finalist has an accuracy, a loss and seconds for each seed, and each seed once; "
                f"trial {one.trial_id} has {sizes[1:]} for the seeds {list(one.seeds)}"
            )
        if not all(0 <= accuracy <= 1 for accuracy in one.accuracies):
            yield f"an accuracy is a share from 0 to 1; trial {one.trial_id} has {one.accuracies}"
