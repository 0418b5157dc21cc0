"""The reference workload: how fast this machine is just now.

Shared machines switch speed within seconds (1.7 times was seen), so a time says more beside that of a small fixed
piece of work done moments before. The work resembles what tests do: integers, strings, lists, dictionaries and
calls. It runs between tests, never around one, and takes at most a small share of the time.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns

IN_SESSION = 0.01
"""The share of a session's time that it may take …"""

IN_ARM = 0.1
"""… and of the time of a process that measures single tests again: what was read before the machine changed its speed
makes their values wrong by as much."""

_RUNS = 2


def _work() -> int:
    table: dict[str, int] = {}

    def value_of(word: str) -> int:
        return table[word]

    for number in range(160):
        word = f"{number * 7919 % 1009:04d}"
        table[word] = table.get(word[::-1], number) + len(word.partition("0")[2])
    # words alone are sorted: pairs would stay behind on the interpreter's free list, and the next test would have to
    # request fewer blocks
    ordered = sorted(table, key=value_of)
    return sum(table[word] * table[word] % 97 for word in ordered)


class ReferenceWorkload:
    """Times the work again whenever enough time has passed; ``latest_ns`` is the faster one of the last two results.

    A machine that is slower now was so a moment ago too, or will be in a moment; what only one reading shows hit that
    reading, and a time that it is taken out of would look better than it was. ``share`` is the part of the time that
    the work takes at most.
    """

    def __init__(self, clock: Callable[[], int] = perf_counter_ns, *, share: float = IN_SESSION) -> None:
        self._clock = clock
        self._pause = 1 / share
        self._next = 0
        self._previous = 0
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
        self.latest_ns = min(fastest, self._previous or fastest)
        self._previous = fastest
        self._next = before + int((before - begin) * self._pause)
