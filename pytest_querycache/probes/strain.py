"""What keeps this machine from working at its own pace: time that other machines take, and throttling."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns

import psutil

_CGROUP_FILES = (Path("/sys/fs/cgroup/cpu.stat"), Path("/sys/fs/cgroup/cpu/cpu.stat"))
"""Where Linux tells a container about itself: version 2 of its control groups, and version 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strain:
    """One reading: nanoseconds that only their differences give a meaning.

    ``stolen_ns`` is what the hypervisor gave to others while a processor of this machine wanted to work, summed over
    the ``processors``; ``throttled_ns`` how long this container was stopped for having used up its share. Both are 0
    where the system does not tell.
    """

    at_ns: int
    stolen_ns: int
    throttled_ns: int
    processors: int = 1


def read_strain(clock: Callable[[], int] = perf_counter_ns) -> Strain:
    """Read the machine's strain; takes some 50 µs, so it is not for every execution."""
    stolen = getattr(psutil.cpu_times(), "steal", 0.0)
    return Strain(
        at_ns=clock(),
        stolen_ns=int(stolen * 1e9),
        throttled_ns=_throttled_ns(),
        processors=os.cpu_count() or 1,
    )


def _throttled_ns() -> int:
    for file in _CGROUP_FILES:
        try:
            lines = file.read_text(encoding="ascii").splitlines()
        except (OSError, UnicodeDecodeError):
            continue
        for line in lines:
            name, _, value = line.partition(" ")
            if name == "throttled_usec" and value.isdecimal():
                return int(value) * 1000
            if name == "throttled_time" and value.isdecimal():
                return int(value)
    return 0


def load() -> tuple[float, int]:
    """How many processes wanted to work over the last minute, and how many processors there are for them.

    The first is 0 where the system does not tell.
    """
    try:
        busy = psutil.getloadavg()[0]
    except OSError:
        busy = 0.0
    return busy, os.cpu_count() or 1
