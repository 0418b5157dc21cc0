"""All probes together around a stretch of code, with clocks and a counter that do as they are told."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from pytest_querycache.probes.allocations import CollectionCost, NetBlockCounter, load
from pytest_querycache.probes.garbage import GarbageWatch
from pytest_querycache.probes.memory import ResidentMemory
from pytest_querycache.probes.meter import Meter


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


class Span:
    """A stretch in which a given number of bytes and blocks was requested."""

    def __init__(self, spend: SimpleNamespace) -> None:
        self.spend = spend
        self.reason: str | None = "not started"
        self.bytes = self.blocks = 0

    def start(self) -> None:
        self.before = (self.spend.bytes, self.spend.blocks)

    def stop(self) -> None:
        self.bytes, self.blocks = self.spend.bytes - self.before[0], self.spend.blocks - self.before[1]
        self.reason = self.spend.reason


class Bench:
    """A meter on which time, allocations and collections happen as a test says."""

    def __init__(self) -> None:
        self.wall, self.cpu = Clock(), Clock()
        self.spend = SimpleNamespace(bytes=0, blocks=0, reason=None)
        self.garbage = GarbageWatch(self.wall)
        counter = SimpleNamespace(kind="native", new_span=lambda: Span(self.spend))
        self.meter = Meter(clock=self.wall, cpu_clock=self.cpu, counter=counter, garbage=self.garbage)  # type: ignore[arg-type]

    def work(self, *, wall: int = 0, cpu: int = 0, size: int = 0, blocks: int = 0) -> None:
        self.wall.now += wall
        self.cpu.now += cpu
        self.spend.bytes += size
        self.spend.blocks += blocks


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A meter that is hooked in, in a process whose collector rests."""
    gc.disable()
    bench = Bench()
    bench.meter.install()
    yield bench
    bench.meter.uninstall()
    gc.enable()


def test_every_probe_reports(bench: Bench) -> None:
    """Times, allocations, collections and memory of one stretch, under their metrics' names."""
    reading = bench.meter.reading()
    reading.start()
    bench.work(wall=500, cpu=300, size=4096, blocks=7)
    reading.stop()
    values, unmeasured = reading.figures()
    assert unmeasured == {}
    assert reading.wall_ns == 500
    assert values.pop("peak_rss") >= 0
    assert isinstance(values.pop("rss_growth"), int)
    assert values == {
        "wall_time": 500,
        "cpu_time": 300,
        "allocated_bytes": 4096,
        "allocated_blocks": 7,
        "gc_collections": 0,
    }


def test_what_happens_outside_does_not_count(bench: Bench) -> None:
    """Only what lies between start and stop is in the figures, however often a reading is used."""
    reading = bench.meter.reading()
    bench.work(wall=10_000, cpu=10_000, size=10_000)
    for wall in (500, 700):
        reading.start()
        bench.work(wall=wall)
        reading.stop()
        bench.work(wall=10_000, cpu=10_000, size=10_000)
        values, _ = reading.figures()
        assert (values["wall_time"], values["cpu_time"], values["allocated_bytes"]) == (wall, 0, 0)


def test_collections_inside(bench: Bench) -> None:
    """A real collection is counted by generation, with what it freed."""
    gc.collect()
    reading = bench.meter.reading()
    reading.start()
    ring: list[object] = []
    ring.append(ring)
    del ring
    gc.collect()
    gc.collect(0)
    reading.stop()
    values, _ = reading.figures()
    assert (values["gc_collections"], values["gc_gen0"], values["gc_gen1"], values["gc_gen2"]) == (2, 1, 0, 1)
    assert values["gc_collected"] == 1
    assert values["gc_pause"] == 0


def test_the_cost_of_listening_to_the_collector_is_taken_off(bench: Bench) -> None:
    """What the interpreter allocates for our own callback is not the test's, and never makes a count negative."""
    bench.meter.callback_cost = CollectionCost(100, 3)
    reading = bench.meter.reading()
    reading.start()
    gc.collect(0)
    gc.collect(0)
    bench.work(size=1_000, blocks=5)
    reading.stop()
    values, _ = reading.figures()
    assert (values["allocated_bytes"], values["allocated_blocks"]) == (800, 0)


