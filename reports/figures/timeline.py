"""What ran when: trials as bars in lanes, a lane for each worker where records name it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from xml.etree.ElementTree import Element, SubElement, tostring

from reports.figures.axis import Axis
from reports.figures.elements import picture, segment, text
from reports.figures.figure import Figure
from reports.figures.legend import Entry, draw_legend, legend_height
from reports.figures.palette import Look
from reports.figures.thinning import evenly
from reports.lanes import Lane, lanes_of
from reports.page import Page
from reports.records import Stage, Status, TrialRecord, parse_time
from reports.wording import duration, model, percent, printable

__all__ = ["MOST_LANES", "timeline_figures"]

MOST_LANES = 40
"""The figure has at most this many lanes."""

_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 520.0, 40.0, 12.0, 8.0, 58.0
_FEW = 12  # lanes that may be tall
_MANY = 1000  # trials, from which narrow bars of a lane are drawn as one
_LONG = 180.0  # minutes, from which hours are read more easily
_CAPTION = (
    "which trials ran side by side, and where workers had nothing to do: gaps at the beginning "
    "are their start, gaps at the end are the wait for the last trials. Faint: pruned. Outlined: "
    "failed."
)
_WORKERS = " A lane is a worker."
_REST = " A lane is a worker; trials of which no worker is recorded stand in the last lanes."
_PACKED = (
    " Records do not say which worker had a trial: trials are packed into lanes, as many as "
    "workers were busy at once."
)


@dataclass(frozen=True)
class _Span:
    """Neighbours in a lane that are drawn as one bar, from `begin` to `end` across."""

    begin: float
    end: float
    trials: tuple[TrialRecord, ...]


def timeline_figures(page: Page) -> list[Figure]:
    """Draw the trials of the search and of fine-tuning; empty before one ended."""
    stages = (Stage.SEARCH, Stage.FINE_TUNE)
    records = [record for record in page.run.records if record.stage in stages]
    if not records:
        return []
    every = lanes_of(records)
    lanes = evenly(every, MOST_LANES)
    begin = min(parse_time(record.started_at) for record in records)
    drawn = [(lane, record) for lane in lanes for record in lane.trials]
    many = len(drawn) > _MANY
    return [
        Figure(
            key="timeline",
            title="What ran when",
            caption=_CAPTION
            + _what_a_lane_is(every)
            + _left_out(len(every) - len(lanes), len(every), many=many),
            chart=_Timeline(lanes, begin, page.looks, many=many).draw(),
            numbers={
                "lane": [lane.name for lane, _ in drawn],
                "worker": [lane.worker for lane, _ in drawn],
                "trial_id": [record.trial_id for _, record in drawn],
                "family": [record.family for _, record in drawn],
                "status": [str(record.status) for _, record in drawn],
                "began_seconds": [_after(record.started_at, begin) for _, record in drawn],
                "ended_seconds": [_after(record.finished_at, begin) for _, record in drawn],
            },
        )
    ]


def _after(time: str, begin: datetime) -> float:
    return (parse_time(time) - begin).total_seconds()


def _what_a_lane_is(lanes: Sequence[Lane]) -> str:
    known = [lane.worker is not None for lane in lanes]
    if all(known):
        return _WORKERS
    return _REST if any(known) else _PACKED


def _left_out(lanes: int, every: int, *, many: bool) -> str:
    told = f" Of {every:,} lanes an even choice is drawn, {lanes:,} are not." if lanes else ""
    return told + (
        " Short trials that follow each other are drawn as one bar, in the colour of the family "
        "with the most of them."
        if many
        else ""
    )


class _Timeline:
    def __init__(
        self, lanes: Sequence[Lane], begin: datetime, looks: Mapping[str, Look], *, many: bool
    ) -> None:
        self._lanes, self._begin, self._looks = lanes, begin, looks
        ends = [_after(one.finished_at, begin) / 60 for lane in lanes for one in lane.trials]
        self._unit, self._seconds = ("hours", 3600.0) if max(ends) > _LONG else ("minutes", 60.0)
        last = max(ends) * 60 / self._seconds
        self._axis = Axis(0.0, max(last, 0.1), f"{self._unit} since the first trial began")
        self._narrow, self._widest = (5.0, 8.0) if many else (0.8, 3.0)
        self._tall = 18.0 if len(lanes) <= _FEW else 9.0

    def draw(self) -> str:
        present = {record.family for lane in self._lanes for record in lane.trials}
        legend = [
            Entry(look.style, "square", name)
            for name, look in self._looks.items()
            if name in present
        ]
        top = legend_height(legend, _WIDTH) + _TOP
        bottom = top + self._tall * len(self._lanes)
        root = picture(_WIDTH, bottom + _BOTTOM, "Trials by lane and time")
        draw_legend(root, legend, _WIDTH)
        self._draw_axis(SubElement(root, "g", {"class": "axes"}), top, bottom)
        plot = SubElement(root, "g")
        for number, lane in enumerate(self._lanes):
            for span in self._spans(lane):
                self._draw_span(plot, span, top + self._tall * number)
        return tostring(root, encoding="unicode")

    def _draw_axis(self, frame: Element, top: float, bottom: float) -> None:
        for value in self._axis.ticks():
            x = self._across(value)
            segment(frame, (x, top), (x, bottom))
            text(frame, (x, bottom + 15), f"{value:g}", "middle")
        text(frame, ((_LEFT + _WIDTH) / 2, bottom + 41), self._axis.title, "middle")
        every = max(1, -(-len(self._lanes) // 8))
        for number, lane in enumerate(self._lanes):
            if number % every == 0:
                text(frame, (_LEFT - 8, top + self._tall * (number + 0.5)), lane.name, "end")

    def _across(self, value: float) -> float:
        return _LEFT + self._axis.place(value) * (_WIDTH - _LEFT - _RIGHT)

    def _spans(self, lane: Lane) -> Iterator[_Span]:
        """A lane's bars; what is too narrow to be seen is joined with its neighbours."""
        held: _Span | None = None
        for record in lane.trials:
            ends = (record.started_at, record.finished_at)
            begin, end = (self._across(_after(time, self._begin) / self._seconds) for time in ends)
            if held is not None and self._joins(held, begin, end):
                held = _Span(held.begin, max(held.end, end), (*held.trials, record))
                continue
            if held is not None:
                yield held
            held = _Span(begin, end, (record,))
        if held is not None:
            yield held

    def _joins(self, held: _Span, begin: float, end: float) -> bool:
        narrow = end - begin < self._narrow and (
            len(held.trials) > 1 or held.end - held.begin < self._narrow
        )
        return narrow and begin - held.end < 1.0 and end - held.begin <= self._widest

    def _draw_span(self, parent: Element, span: _Span, top: float) -> None:
        (family, _), *_ = Counter(record.family for record in span.trials).most_common(1)
        states = {record.status for record in span.trials}
        status = states.pop() if len(states) == 1 else Status.COMPLETED
        places = {
            "x": span.begin,
            "y": top + 1.5,
            "width": max(0.8, span.end - span.begin - 0.6),
            "height": self._tall - 3,
        }
        attributes = {name: f"{value:.1f}" for name, value in places.items()}
        bar = SubElement(
            parent, "rect", {**attributes, "class": f"run {self._looks[family].style} {status}"}
        )
        SubElement(bar, "title").text = printable(self._hint(span))

    def _hint(self, span: _Span) -> str:
        if len(span.trials) > 1:
            first, last = span.trials[0].trial_id, span.trials[-1].trial_id
            counted = Counter(record.family for record in span.trials).most_common()
            told = ", ".join(f"{trials} of {family}" for family, trials in counted)
            return f"{len(span.trials)} short trials, {first} to {last}: {told}"
        record = span.trials[0]
        took = _after(record.finished_at, self._begin) - _after(record.started_at, self._begin)
        return (
            f"trial {record.trial_id}, {model(record)}: {duration(took)}, {record.status}, "
            f"{percent(record.val_accuracy)} %{f', on {record.worker}' if record.worker else ''}"
        )
