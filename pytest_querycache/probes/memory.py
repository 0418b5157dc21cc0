"""Resident memory of the process: how far it rose during a test, and how much of it stayed.

On Linux the kernel's high-water mark can be reset (proc(5), ``/proc/pid/clear_refs``, value 5) and is then read
with ``getrusage(2)``. A process started by a larger one inherits that one's mark in ``ru_maxrss``, which no reset
takes away; where this shows, ``VmHWM`` of ``/proc/self/status`` is read instead, at five times the price.
Elsewhere the resident size at the boundaries is all there is.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import cache

_INHERITED_SLACK = 1.25


class ResidentMemory:
    """The high-water mark of this process, shared by nested readings."""

    def __init__(self) -> None:
        self._reset, self._peak, self._current = _sources()
        self._open: list[MemoryReading] = []

    def reading(self) -> MemoryReading:
        """A reading that may be started and stopped again and again."""
        return MemoryReading(self)

    def begin(self, reading: MemoryReading) -> None:
        """Open a reading; the mark so far is kept for those already open, because it is about to be reset."""
        if self._open:
            peak = self._peak()
            for outer in self._open:
                outer.peak_bytes = max(outer.peak_bytes, peak)
        self._reset()
        reading.start_bytes = reading.peak_bytes = self._peak()
        self._open.append(reading)

    def end(self, reading: MemoryReading) -> None:
        """Close a reading, and those forgotten inside it."""
        peak = self._peak()
        # where nothing rose nothing can have grown, and the second look at the size is saved
        reading.end_bytes = self._current() if peak > reading.start_bytes else reading.start_bytes
        reading.peak_bytes = max(reading.peak_bytes, peak)
        if reading in self._open:  # else it was one of those forgotten, and is over already
            del self._open[self._open.index(reading) :]


class MemoryReading:
    """One stretch of a process's life; sizes in bytes."""

    __slots__ = ("_memory", "end_bytes", "peak_bytes", "start_bytes")

    def __init__(self, memory: ResidentMemory) -> None:
        self._memory = memory
        self.start_bytes = self.end_bytes = self.peak_bytes = 0

    def start(self) -> None:
        """Note the resident size and reset the high-water mark."""
        self._memory.begin(self)

    def stop(self) -> None:
        """Note the high-water mark and the resident size."""
        self._memory.end(self)

    @property
    def peak_rise_bytes(self) -> int:
        """How far above its start the resident size rose at its highest."""
        return max(0, self.peak_bytes - self.start_bytes)

    @property
    def growth_bytes(self) -> int:
        """How much more was resident at the end than at the start; 0 where the size never rose above its start."""
        return self.end_bytes - self.start_bytes


_Read = Callable[[], int]


@cache
def _sources() -> tuple[Callable[[], object], _Read, _Read]:
    """How to reset the mark, read it, and read the present size, in the cheapest way that is right here.

    The files behind them are opened once for the whole process, however many trackers come and go.
    """
    if sys.platform.startswith("linux"):
        try:
            return _linux_sources()
        except (OSError, ValueError):
            pass
    return _boundary_sources()


def _linux_sources() -> tuple[Callable[[], object], _Read, _Read]:
    import resource

    page = os.sysconf("SC_PAGE_SIZE")
    mark = os.open("/proc/self/clear_refs", os.O_WRONLY)
    statm = os.open("/proc/self/statm", os.O_RDONLY)
    getrusage, own = resource.getrusage, resource.RUSAGE_SELF

    def reset() -> None:
        os.pwrite(mark, b"5", 0)

    def current() -> int:
        return int(os.pread(statm, 128, 0).split(None, 2)[1]) * page

    def peak() -> int:
        return getrusage(own).ru_maxrss * 1024

    reset()
    if peak() <= current() * _INHERITED_SLACK:
        return reset, peak, current

    status = os.open("/proc/self/status", os.O_RDONLY)

    def status_peak() -> int:
        return int(os.pread(status, 4096, 0).partition(b"VmHWM:")[2].split(None, 1)[0]) * 1024

    status_peak()
    return reset, status_peak, current


def _boundary_sources() -> tuple[Callable[[], object], _Read, _Read]:
    import psutil

    process = psutil.Process()

    def current() -> int:
        return int(process.memory_info().rss)

    return (lambda: None), current, current


def return_free_memory() -> None:
    """Ask the C library to give freed memory back, so that the next rise is not hidden by what it kept."""
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


def _malloc_trim() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    import ctypes

    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None
