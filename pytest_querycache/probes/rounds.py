"""Rounds of calls: how long one call of a function takes that is too short for a clock."""

from __future__ import annotations

import gc
from collections.abc import Callable

from ..model.measurement import Distribution
from .allocations import AllocationCounter
from .meter import Meter

_ROUND_NS = 5_000_000
_MOST_LOOPS = 1 << 24


def time_calls(
    func: Callable[..., object],
    args: tuple[object, ...],
    operation: str,
    *,
    rounds: int,
    warmup: int,
    meter: Meter,
) -> Distribution:
    """The time of one call, over rounds of so many calls that a round takes 5 ms; warm-up rounds are not kept."""
    clock = meter.clock
    loops = 1
    while loops < _MOST_LOOPS and _time_round(clock, func, args, loops) < _ROUND_NS:
        loops *= 2
    for _ in range(warmup):
        _time_round(clock, func, args, loops)
    samples = tuple(_time_round(clock, func, args, loops) / loops for _ in range(rounds))
    blocks = _blocks_of_a_call(meter, func, args)
    return Distribution(operation=operation, samples_ns=samples, loops=loops, blocks=blocks)


def _time_round(
    clock: Callable[[], int], func: Callable[..., object], args: tuple[object, ...], loops: int
) -> int:
    calls = range(loops)
    start = clock()
    for _ in calls:
        func(*args)
    return clock() - start


def _blocks_of_a_call(meter: Meter, func: Callable[..., object], args: tuple[object, ...]) -> float | None:
    """The fewest blocks that one of a few warm calls requested; a full collection empties free lists first."""
    if not isinstance(meter.counter, AllocationCounter):
        return None
    span = meter.counter.new_span()
    fewest: float | None = None
    for _ in range(3):
        gc.collect()
        span.start()
        func(*args)
        span.stop()
        if span.reason is None and (fewest is None or span.blocks < fewest):
            fewest = span.blocks
    return fewest