def test_nested_readings(bench: Bench) -> None:
    """A reading inside another one takes nothing away from it."""
    outer, inner = bench.meter.reading(), bench.meter.reading()
    outer.start()
    bench.work(wall=10, size=1)
    inner.start()
    bench.work(wall=5, size=2)
    inner.stop()
    bench.work(wall=10, size=4)
    outer.stop()
    assert (outer.wall_ns, inner.wall_ns) == (25, 5)
    assert (outer.figures()[0]["allocated_bytes"], inner.figures()[0]["allocated_bytes"]) == (7, 2)


def test_a_counter_that_could_not_count(bench: Bench) -> None:
    """A reason takes the place of both figures; the other probes still report."""
    reading = bench.meter.reading()
    reading.start()
    bench.spend.reason = "another hook was put over ours"
    bench.work(wall=5, size=100)
    reading.stop()
    values, unmeasured = reading.figures()
    assert unmeasured == dict.fromkeys(
        ("allocated_bytes", "allocated_blocks"), "another hook was put over ours"
    )
    assert not {"allocated_bytes", "allocated_blocks"} & set(values)
    assert values["wall_time"] == 5


def test_settings_that_an_earlier_test_left_behind(bench: Bench) -> None:
    """A stretch that begins under other settings than the session did is not compared by its collections."""
    old = gc.get_threshold()
    gc.enable()
    try:
        reading = bench.meter.reading()
        reading.start()
        reading.stop()
        values, unmeasured = reading.figures()
    finally:
        gc.disable()
    assert "gc_collections" not in values
    assert unmeasured == {
        "gc_collections": f"an earlier test left the collector's settings changed (off → thresholds {old})"
    }


def test_a_test_that_changes_the_settings_itself(bench: Bench) -> None:
    """What a test does to the collector is its own affair: its figures are kept."""
    reading = bench.meter.reading()
    reading.start()
    gc.enable()
    gc.disable()
    reading.stop()
    assert reading.figures()[1] == {}


def test_a_test_that_throws_our_callback_out(bench: Bench) -> None:
    """That test's collections are not known; those of the next test are."""
    others = gc.callbacks[:]
    reading = bench.meter.reading()
    reading.start()
    gc.callbacks.clear()
    reading.stop()
    gc.callbacks[:] = [callback for callback in others if callback is not bench.garbage]
    values, unmeasured = reading.figures()
    assert "gc_collections" not in values
    assert unmeasured == {"gc_collections": "the test took our entry out of gc.callbacks"}
    reading.start()
    gc.collect(0)
    reading.stop()
    values, unmeasured = reading.figures()
    assert unmeasured == {}
    assert values["gc_collections"] == 1


def test_a_meter_that_was_taken_out_stays_out(bench: Bench) -> None:
    """Asking for figures late hooks nothing in again."""
    reading = bench.meter.reading()
    reading.start()
    reading.stop()
    bench.meter.uninstall()
    assert reading.figures()[1] == {"gc_collections": "the test took our entry out of gc.callbacks"}
    assert bench.garbage not in gc.callbacks


def test_without_the_native_counter() -> None:
    """Net blocks stand in under their own name, and may be negative."""
    alive = SimpleNamespace(blocks=1000)
    counter = NetBlockCounter(read_blocks=lambda: alive.blocks, clock_ns=Clock())
    reading = Meter(clock=Clock(), cpu_clock=Clock(), counter=counter).reading()
    reading.start()
    alive.blocks = 991
    reading.stop()
    values, unmeasured = reading.figures()
    # the integer that holds the first reading is a block too
    assert values["net_blocks"] == -10
    assert not {"allocated_bytes", "allocated_blocks"} & {*values, *unmeasured}


@pytest.mark.skipif(load() is None, reason="the extension was not built")
def test_the_real_counter_sees_what_is_requested() -> None:
    """With the real probes, 100 lists cost at least 100 blocks more than none, collections or not."""
    meter = Meter(memory=ResidentMemory())
    meter.install()
    try:
        reading = meter.reading()
        blocks = []
        for number in (0, 100):
            reading.start()
            kept = [bytearray(1000) for _ in range(number)]
            gc.collect(0)
            reading.stop()
            values, unmeasured = reading.figures()
            assert unmeasured == {}
            assert len(kept) == number
            blocks.append(values["allocated_blocks"])
        assert blocks[1] - blocks[0] >= 100
        assert values["allocated_bytes"] >= 100_000
    finally:
        meter.uninstall()
