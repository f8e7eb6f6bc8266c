"""The search in a terminal: running trials, counts, the best so far and the budget, redrawn."""

from __future__ import annotations

from contextlib import AbstractContextManager

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from reports.ranking import Ranking
from search.budgets.budget import Budget
from search.display.figures import clock_text
from search.display.tally import Tally
from search.display.view import draw

__all__ = ["LiveDisplay"]


class LiveDisplay(Tally):
    """Prints stages and notes; keeps a table of the search below them while it runs."""

    def __init__(self, console: Console, budget: Budget, *, ranking: Ranking | None = None) -> None:
        """Draws on `console`."""
        super().__init__(budget, ranking=ranking)
        self._console = console

    def stage(self, name: str, detail: str = "") -> None:
        """Prints the stage above the table."""
        super().stage(name, detail)
        line = Text(f"{clock_text(self._budget.elapsed)}  {name}  ", "bold")
        self._console.print(line.append(detail, "not bold"))

    def note(self, text: str) -> None:
        """Prints the text below its stage."""
        self._console.print(Text(f"       {text}"))

    def searching(self) -> AbstractContextManager[object]:
        """Keeps the table on the screen."""
        return Live(
            get_renderable=self.render,
            console=self._console,
            refresh_per_second=2,
            transient=True,
        )

    def render(self) -> RenderableType:
        """Draws how the search stands, one line lower than the terminal."""
        size = self._console.size
        return draw(self.standing(), width=size.width, height=size.height - 1)
