"""How a series of values went: from level to level, or creeping along a line.

Change points find a loss that creeps in as a staircase that is not there. A straight line tells it better where
the Bayesian information criterion says so, ``m·ln(S/m) + p·ln m`` for ``m`` values with the remaining sum of
squares ``S``: ``p`` is 2 for a line and ``2k + 1`` for ``k`` change points. The line must also be significant, by
Student's t test of its slope at ``LINE_LEVEL``. Both are held against the calmed values of ``change_points``.

No test of a trend stands beside the change points, because it would find hardly anything earlier: of losses of 2
% a week in normal noise of 5 %, five runs a week, change points find 52 % after six weeks, 94 % after eight and all
after ten, the test of Mann and Kendall 42 %, 96 % and all; with one value in twenty far off 26, 73 and 93 %, against
24, 82 and 98 % (``tests/benchmarks/change_point_rates.py``). The line says what it is that was found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log
from statistics import fmean, median

from .change_points import SHORTEST, Calmed, points_of
from .student import critical_square

LINE_LEVEL = 0.001
"""The chance that a series of independent normal values counts as creeping is below this."""

_NOTHING = 1e-12


@dataclass(frozen=True, slots=True)
class Shift:
    """A change of level: the position of the first value of the new one, and the middle values of both."""

    position: int
    before: float
    after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What became of a series: ``start`` and ``end`` are its first and its last level.

    ``shifts`` are the changes between, none of which is told of a series that was ``creeping``: its start and end
    are the ends of a line.
    """

    start: float = 0.0
    end: float = 0.0
    shifts: Sequence[Shift] = ()
    creeping: bool = False

    @property
    def changed(self) -> bool:
        """Whether anything happened that is more than noise."""
        return self.creeping or bool(self.shifts)


def course_of(values: Sequence[float]) -> Course:
    """The course of a series of finite values, the oldest first."""
    if not values:
        return Course()
    if min(values) == max(values):
        return Course(start=values[0], end=values[0])
    series = Calmed(values)
    points = points_of(series)
    line = _line(series, points)
    if line is not None:
        return Course(start=line[0], end=line[1], creeping=True)
    bounds = [0, *points, len(values)]
    levels = [median(values[start:end]) for start, end in pairwise(bounds)]
    shifts = [Shift(point, *pair) for point, pair in zip(points, pairwise(levels), strict=True)]
    return Course(start=levels[0], end=levels[-1], shifts=shifts)


def _line(series: Calmed, points: Sequence[int]) -> tuple[float, float] | None:
    """The ends of the line a series follows; None where levels tell it better."""
    number = series.length
    if number < 2 * SHORTEST:
        return None
    middle, centre = fmean(series.values), (number - 1) / 2
    width = number * (number * number - 1) / 12
    slope = sum((place - centre) * value for place, value in enumerate(series.values)) / width
    gain = slope * slope * width
    rest = max(0.0, series.unrest(0, number) - gain)
    nothing = _NOTHING * number
    if gain < nothing or gain * (number - 2) < rest * critical_square(LINE_LEVEL, number - 2):
        return None
    steps = sum(series.unrest(start, end) for start, end in pairwise([0, *points, number]))
    if steps < nothing or (
        rest >= nothing and _criterion(rest, number, 2) >= _criterion(steps, number, 2 * len(points) + 1)
    ):
        return None
    start, end = middle - slope * centre, middle + slope * centre
    return series.middle + series.span * start, series.middle + series.span * end


def _criterion(rest: float, number: int, parameters: int) -> float:
    return number * log(rest / number) + parameters * log(number)
