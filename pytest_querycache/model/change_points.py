"""Where a series of values changed its level for good, found among noise.

**Where from.** The frame is that of Hunter (Fleming, Kołaczkowski, Kumar, Kumar, Plaksin, Rogora and Wlazło, "Hunter:
Using Change Point Detection to Hunt for Performance Regressions", ICPE 2023; now Apache Otava): the splits of
E-divisive (Matteson and James, "A Nonparametric Approach for Multiple Change Point Analysis of Multivariate Data",
JASA 109, 2014), made significant by Student's t test in place of permutations, so that the answer is always the same,
and at the end every point tested once more between its neighbours. Three things differ.

* *The statistic.* With the exponent α = 2 the energy distance of E-divisive is ``2·(x̄ − ȳ)²``, so that the best split
  of ``n`` values into ``n₁`` and ``n₂`` is the one with the largest ``g = n₁·n₂/n·(x̄ − ȳ)²``: a single pass, where
  smaller exponents compare every pair. What α < 2 is for, outliers, is dealt with beforehand:
* *Calming* (a Hampel filter; Pearson, "Outliers in Process Modeling and Identification", 2002). Each value is brought
  within ``1.5·q`` of the median of its neighbourhood of seven, ``q`` being the 90th percentile of all distances from
  these medians. A single blip cannot look like a level, and a level that lasts four runs stays what it is.
* *Where to look.* Hunter slides a window so that a short change is not drowned in a long series; here the intervals
  are those of seeded binary segmentation (Kovács, Bühlmann, Li and Munk, Biometrika 110, 2023): of the lengths
  ``n, n/2, n/4, …``, each overlapping the next by half. The split with the largest ``g`` of all intervals is taken,
  what contains it is dropped, and so on.

**The test.** A split of an interval counts when ``t² = g·(n − 2)/(S − g)``, ``S`` being the sum of squared deviations
from the interval's mean, is exceeded by chance with a probability of at most ``LEVEL`` divided by the number of all
splits of all intervals (Bonferroni). No level is shorter than ``SHORTEST`` runs.

**What was measured** (``tests/benchmarks/change_point_rates.py``, 1,000 series each). Of series of 100 runs that
did not change, these show a change: normal noise 0.1 %, skewed 0.9 %, one value in twenty far off 0.2 %, two
modes at most 1.2 %, each value like the one before (correlation 0.3) 3.4 %; of series of 30 runs 0.9 % at most,
and 4.6 %. A step of 10 % in noise of 5 % after 50 of 100 runs is found in all, within one run of its place in 82
%, within two in 92 %; one of 20 %, five runs old, in all, within one run in 99 %.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from math import fsum, inf
from statistics import median

from .student import critical_square

LEVEL = 0.01
"""The chance that a series of independent normal values shows any change point at all is below this."""

SHORTEST = 4
"""Fewer runs are no level."""

_REACH = 3
_CALM = 0.9
_CLIP = 1.5
_NOTHING = 1e-24
"""What is left of a squared difference by rounding, in units of the square of the calmed range."""
_ROUNDS = 10


def change_points(values: Sequence[float]) -> list[int]:
    """The positions at which new levels begin, in order; the values are finite, the oldest first."""
    return points_of(Calmed(values))


def points_of(series: Calmed) -> list[int]:
    """The change points of a series that is calmed already."""
    if not series.varies or series.length < 2 * SHORTEST:
        return []
    found: list[int] = []
    for _, start, split, end in sorted(_candidates(series), reverse=True):
        if not any(start < point < end for point in found):
            found.append(split)
    return _checked(series, sorted(found))


class Calmed:
    """A series without its outliers, on a scale of its own, with what tests ask for.

    ``values`` are the deviations from ``middle`` in units of ``span``, the range of the calmed ones: in that of the
    raw ones a single blip would make noise look like what rounding leaves.
    """

    def __init__(self, raw: Sequence[float]) -> None:
        self.length = len(raw)
        self.middle = median(raw) if raw else 0.0
        calm = _calmed([value - self.middle for value in raw])
        self.span = max(calm) - min(calm) if calm else 0.0
        scale = self.span or 1.0
        self.values = [value / scale for value in calm]
        self.varies = self.span > 0
        self._sums = [0.0, *accumulate(self.values)]

    def unrest(self, start: int, end: int) -> float:
        """The sum of squared deviations from the mean of an interval."""
        mean = self._mean(start, end)
        return sum((value - mean) ** 2 for value in self.values[start:end])

    def _mean(self, start: int, end: int) -> float:
        # not from sums over the series, in which a calm stretch beside a far level would be lost to rounding
        return fsum(self.values[start:end]) / (end - start)

    def gain(self, start: int, split: int, end: int) -> float:
        """How much of an interval's unrest a split takes away: ``g`` of this module's docstring."""
        length, left = end - start, split - start
        total = self._sums[end] - self._sums[start]
        off = self._sums[split] - self._sums[start] - total * left / length
        return off * off * length / (left * (length - left))

    def best_split(self, start: int, end: int) -> int:
        """The split with the largest gain; the interval has room for two levels."""
        return max(
            range(start + SHORTEST, end - SHORTEST + 1), key=lambda split: self.gain(start, split, end)
        )

    def strength(self, start: int, split: int, end: int) -> float:
        """How many times the t² that is asked for a split has; 1 and more is significant."""
        number = end - start
        apart = self._mean(start, split) - self._mean(split, end)
        gain = apart * apart * (split - start) * (end - split) / number
        rest = self.unrest(start, split) + self.unrest(split, end)
        if gain < _NOTHING * number:
            return 0.0
        if rest < _NOTHING * number:
            return inf
        freedom = number - 2
        asked = critical_square(LEVEL / _number_of_splits(self.length), freedom)
        return gain * freedom / rest / asked


def _calmed(values: Sequence[float]) -> list[float]:
    """The values without those that stand out from their neighbourhood."""
    width = 2 * _REACH + 1
    last = max(0, len(values) - width)
    middles = []
    for position in range(len(values)):
        start = max(0, min(position - _REACH, last))
        middles.append(median(values[start : start + width]))
    distances = sorted(abs(value - middle) for value, middle in zip(values, middles, strict=True))
    reach = _CLIP * distances[int(_CALM * (len(distances) - 1))] if distances else 0.0
    return [
        min(max(value, middle - reach), middle + reach) for value, middle in zip(values, middles, strict=True)
    ]


def _candidates(series: Calmed) -> Iterator[tuple[float, int, int, int]]:
    """The best split of every interval that has a significant one: its gain, and the interval's start and end."""
    for start, end in _intervals(series.length):
        split = series.best_split(start, end)
        if series.strength(start, split, end) >= 1:
            yield series.gain(start, split, end), start, split, end


