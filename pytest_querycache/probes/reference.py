"""The reference workload: how fast this machine is just now.

Shared machines switch speed within seconds (1.7 times was seen), so a time says more beside that of a small fixed
piece of work done moments before. The work resembles what tests do: integers, strings, lists, dictionaries and
calls. It runs between tests, never around one, and takes at most a hundredth of the session.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns

_SHARE = 100
_RUNS = 2


def _work() -> int:
    table: dict[str, int] = {}
    for number in range(160):
        word = f"{number * 7919 % 1009:04d}"
        table[word] = table.get(word[::-1], number) + len(word.partition("0")[2])
    ordered = sorted(table.items(), key=_second)
    return sum(value * value % 97 for _, value in ordered)


def _second(pair: tuple[str, int]) -> int:
    return pair[1]


class ReferenceWorkload:
    """Times the work again whenever enough time has passed; ``latest_ns`` is the last result."""

    def __init__(self, clock: Callable[[], int] = perf_counter_ns) -> None:
        self._clock = clock
        self._next = 0
        self.latest_ns = 0

    def refresh(self) -> None:
        """Time the work if it is due: the smaller of two runs, because a disturbance only adds."""
        begin = self._clock()
        if begin < self._next:
            return
        fastest = 0
        before = begin
        for _ in range(_RUNS):
            _work()
            after = self._clock()
            took = after - before
            fastest = took if not fastest else min(fastest, took)
            before = after
        self.latest_ns = fastest
        self._next = before + (before - begin) * _SHARE
