"""Collections of the garbage collector, counted and timed while they happen.

``gc.callbacks`` is used because ``gc.get_stats`` allocates, and reading it between two readings would change
what is being read.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from time import perf_counter_ns
from typing import NamedTuple


class GarbageCount(NamedTuple):
    """How often each generation was collected so far, what that took in ns, and how many objects it freed."""

    gen0: int
    gen1: int
    gen2: int
    pause_ns: int
    collected: int


class GarbageWatch:
    """Counts every collection of this process from ``install`` to ``uninstall``."""

    __slots__ = ("_clock", "_started", "collected", "gen0", "gen1", "gen2", "pause_ns")

    def __init__(self, clock: Callable[[], int] = perf_counter_ns) -> None:
        self._clock = clock
        self._started = 0
        self.gen0 = self.gen1 = self.gen2 = self.pause_ns = self.collected = 0

    def install(self) -> None:
        """Start to listen; a second call changes nothing."""
        if not self.is_installed():
            gc.callbacks.append(self)

    def uninstall(self) -> None:
        """Stop to listen."""
        if self.is_installed():
            gc.callbacks.remove(self)

    def is_installed(self) -> bool:
        """Whether the interpreter still tells this watch; a test may have emptied the list."""
        return any(callback is self for callback in gc.callbacks)

    def __call__(self, phase: str, info: Mapping[str, int]) -> None:
        if phase == "start":
            self._started = self._clock()
            return
        self.pause_ns += self._clock() - self._started
        self.collected += info["collected"]
        generation = info["generation"]
        if generation == 0:
            self.gen0 += 1
        elif generation == 1:
            self.gen1 += 1
        else:
            self.gen2 += 1

    def read(self) -> GarbageCount:
        """The counts so far."""
        return GarbageCount(self.gen0, self.gen1, self.gen2, self.pause_ns, self.collected)


def collector_settings() -> tuple[object, ...]:
    """What a test may change about the collector and thereby about every test after it."""
    return (gc.isenabled(), gc.get_threshold())


def settings_text(settings: tuple[object, ...]) -> str:
    """The settings for people: ``off`` or the thresholds."""
    return f"thresholds {settings[1]}" if settings[0] else "off"