@lru_cache(maxsize=256)
def _intervals(length: int) -> list[tuple[int, int]]:
    """The seeded intervals with room for two levels."""
    found = set()
    pieces = 1
    while length >= pieces * 2 * SHORTEST:
        for number in range(2 * pieces - 1):
            # rounded outwards, so that a reversed series is cut in the same places
            start, end = number * length // (2 * pieces), -(-(number + 2) * length // (2 * pieces))
            found.add((start, end))
        pieces *= 2
    return sorted(found)


@lru_cache(maxsize=256)
def _number_of_splits(length: int) -> int:
    return sum(end - start - 2 * SHORTEST + 1 for start, end in _intervals(length))


def _checked(series: Calmed, points: list[int]) -> list[int]:
    """The points that stay significant between their neighbours, the weakest dropped one after the other."""
    while points:
        points = _settled(series, points)
        bounds = [0, *points, series.length]
        strengths = [
            series.strength(start, point, end)
            for start, point, end in zip(bounds[:-2], points, bounds[2:], strict=True)
        ]
        weakest = min(strengths)
        if weakest >= 1:
            break
        del points[strengths.index(weakest)]
    return points


def _settled(series: Calmed, points: list[int]) -> list[int]:
    """The points where they split the stretch between their neighbours best."""
    for _ in range(_ROUNDS):
        bounds = [0, *points, series.length]
        moved = [series.best_split(start, end) for start, end in zip(bounds[:-2], bounds[2:], strict=True)]
        if moved == points or any(b - a < SHORTEST for a, b in pairwise(moved)):
            break
        points = moved
    return points
