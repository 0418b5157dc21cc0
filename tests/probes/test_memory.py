"""Resident memory: what a stretch of code used at its highest."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from textwrap import dedent

import pytest

from pytest_querycache.probes import memory
from pytest_querycache.probes.memory import ResidentMemory, return_free_memory

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
MB = 1024**2


class Kernel:
    """A process whose present size and high-water mark are what a test says."""

    def __init__(self) -> None:
        self.size = self.mark = 100

    def use(self, size: int) -> None:
        self.size = size
        self.mark = max(self.mark, size)

    def reset(self) -> None:
        self.mark = self.size

    def sources(self) -> tuple[Callable[[], object], Callable[[], int], Callable[[], int]]:
        return self.reset, lambda: self.mark, lambda: self.size


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    """A kernel in place of the real one."""
    kernel = Kernel()
    monkeypatch.setattr(memory, "_sources", kernel.sources)
    return kernel


def test_a_rise_that_is_over_again(kernel: Kernel) -> None:
    """The highest point counts, although nothing of it is left; growth says what is left."""
    reading = ResidentMemory().reading()
    reading.start()
    kernel.use(180)
    kernel.use(110)
    reading.stop()
    assert (reading.peak_rise_bytes, reading.growth_bytes) == (80, 10)


def test_what_was_used_before_does_not_count(kernel: Kernel) -> None:
    """The mark is reset at the start, so that an earlier, larger test hides nothing."""
    kernel.use(500)
    kernel.use(100)
    reading = ResidentMemory().reading()
    reading.start()
    kernel.use(130)
    reading.stop()
    assert reading.peak_rise_bytes == 30


def test_a_process_that_shrinks(kernel: Kernel) -> None:
    """A size that only fell has neither risen nor grown."""
    reading = ResidentMemory().reading()
    reading.start()
    kernel.use(60)
    reading.stop()
    assert (reading.peak_rise_bytes, reading.growth_bytes) == (0, 0)


def test_what_is_given_back_after_a_rise(kernel: Kernel) -> None:
    """After a rise, growth is what stayed, and negative when the size fell below the start."""
    reading = ResidentMemory().reading()
    reading.start()
    kernel.use(300)
    kernel.use(60)
    reading.stop()
    assert (reading.peak_rise_bytes, reading.growth_bytes) == (200, -40)


def test_a_reading_may_be_used_again(kernel: Kernel) -> None:
    """The second use knows nothing of the first."""
    reading = ResidentMemory().reading()
    for size in (300, 120):
        reading.start()
        kernel.use(size)
        reading.stop()
        kernel.use(100)
    assert reading.peak_rise_bytes == 20


def test_nested_readings(kernel: Kernel) -> None:
    """An inner reading resets the kernel's mark; the outer one keeps what it saw before, inside and after."""
    shared = ResidentMemory()
    for before, inside, after in ((300, 150, 150), (150, 300, 150), (150, 150, 300)):
        kernel.use(100)
        outer, inner = shared.reading(), shared.reading()
        outer.start()
        kernel.use(before)
        kernel.use(100)
        inner.start()
        kernel.use(inside)
        kernel.use(100)
        inner.stop()
        kernel.use(after)
        kernel.use(100)
        outer.stop()
        assert (outer.peak_rise_bytes, inner.peak_rise_bytes) == (200, inside - 100)


def test_a_forgotten_inner_reading_does_not_blind_the_outermost(kernel: Kernel) -> None:
    """One closed after the reading around it leaves those further out open: their peak survives the next reset."""
    shared = ResidentMemory()
    outermost, middle, forgotten, later = (shared.reading() for _ in range(4))
    outermost.start()
    middle.start()
    forgotten.start()
    middle.stop()
    forgotten.stop()
    kernel.use(900)
    kernel.use(100)
    later.start()
    later.stop()
    outermost.stop()
    assert outermost.peak_rise_bytes == 800


def in_a_process(body: str) -> list[int]:
    """The numbers that a program of its own prints, because this one's memory has a history."""
    done = subprocess.run(
        [sys.executable, "-c", "from pytest_querycache.probes.memory import *\n" + dedent(body)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return [int(word) for word in done.stdout.split()]


@linux
def test_a_large_buffer_shows() -> None:
    """64 MB that were used and given back raise the peak by as much, each time, and leave next to nothing."""
    peaks = in_a_process(
        """
        reading = ResidentMemory().reading()
        for _ in range(3):
            reading.start()
            bytearray(64 << 20)
            reading.stop()
            print(reading.peak_rise_bytes, reading.growth_bytes)
        """
    )
    for rise, growth in zip(peaks[::2], peaks[1::2], strict=True):
        assert 63 * MB < rise < 70 * MB
        assert abs(growth) < 4 * MB


@linux
def test_the_mark_of_a_larger_parent_does_not_show() -> None:
    """A process started by a large one inherits that one's high-water mark, which must not hide a rise."""
    (rise,) = in_a_process(
        """
        import subprocess, sys
        ballast = bytearray(256 << 20)
        code = '''
        from pytest_querycache.probes.memory import ResidentMemory
        reading = ResidentMemory().reading()
        reading.start()
        bytearray(64 << 20)
        reading.stop()
        print(reading.peak_rise_bytes)
        '''
        code = "\\n".join(line.strip() for line in code.splitlines())
        print(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.decode())
        """
    )
    assert 63 * MB < rise < 70 * MB


@linux
def test_trackers_that_come_and_go_leave_no_open_files() -> None:
    """However many readers are made, the process holds the same few descriptors."""
    before, after = in_a_process(
        """
        import os
        ResidentMemory()
        print(len(os.listdir("/proc/self/fd")))
        for _ in range(50):
            ResidentMemory()
        print(len(os.listdir("/proc/self/fd")))
        """
    )
    assert after == before


def test_where_there_is_no_such_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without /proc the size at the boundaries is read, and says what stayed."""

    def refuse() -> None:
        raise OSError("no such file")

    monkeypatch.setattr(memory, "_linux_sources", refuse)
    monkeypatch.setattr(memory, "_sources", memory._sources.__wrapped__)
    reading = ResidentMemory().reading()
    reading.start()
    kept = bytearray(32 * MB)
    kept[::4096] = b"x" * len(kept[::4096])
    reading.stop()
    assert reading.peak_rise_bytes >= 24 * MB
    return_free_memory()
