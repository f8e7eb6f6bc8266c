"""Importance of the hyperparameters as bars, a figure for each family with enough trials."""

from collections.abc import Mapping

from reports.figures.axis import Axis
from reports.figures.bars import Bar, BarGroup, draw_bars
from reports.figures.figure import Figure
from reports.figures.keys import keys_of
from reports.importance import LEAST_TRIALS, MOST_TRIALS, Importance, importance_of
from reports.page import Page
from reports.settings import Settings, settings_of
from reports.wording import printable

__all__ = ["importance_figures"]

_MOST_BARS = 12
_CAPTION = (
    "which hyperparameters set a family's best trials apart from all others; shares add up to "
    "100 %. An important one is worth a finer search; one near 0 may be left as it is. Evaluator: "
    "Optuna's PED-ANOVA on the trials' validation accuracy, pruned trials with what they had "
    "reached; as the best count {best}. The space is taken as what the trials span. It says "
    "nothing of hyperparameters that work only together."
)


def importance_figures(page: Page) -> list[Figure]:
    """Draw what `reports.importance` finds for each family."""
    every = list(settings_of(page.rows, list(page.looks)))
    found = {one.family: (one, told) for one in every if (told := importance_of(one))}
    if not found:
        return []
    few = [one.family for one in every if one.family not in found]
    caption = _caption({family: told for family, (_, told) in found.items()}, few)
    keys = keys_of("importance", found)
    return [
        Figure(
            key=keys[family],
            title=f"{family}: importance, {told.trials:,} trials",
            caption=caption,
            chart=_draw(settings, told, page.looks[family].style),
            numbers={
                "hyperparameter": list(told.shares),
                "importance": list(told.shares.values()),
            },
        )
        for family, (settings, told) in found.items()
    ]


def _caption(found: Mapping[str, Importance], few: list[str]) -> str:
    shares = {round(100 * told.best) for told in found.values()}
    reach = f"{min(shares)} %" if len(shares) == 1 else f"{min(shares)} to {max(shares)} %"
    told = [_CAPTION.format(best=f"the upper {reach}, at least five trials")]
    if any(one.trials < one.measured for one in found.values()):
        told.append(f"Of larger families an even choice of {MOST_TRIALS:,} trials was taken.")
    if few:
        told.append(
            f"Nothing can be said of {', '.join(map(printable, few))}: it takes {LEAST_TRIALS} "
            "measured trials whose settings and accuracies differ."
        )
    return " ".join(told)


def _draw(settings: Settings, told: Importance, style: str) -> str:
    groups = [
        BarGroup(
            settings.short(name),
            (Bar(100 * share, None, style, False, f"{100 * share:.0f} %", f"{name}: {share:.1%}"),),
        )
        for name, share in list(told.shares.items())[:_MOST_BARS]
    ]
    axis = Axis(0.0, 100.0, "share of the importance, %")
    return draw_bars(groups, axis, label=f"Importance of the hyperparameters of {settings.family}")
