"""A record's history as a line chart: values over runs, with the baseline and the limit drawn in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import isfinite

from ..model.history import Series
from ..model.quantity import format_quantity
from ..model.verdict import Finding
from .page import Dot, HistoryChart, Level

_WIDTH = 600
_HEIGHT = 190
_LEFT, _RIGHT = 152, 12
"""On the left there is room for the levels' labels."""
_TOP, _BOTTOM = 34, 34
_FEWEST = 2
_ROOM = 0.08
_ABOVE, _BENEATH = 5, 17
_APART = 18
"""Labels of two levels nearer than this would lie upon each other."""


def history_chart(finding: Finding, series: Series | None, *, cold: float | None) -> HistoryChart | None:
    """The chart of a verdict; None where there are fewer than two runs.

    ``cold`` is the baseline's first execution, of which the kept values are likes. The limit stands as far from it as
    the verdict's own limit from what that was held against, because the tolerance is the same.
    """
    if series is None or len(series.values) < _FEWEST:
        return None
    levels = list(_levels(finding, cold))
    everything = [*series.values, *(value for value, _, _ in levels)]
    low, high = min(everything), max(everything)
    span = (high - low) or abs(high) or 1.0
    low, high = low - _ROOM * span, high + _ROOM * span
    number = len(series.values)

    def across(place: int) -> float:
        return round(_LEFT + place / (number - 1) * (_WIDTH - _LEFT - _RIGHT), 1)

    def down(value: float) -> float:
        return round(_TOP + (high - value) / (high - low) * (_HEIGHT - _TOP - _BOTTOM), 1)

    dots = [
        Dot(x=across(place), y=down(value), text=_dot_text(series, place))
        for place, value in enumerate(series.values)
    ]
    first, last = series.moments[0].finished[:10], series.moments[-1].finished[:10]
    return HistoryChart(
        title=f"{series.metric.name} over {number} runs",
        description=_description(series, levels),
        caption=_caption(series),
        width=_WIDTH,
        height=_HEIGHT,
        left=_LEFT,
        dots=dots,
        line=" ".join(f"{dot.x},{dot.y}" for dot in dots),
        levels=list(_placed(levels, down, series.metric.unit)),
        first=first,
        last=last if last != first else "",
    )


def _dot_text(series: Series, place: int) -> str:
    moment, value = series.moments[place], series.values[place]
    words = (moment.finished[:10], moment.commit_text, format_quantity(value, series.metric.unit))
    return " ".join(word for word in words if word)


def _caption(series: Series) -> str:
    """What became of the values, as far as more than noise did."""
    course, unit = series.course, series.metric.unit
    number = f"first executions in the last {len(series.values)} runs"
    if course.creeping:
        return f"{number}: creeping from {format_quantity(course.start, unit)} to {format_quantity(course.end, unit)}"
    if course.shifts:
        moment = series.moments[course.shifts[-1].position]
        began = " ".join(word for word in (moment.finished[:10], moment.commit_text) if word)
        return f"{number}: the present level began with the run of {began}"
    return number


def _levels(finding: Finding, cold: float | None) -> Iterator[tuple[float, str, str]]:
    """The horizontal lines: value, name, class in the style sheet."""
    limit = finding.limit
    if cold is not None and isfinite(cold):
        yield cold, "baseline", "was"
    if limit is None:
        return
    if limit.reference is None:
        yield limit.value, "budget", "limit"
    elif cold is not None:
        value = cold + limit.value - limit.reference
        if isfinite(value):
            yield value, "limit", "limit"


def _placed(
    levels: Sequence[tuple[float, str, str]], down: Callable[[float], float], unit: str
) -> Iterator[Level]:
    """The lines with their labels above them, or beneath where another label is in the way."""
    taken: list[float] = []
    for value, name, kind in levels:
        y = down(value)
        label = y - _ABOVE
        if any(abs(label - other) < _APART for other in taken):
            label = y + _BENEATH
        taken.append(label)
        yield Level(y=y, label_y=round(label, 1), text=f"{name} {format_quantity(value, unit)}", kind=kind)


def _description(series: Series, levels: Sequence[tuple[float, str, str]]) -> str:
    """The chart in words, for those who cannot see it."""
    unit, values = series.metric.unit, series.values
    first, last, lowest, highest = (
        format_quantity(value, unit) for value in (values[0], values[-1], min(values), max(values))
    )
    begun = series.moments[0].finished[:10]
    said = [f"From {first} on {begun} to {last} in this run; lowest {lowest}, highest {highest}."]
    said.extend(f"The {name} is {format_quantity(value, unit)}." for value, name, _ in levels)
    return " ".join(said)
