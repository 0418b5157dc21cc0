"""All probes of one process, read together around a stretch of code.

The order of the readings decides what they contain: the allocation span is opened last and closed first, so that
it holds nothing of the plugin's own, and the wall clock stands right around it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter_ns, process_time_ns

from ..errors import MeasurementError
from ..model.metric import (
    ALLOCATED_BLOCKS,
    ALLOCATED_BYTES,
    CPU_TIME,
    GC_COLLECTED,
    GC_COLLECTIONS,
    GC_GEN0,
    GC_GEN1,
    GC_GEN2,
    GC_PAUSE,
    NET_BLOCKS,
    PEAK_RSS,
    RSS_GROWTH,
    WALL_TIME,
)
from .allocations import AllocationCounter, CollectionCost, NetBlockCounter, NetBlockSpan, load
from .garbage import GarbageCount, GarbageWatch, collector_settings, settings_text
from .memory import ResidentMemory

_NOTHING = GarbageCount(0, 0, 0, 0, 0)
_NO_SUMS = frozenset({PEAK_RSS.name, RSS_GROWTH.name})

_HOLDERS: set[int] = set()
"""The meters of this process that are installed, by identity."""


def _hold_counter(counter: AllocationCounter, meter: Meter) -> None:
    try:
        counter.install()
    except MeasurementError:
        return  # spans give the reason
    _HOLDERS.add(id(meter))


class Meter:
    """The probes of this process; ``install`` hooks them in, ``uninstall`` takes them out as far as is safe."""

    def __init__(
        self,
        *,
        clock: Callable[[], int] = perf_counter_ns,
        cpu_clock: Callable[[], int] = process_time_ns,
        counter: AllocationCounter | NetBlockCounter | None = None,
        garbage: GarbageWatch | None = None,
        memory: ResidentMemory | None = None,
    ) -> None:
        self.clock = clock
        self.cpu_clock = cpu_clock
        self.counter = counter or load() or NetBlockCounter()
        self.garbage = GarbageWatch(clock) if garbage is None else garbage
        self.memory = ResidentMemory() if memory is None else memory
        self.expected_settings = collector_settings()
        self.callback_cost = CollectionCost(0, 0)
        self.apart: Mapping[str, float] = {}
        self._installed = False

    def install(self, *, exclude_other_threads: bool = False) -> None:
        """Hook the probes in, and learn what the hook into the collector costs by itself.

        With ``exclude_other_threads`` those that exist now are not counted, in this whole process.
        """
        self._installed = True
        self.garbage.install()
        if isinstance(self.counter, AllocationCounter):
            _hold_counter(self.counter, self)
            if exclude_other_threads:
                self.counter.exclude_other_threads()
            try:
                # of a watch of its own, so that this is not counted as collections of anybody's test
                self.callback_cost = self.counter.gc_callback_cost(GarbageWatch(self.clock))
            except MeasurementError:
                self.callback_cost = CollectionCost(0, 0)  # spans give the same reason, test by test
        self.expected_settings = collector_settings()

    def repair(self) -> None:
        """Hook in again what a test took out, so that the next one is measured."""
        if not self._installed:
            return
        self.garbage.install()
        if isinstance(self.counter, AllocationCounter):
            _hold_counter(self.counter, self)

    def uninstall(self) -> None:
        """Take the probes out; the counter, of which a process has one, stays while another meter needs it."""
        self._installed = False
        self.garbage.uninstall()
        if isinstance(self.counter, AllocationCounter):
            _HOLDERS.discard(id(self))
            if not _HOLDERS:
                self.counter.uninstall()

    def set_apart(self, values: Mapping[str, float]) -> None:
        """Leave what a reading showed out of those around it, except for the resident memory, which is no sum."""
        sums = {name: value for name, value in values.items() if name not in _NO_SUMS}
        # never changed in place: readings tell by the object whether anything was set apart meanwhile
        self.apart = {**self.apart, **{name: self.apart.get(name, 0) + value for name, value in sums.items()}}

    def reading(self) -> Reading:
        """A reading that can be started and stopped again and again; open ones may be nested."""
        return Reading(self)


class Reading:
    """One stretch of code under all probes."""

    __slots__ = (
        "_apart_start",
        "_apart_stop",
        "_clock",
        "_cpu_clock",
        "_cpu_start",
        "_cpu_stop",
        "_garbage_start",
        "_garbage_stop",
        "_memory",
        "_meter",
        "_settings",
        "_span",
        "_wall_start",
        "_wall_stop",
    )

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._clock = meter.clock
        self._cpu_clock = meter.cpu_clock
        self._span = meter.counter.new_span()
        self._memory = meter.memory.reading()
        self._garbage_start = self._garbage_stop = _NOTHING
        self._settings: tuple[object, ...] = ()
        self._apart_start = self._apart_stop = meter.apart
        self._cpu_start = self._cpu_stop = self._wall_start = self._wall_stop = 0

    def start(self) -> None:
        """Begin to measure."""
        self._memory.start()
        self._settings = collector_settings()
        self._apart_start = self._meter.apart
        self._garbage_start = self._meter.garbage.read()
        self._cpu_start = self._cpu_clock()
        self._wall_start = self._clock()
        self._span.start()

    def stop(self) -> None:
        """End measuring; the figures stay until the next start."""
        self._span.stop()
        self._wall_stop = self._clock()
        self._cpu_stop = self._cpu_clock()
        self._garbage_stop = self._meter.garbage.read()
        self._memory.stop()
        self._apart_stop = self._meter.apart

    @property
    def wall_ns(self) -> int:
        """Wall time in ns."""
        return self._wall_stop - self._wall_start

    def figures(self) -> tuple[dict[str, float], dict[str, str]]:
        """The values by metric name, and for what could not be measured the reason."""
        values: dict[str, float] = {
            WALL_TIME.name: self.wall_ns,
            CPU_TIME.name: self._cpu_stop - self._cpu_start,
        }
        unmeasured: dict[str, str] = {}
        collections = self._read_garbage(values, unmeasured)
        self._read_allocations(collections, values, unmeasured)
        values[PEAK_RSS.name] = self._memory.peak_rise_bytes
        values[RSS_GROWTH.name] = self._memory.growth_bytes
        if self._apart_stop is not self._apart_start:
            for name, value in self._apart_stop.items():
                if name in values:
                    values[name] = max(0, values[name] - value + self._apart_start.get(name, 0))
        return values, unmeasured

    def _read_garbage(self, values: dict[str, float], unmeasured: dict[str, str]) -> int:
        before, after = self._garbage_start, self._garbage_stop
        collections = 0
        if after is not before and after != before:
            gen0, gen1, gen2 = after.gen0 - before.gen0, after.gen1 - before.gen1, after.gen2 - before.gen2
            collections = gen0 + gen1 + gen2
            values[GC_GEN0.name] = gen0
            values[GC_GEN1.name] = gen1
            values[GC_GEN2.name] = gen2
            values[GC_PAUSE.name] = after.pause_ns - before.pause_ns
            values[GC_COLLECTED.name] = after.collected - before.collected
        if self._settings != self._meter.expected_settings:
            found, expected = settings_text(self._settings), settings_text(self._meter.expected_settings)
            unmeasured[GC_COLLECTIONS.name] = (
                f"an earlier test left the collector's settings changed ({expected} → {found})"
            )
        elif not self._meter.garbage.is_installed():
            unmeasured[GC_COLLECTIONS.name] = "the test took our entry out of gc.callbacks"
            self._meter.repair()
        else:
            values[GC_COLLECTIONS.name] = collections
        return collections

    def _read_allocations(
        self, collections: int, values: dict[str, float], unmeasured: dict[str, str]
    ) -> None:
        span, meter = self._span, self._meter
        if isinstance(span, NetBlockSpan):
            if span.reason is None:
                values[NET_BLOCKS.name] = span.blocks
            else:
                unmeasured[NET_BLOCKS.name] = span.reason
        elif span.reason is not None:
            unmeasured[ALLOCATED_BYTES.name] = unmeasured[ALLOCATED_BLOCKS.name] = span.reason
        else:
            # the collector hands each callback a dictionary of its own, which nobody but us asked for
            cost = meter.callback_cost
            values[ALLOCATED_BYTES.name] = max(0, span.bytes - collections * cost.bytes)
            values[ALLOCATED_BLOCKS.name] = max(0, span.blocks - collections * cost.blocks)
