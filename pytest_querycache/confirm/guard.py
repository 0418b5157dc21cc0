"""Notices that a round of measurements was disturbed, so that it can be measured again.

What takes turns is robust against a machine that is slow, and against one that becomes slower between two rounds. It
is not against a machine that changes while a round runs; three things tell: time that other machines took, a
container that was stopped for having used up its share, and the reference workload, which both sides time between
their executions, going faster on one side than on the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from statistics import median

from ..model.metric import REFERENCE_TIME
from ..probes.strain import Strain, read_strain
from .arm import Execution

STOLEN_SHARE = 0.1
"""More stolen time than this part of a round disturbs it: half of the smallest threshold anybody sets on times."""

LEAST_NS = 30_000_000
"""… if it is at least this: the system counts in ticks of 10 ms."""

SPEED_CHANGE = 1.15
"""The reference workload's times of the two sides differ by no more in a round that is quiet."""

FUTILE_AFTER = 3
"""After so many rounds that stayed disturbed the machine is like this, and measuring again would change nothing."""

MOST_REPEATS = 2
"""How often a disturbed round is measured again before it is kept all the same."""


class Guard:
    """Watches one round after the other."""

    def __init__(self, read: Callable[[], Strain] = read_strain) -> None:
        self._read = read
        self._before = read()
        self._in_a_row = 0

    @property
    def is_futile(self) -> bool:
        """Whether measuring again has proved useless."""
        return self._in_a_row >= FUTILE_AFTER

    def begin(self) -> None:
        """Start watching a round."""
        self._before = self._read()

    def disturbance(self, new: Iterable[Execution], old: Iterable[Execution]) -> str:
        """What disturbed the round of these executions since it began; empty where nothing did."""
        now, before = self._read(), self._before
        elapsed = max(now.at_ns - before.at_ns, 1)
        for lost, what in (
            ((now.stolen_ns - before.stolen_ns) / now.processors, "another machine took the processor"),
            (now.throttled_ns - before.throttled_ns, "the container was throttled"),
        ):
            if lost >= LEAST_NS and lost > STOLEN_SHARE * elapsed:
                return f"{what} for {100 * lost / elapsed:.0f} % of the time"
        here, there = speed_of(new), speed_of(old)
        if here and there and max(here, there) / min(here, there) > SPEED_CHANGE:
            return f"the machine changed its speed by {max(here, there) / min(here, there):.2f}x"
        return ""

    def keep(self, *, disturbed: bool) -> None:
        """Take note of how a round ended that is kept."""
        self._in_a_row = self._in_a_row + 1 if disturbed else 0


def speed_of(executions: Iterable[Execution]) -> float | None:
    """The reference workload's time in the middle of some executions, in ns; None where none was taken."""
    times = [
        figures[REFERENCE_TIME.name]
        for execution in executions
        for figures in execution.figures.values()
        if figures.get(REFERENCE_TIME.name)
    ]
    return median(times) if times else None
