"""What a stretch of code requests from the allocators: exactly where the native counter was built, else net.

The native counter is a C extension (``_allocations.c`` says what it counts and why it is safe). It is imported
when ``load`` is first called. Where it is missing, ``NetBlockCounter`` stands in: the change in the number of
blocks alive, which misses everything that was freed again.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from time import perf_counter_ns
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ..errors import MeasurementError

if TYPE_CHECKING:
    from types import ModuleType

    GarbageCallback = Callable[[str, Mapping[str, int]], object]

NATIVE = "native"
NET = "net"

_AFFORDABLE_READ_NS = 2_000
_READS_TIMED = 5
_COLLECTIONS_MEASURED = 7


class AllocationSpan(Protocol):
    """What was requested between two moments; spans may nest, overlap, and be started again.

    ``start`` and ``stop`` allocate nothing and take a small part of a microsecond. The figures mean something
    only when ``reason`` is None after ``stop``.
    """

    def start(self) -> None:
        """Take the first reading."""

    def stop(self) -> None:
        """Take the second reading."""

    @property
    def bytes(self) -> int:
        """Bytes requested in between."""

    @property
    def blocks(self) -> int:
        """Blocks requested in between."""

    @property
    def reason(self) -> str | None:
        """Why the figures cannot be used, or None."""


class CollectionCost(NamedTuple):
    """What is requested in one run of the garbage collector because somebody listens."""

    bytes: int
    blocks: int


class AllocationCounter:
    """The native counter: one for the whole process, however many objects of this class there are."""

    kind = NATIVE

    def __init__(self, extension: ModuleType) -> None:
        self._extension = extension

    def new_span(self) -> AllocationSpan:
        """A span; make it before the measurement, because making it allocates."""
        span: AllocationSpan = self._extension.Span()
        return span

    def install(self) -> None:
        """Put the hook over CPython's allocators; does nothing when requests pass through it already.

        Raises ``MeasurementError`` when other hooks have displaced it so often that it cannot be installed
        safely in this process.
        """
        try:
            self._extension.install()
        except RuntimeError as error:
            raise MeasurementError(f"allocations cannot be counted: {error}") from None

    def uninstall(self) -> bool:
        """Stop counting, and tell whether the hook could be taken out; under other hooks it stays, idle."""
        return bool(self._extension.uninstall())

    def is_installed(self) -> bool:
        """Whether requests reach the counter, directly or through other hooks."""
        return bool(self._extension.is_installed())

    def is_intact(self) -> bool:
        """Whether the hook is where it was put; if not, every span gives a reason."""
        return bool(self._extension.is_intact())

    def totals(self) -> tuple[int, int]:
        """Bytes and blocks counted so far in this process."""
        requested_bytes, blocks = self._extension.totals()
        return requested_bytes, blocks

    def exclude_other_threads(self) -> None:
        """Count the calling thread and those started from now on, no others.

        Call it outside spans: a running one gives a reason afterwards, because its threads are no longer those
        it began with.
        """
        self._extension.exclude_other_threads()

    def include_all_threads(self) -> None:
        """Count every thread again; to be called outside spans, too."""
        self._extension.include_all_threads()

    def gc_callback_cost(self, callback: GarbageCallback | None = None) -> CollectionCost:
        """What one collection adds to the counts because ``callback`` stands in ``gc.callbacks``.

        CPython makes a dictionary for its listeners in both phases of each collection, and a callback in Python
        requests memory of its own. Pass one that does what yours does; without it, one that does nothing is
        taken. For the fraction of a millisecond this takes the collector is off and nobody else listens, so that
        the answer does not depend on who else does. Raises ``MeasurementError`` when nothing could be counted.
        """
        span = self.new_span()
        listeners, was_enabled = gc.callbacks[:], gc.isenabled()
        gc.disable()
        try:
            gc.callbacks.clear()
            silent = _cheapest_collection(span)
            gc.callbacks.append(callback or _listen_and_do_nothing)
            heard = _cheapest_collection(span)
        finally:
            gc.callbacks[:] = listeners
            if was_enabled:
                gc.enable()
        return CollectionCost(max(0, heard.bytes - silent.bytes), max(0, heard.blocks - silent.blocks))


def _listen_and_do_nothing(phase: str, info: Mapping[str, int]) -> None:
    pass


def _cheapest_collection(span: AllocationSpan) -> CollectionCost:
    costs = []
    for _ in range(_COLLECTIONS_MEASURED):
        span.start()
        gc.collect(0)
        span.stop()
        if span.reason is not None:
            raise MeasurementError(f"the cost of a garbage collection could not be measured: {span.reason}")
        costs.append(CollectionCost(span.bytes, span.blocks))
    return CollectionCost(min(cost.bytes for cost in costs), min(cost.blocks for cost in costs))


def load() -> AllocationCounter | None:
    """The native counter, not yet installed, or None where there is none; ``why_missing`` tells why."""
    extension = _extension()
    return None if isinstance(extension, str) else AllocationCounter(extension)


def why_missing() -> str | None:
    """Why there is no native counter, in one phrase, or None when there is one."""
    extension = _extension()
    return f"no native counter: {extension}" if isinstance(extension, str) else None


def _extension() -> ModuleType | str:
    """The extension module, or the reason why there is none."""
    if sys.implementation.name != "cpython":
        return f"{sys.implementation.name} has no allocators to hook"
    try:
        # not "from . import", which tells an extension that was never built by a plain ImportError
        return import_module(f"{__package__}._allocations")
    except ModuleNotFoundError:
        return "the extension was not built"
    except ImportError as error:
        return str(error)


class NetBlockCounter:
    """Stands in for the native counter: how many more blocks are alive after than before.

    Reading their number walks the heap and takes from half a microsecond in a small process to hundreds in a
    large one. Once it takes over 2 µs, spans read no more and say so: they would lengthen what is being timed.
    """

    kind = NET

    def __init__(
        self, read_blocks: Callable[[], int] | None = None, clock_ns: Callable[[], int] = perf_counter_ns
    ) -> None:
        self._read_blocks = read_blocks or getattr(sys, "getallocatedblocks", None)
        self._clock_ns = clock_ns
        self._obstacle = "this interpreter does not count its blocks" if self._read_blocks is None else None

    def new_span(self) -> NetBlockSpan:
        """A span; make it before the measurement, because making it allocates."""
        read_blocks = self._read_blocks
        if self._obstacle is None and read_blocks is not None and not self._is_affordable(read_blocks):
            self._obstacle = "counting the blocks alive takes too long in a process of this size"
        return NetBlockSpan(read_blocks, self._obstacle)

    def _is_affordable(self, read_blocks: Callable[[], int]) -> bool:
        """Whether one reading out of a few is quick; the others may have been interrupted."""
        return any(self._time_one(read_blocks) <= _AFFORDABLE_READ_NS for _ in range(_READS_TIMED))

    def _time_one(self, read_blocks: Callable[[], int]) -> int:
        started = self._clock_ns()
        read_blocks()
        return self._clock_ns() - started


class NetBlockSpan:
    """How many blocks more were alive at the end than at the start; fewer make ``blocks`` negative."""

    __slots__ = ("_before", "_read_blocks", "blocks", "reason")

    def __init__(self, read_blocks: Callable[[], int] | None, obstacle: str | None) -> None:
        self._read_blocks = read_blocks if obstacle is None else None
        self._before: int | None = None
        self.blocks = 0
        self.reason: str | None = obstacle or "the measurement was not started"

    def start(self) -> None:
        """Take the first reading."""
        if self._read_blocks is not None:
            self.reason = "the measurement was not stopped"
            self._before = self._read_blocks()

    def stop(self) -> None:
        """Take the second reading."""
        if self._before is not None and self._read_blocks is not None:
            # the integer that holds the first reading is itself a block, alive at the second
            self.blocks = self._read_blocks() - self._before - 1
            self._before = None
            self.reason = None
