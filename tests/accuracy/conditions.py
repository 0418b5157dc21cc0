"""The conditions of a gated session: what else the machine does, and did when the baseline was recorded."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_LOOP = """
import os, sys
parent, core = int(sys.argv[1]), int(sys.argv[2])
if core >= 0 and hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {core})
while os.getppid() == parent:
    for number in range(100_000):
        number * number
"""

SHORTEST_S, LONGEST_S = 3.0, 30.0
"""Bursts of load, and the pauses between them."""


@dataclass(frozen=True, slots=True)
class Condition:
    """``recorded`` says which baseline is gated against, ``load`` what runs beside the session."""

    name: str
    recorded: str
    load: str


CONDITIONS = {
    condition.name: condition
    for condition in (
        Condition("idle", "idle", ""),
        Condition("busy", "busy", "busy"),
        Condition("bursts", "idle", "bursts"),
        Condition("recorded busy, gated idle", "busy", ""),
        Condition("recorded idle, gated busy", "idle", "busy"),
    )
}


@contextmanager
def loaded(load: str, *, seed: int) -> Iterator[None]:
    """Load the machine while the block runs: not at all, with a loop on the last core, or in bursts.

    A burst loads one core or all of them. The loops end with the block, and by themselves when this process is gone.
    """
    if not load:
        yield
        return
    generator = _Bursts(seed) if load == "bursts" else _Steady()
    generator.start()
    try:
        yield
    finally:
        generator.stop()


def _loop(core: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", _LOOP, str(os.getpid()), str(core)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL)


def _end(loops: list[subprocess.Popen[bytes]]) -> None:
    for loop in loops:
        loop.kill()
    for loop in loops:
        loop.wait()
    loops.clear()


class _Steady:
    """A busy loop that keeps to the last core."""

    def __init__(self) -> None:
        self._loops: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        self._loops.append(_loop((os.cpu_count() or 1) - 1))

    def stop(self) -> None:
        _end(self._loops)


class _Bursts:
    """Load that comes and goes, on one core or on all, wherever the system puts it."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._alternate, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _alternate(self) -> None:
        loops: list[subprocess.Popen[bytes]] = []
        try:
            # a session begins somewhere in a pause or in a burst
            is_burst = self._random.random() < 0.5
            remaining = self._duration() * self._random.random()
            while not self._ended.is_set():
                if is_burst:
                    loops = [_loop(-1) for _ in range(self._random.randint(1, os.cpu_count() or 1))]
                self._ended.wait(remaining)
                _end(loops)
                is_burst, remaining = not is_burst, self._duration()
        finally:
            _end(loops)

    def _duration(self) -> float:
        return self._random.uniform(SHORTEST_S, LONGEST_S)
