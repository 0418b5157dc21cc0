"""Ratios of two pieces of work, measured A B A B in one run; used by the commands beside this file."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable
from time import perf_counter_ns
from typing import NamedTuple

Work = Callable[[], object]


class Ratio(NamedTuple):
    """The median of the paired ratios first / second with its quartiles, and the median times of one execution."""

    low: float
    median: float
    high: float
    first_ns: float
    second_ns: float


def compared(first: Work, second: Work, *, rounds: int, sample_ns: int = 5_000_000) -> Ratio:
    """Run both in strict alternation, so that a slow minute of the machine hits both."""
    counts = [_count_for(work, sample_ns) for work in (first, second)]
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for work, count, times in zip((first, second), counts, taken, strict=True):
            gc.collect()
            times.append(_elapsed(work, count) / count)
    ratios = [one / other for one, other in zip(*taken, strict=True)]
    low, median, high = statistics.quantiles(ratios, n=4)
    return Ratio(low, median, high, statistics.median(taken[0]), statistics.median(taken[1]))


def _count_for(work: Work, sample_ns: int) -> int:
    """Return how many executions make up a sample that is long enough to be timed."""
    work()
    count = 1
    while (elapsed := _elapsed(work, count)) < sample_ns / 4:
        count *= 4
    return max(1, round(count * sample_ns / elapsed))


def _elapsed(work: Work, count: int) -> int:
    started = perf_counter_ns()
    for _ in range(count):
        work()
    return perf_counter_ns() - started


def line(title: str, ratio: Ratio, goal: str) -> str:
    """Return one line of a report: the ratio with its quartiles, both times, and what was aimed at."""
    return (
        f"{title:<58} {ratio.median:9.3g}  ({ratio.low:.3g} – {ratio.high:.3g})"
        f"   {_time(ratio.first_ns):>9} / {_time(ratio.second_ns):<9}  goal {goal}"
    )


def _time(nanoseconds: float) -> str:
    for unit, size in (("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.2f} {unit}"
    return f"{nanoseconds:.0f} ns"
