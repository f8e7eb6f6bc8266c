"""How a display writes figures: times, accuracies, what is left of a limit, reasons counted."""

from __future__ import annotations

from collections.abc import Mapping

from search.budgets.budget import Amount
from search.display.standing import EndedTrial, Standing

__all__ = ["best_text", "budget_text", "clock_text", "counts_text", "figure_text", "reasons_text"]


def clock_text(seconds: float) -> str:
    """Writes seconds as 05:07 or 1:05:07."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"


def figure_text(value: float | None) -> str:
    """Writes a share with four digits; a dash where there is none."""
    return "-" if value is None else f"{value:.4f}"


def best_text(best: EndedTrial | None) -> str:
    """Names the best trial so far."""
    if best is None:
        return "none yet"
    return f"{figure_text(best.val_accuracy)} ({best.trial_id}, {best.model})"


def counts_text(standing: Standing) -> str:
    """Says how many trials ended, of how many, and how."""
    asked = standing.budget.get("trials")
    of = "" if asked is None else f" of {asked.asked:g}"
    counts = ", ".join(f"{number} {status}" for status, number in standing.counts.items())
    noun = "trial" if (standing.total, of) == (1, "") else "trials"
    return f"{standing.total}{of} {noun}: {counts}, {len(standing.running)} running"


def budget_text(budget: Mapping[str, Amount]) -> str:
    """Says of each limit but the number of trials what is used and what is left to search."""
    return " · ".join(_amount(name, one) for name, one in budget.items() if one.unit != "trials")


def _amount(name: str, amount: Amount) -> str:
    used, asked, left = (
        clock_text(value) if amount.unit == "seconds" else f"{value:.2f}"
        for value in (amount.used, amount.asked, amount.left)
    )
    of = f"{asked} {amount.currency}".rstrip()
    return f"{name.replace('_', ' ')} {used} of {of}, {left} left to search"


def reasons_text(counted: Mapping[str, int]) -> str:
    """Lists reasons with how often they were met, the most frequent first."""
    return ", ".join(f"{number} {reason}" for reason, number in counted.items())
