"""What the study is told of trials that ended."""

from __future__ import annotations

from reports import Origin, Status, TrialRecord
from search.books.trial_records import figures_of
from search.objective import Aim
from search.studies.study import Ending, Study
from search.studies.suggestion import number_of

__all__ = ["Teacher"]


class Teacher:
    """Tells the study how trials ended, and has it repeat what is to be repeated."""

    def __init__(self, study: Study, aim: Aim, *, repeats: int) -> None:
        """Tells a study.

        Args:
            study: The study.
            aim: What is told of a trial's figures.
            repeats: How often each configuration that completed is trained in all.
        """
        self._study = study
        self._aim = aim
        self._repeats = repeats

    def tell(self, record: TrialRecord) -> None:
        """Tells how a trial ended that was running until now."""
        number, ending = number_of(record.trial_id), self.ending_of(record)
        if ending.status == Status.COMPLETED:
            self._study.complete(number, ending.values, violations=ending.violations)
        elif ending.status == Status.PRUNED:
            self._study.prune(number, violations=ending.violations)
        else:
            self._study.fail(number, ending.reason)
        self.ask_for_repeats(record)

    def ending_of(self, record: TrialRecord) -> Ending:
        """How a record ended, as the study sees it."""
        figures = figures_of(record)
        completed = record.status == Status.COMPLETED
        values = self._aim.values(figures) if completed else []
        if values is None:
            reason = f"it completed without {', '.join(sorted(self._aim.needs))}"
            return Ending(status=Status.FAILED, reason=reason)
        return Ending(
            status=record.status,
            values=tuple(values),
            violations=tuple(self._aim.violations(figures)),
            reason=record.error or "",
        )

    def ask_for_repeats(self, record: TrialRecord) -> None:
        """Has a configuration that completed trained again, with other seeds, where it is due."""
        if record.status != Status.COMPLETED or record.origin == Origin.REPEAT:
            return
        number = number_of(record.trial_id)
        for _ in range(self._repeats - 1 - self._study.repeats_of(number)):
            self._study.repeat(number)
