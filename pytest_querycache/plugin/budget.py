"""How long confirmation may take, and how much of it is left."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic_ns

from .settings import Settings

_LEAST_NS = 30e9
_SHARE_OF_SUITE = 0.25


def budget_of(settings: Settings, suite_ns: float) -> Budget:
    """As configured, or the larger of 30 s and a quarter of the suite's time."""
    configured = settings.configuration.confirm_budget_ns
    return Budget(max(_LEAST_NS, _SHARE_OF_SUITE * suite_ns) if configured is None else configured)


class Budget:
    """A time that runs from now on; ``deadline`` is its end on ``clock``, in ns."""

    def __init__(self, length_ns: float, clock: Callable[[], int] = monotonic_ns) -> None:
        self.clock = clock
        self.deadline = clock() + int(length_ns)

    @property
    def left_ns(self) -> int:
        """What is left of it, never less than nothing."""
        return max(self.deadline - self.clock(), 0)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left."""
        return self.clock() > self.deadline

    def share(self, part: float) -> Budget:
        """A budget of its own that lasts a part of what is left."""
        return Budget(self.left_ns * part, self.clock)

    def give_back(self, begun: int) -> None:
        """Do not count what was done since ``begun``."""
        self.deadline += self.clock() - begun

    def __str__(self) -> str:
        return f"{self.left_ns / 1e9:.0f} s left"
