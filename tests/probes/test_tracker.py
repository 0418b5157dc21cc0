"""PerfTracker: sections of code by name, with clocks that are passed in."""

from __future__ import annotations

import gc
import math
from datetime import timedelta
from fractions import Fraction
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_querycache.errors import MeasurementError
from pytest_querycache.model.measurement import PerfMetrics
from pytest_querycache.model.metric import Better
from pytest_querycache.probes.allocations import load
from pytest_querycache.probes.meter import Meter
from pytest_querycache.probes.section_totals import SectionTotals
from pytest_querycache.probes.tracker import PerfTracker


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


class Span:
    """A counter's span that counts nothing, for a reason or without."""

    def __init__(self, reason: str | None) -> None:
        self.bytes = self.blocks = 0
        self.reason = reason

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass


@pytest.fixture
def clock() -> Clock:
    """The clock by which sections are timed."""
    return Clock()


@pytest.fixture
def counter() -> SimpleNamespace:
    """A counter; set its ``reason`` to make it fail."""
    counter = SimpleNamespace(kind="native", reason=None)
    counter.new_span = lambda: Span(counter.reason)
    return counter


@pytest.fixture
def tracker(clock: Clock, counter: SimpleNamespace) -> PerfTracker:
    """A tracker on the fake clock; nothing of it is hooked into the process."""
    return PerfTracker(Meter(clock=clock, cpu_clock=clock, counter=counter))


def names(tracker: PerfTracker) -> list[str]:
    return [metrics.operation for metrics in tracker.completed]


def test_a_scoped_section(tracker: PerfTracker, clock: Clock) -> None:
    """The body of a with block is measured, and what it cost is told when it ends."""
    told: list[PerfMetrics] = []
    with tracker.scoped("QueryExecution", on_complete=told.append) as section:
        assert section.metrics is None
        clock.now += 500
    assert section.metrics is not None
    assert told == [section.metrics]
    assert section.metrics.operation == "QueryExecution"
    assert section.metrics.elapsed_ns == 500
    assert section.metrics.timestamp.utcoffset() == timedelta(0)
    assert tracker.completed == told


def test_start_and_complete(tracker: PerfTracker, clock: Clock) -> None:
    """A section may begin and end in different places, by itself or through the tracker."""
    section = tracker.start("Compilation")
    clock.now += 3
    assert section.complete().elapsed_ns == 3
    tracker.start("Planning")
    clock.now += 4
    assert tracker.complete().elapsed_ns == 4
    assert names(tracker) == ["Compilation", "Planning"]


def test_nested_sections(tracker: PerfTracker, clock: Clock) -> None:
    """Names are joined, and the outer section contains the inner ones."""
    with tracker.scoped("a"):
        clock.now += 1
        with tracker.scoped("b"):
            clock.now += 10
            with tracker.scoped("c"):
                clock.now += 100
        clock.now += 1
    with tracker.scoped("b"):
        clock.now += 7
    elapsed = {name: totals.values["wall_time"] for name, totals in tracker.sections.items()}
    assert elapsed == {"a/b/c": 100, "a/b": 110, "a": 112, "b": 7}
    assert names(tracker) == ["a/b/c", "a/b", "a", "b"]


def test_complete_ends_the_innermost(tracker: PerfTracker) -> None:
    """The tracker's own complete() works from the inside out."""
    tracker.start("a")
    tracker.start("b")
    assert tracker.complete().operation == "a/b"
    assert tracker.complete().operation == "a"


def test_repeated_sections_are_summed(tracker: PerfTracker, clock: Clock) -> None:
    """A section of a loop stands once, with its number of executions."""
    for elapsed in (5, 6, 7):
        with tracker.scoped("step"):
            clock.now += elapsed
    totals = tracker.sections["step"]
    assert (totals.calls, totals.values["wall_time"]) == (3, 18)
    assert len(tracker.completed) == 3


def test_the_peak_of_repeated_sections_is_the_highest() -> None:
    """Memory that is used one time after the other is not added up."""
    totals = SectionTotals()
    template = PerfTracker(Meter(counter=SimpleNamespace(kind="x", new_span=lambda: Span(None)))).start("x")  # type: ignore[arg-type]
    stamp = template.complete().timestamp
    for peak in (10, 30, 20):
        values = {"peak_rss": peak, "rss_growth": peak}
        totals.add(PerfMetrics(operation="x", timestamp=stamp, values=values))
    assert totals.values == {"peak_rss": 30, "rss_growth": 60}


def test_a_section_that_was_not_measured_every_time(tracker: PerfTracker, counter: SimpleNamespace) -> None:
    """A sum that lacks one execution would look like a gain, so there is none, before or after."""
    for reason in (None, "a hook was put over ours", None):
        counter.reason = reason
        with tracker.scoped("step"):
            pass
    totals = tracker.sections["step"]
    assert not {"allocated_bytes", "allocated_blocks"} & set(totals.values)
    assert totals.unmeasured["allocated_bytes"] == "a hook was put over ours"
    assert "wall_time" in totals.values


def test_an_exception_passes_through(tracker: PerfTracker, clock: Clock) -> None:
    """The sections it leaves are ended and told, and the tracker can be used on."""
    told: list[PerfMetrics] = []

    def fail() -> None:
        with tracker.scoped("a", told.append), tracker.scoped("b", told.append):
            clock.now += 5
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [metrics.operation for metrics in told] == ["a/b", "a"]
    with tracker.scoped("c"):
        pass
    assert names(tracker) == ["a/b", "a", "c"]


def test_completing_twice(tracker: PerfTracker) -> None:
    """A section ends once; the second time says what to do instead."""
    section = tracker.start("a")
    section.complete()
    with pytest.raises(MeasurementError, match=r"^section 'a' was completed before; start a new one$"):
        section.complete()
    assert names(tracker) == ["a"]


def test_completing_inside_its_own_block(tracker: PerfTracker, clock: Clock) -> None:
    """A section that was completed early is not ended again at the end of its block."""
    with tracker.scoped("a") as section:
        clock.now += 5
        section.complete()
        clock.now += 5
    assert tracker.sections["a"].values["wall_time"] == 5
    assert tracker.sections["a"].calls == 1


def test_complete_without_anything_open(tracker: PerfTracker) -> None:
    """Completing what was never started says what to call first."""
    with pytest.raises(
        MeasurementError, match=r"^no section is open: call start\(name\) before complete\(\)$"
    ):
        tracker.complete()


@pytest.mark.parametrize("name", ["", None, 5, b"x"])
def test_a_section_needs_a_name(tracker: PerfTracker, name: object) -> None:
    """What is no text or empty is refused, and nothing is left open."""
    with pytest.raises(MeasurementError, match=r"^a section needs a name, got "):
        tracker.start(name)  # type: ignore[arg-type]
    with pytest.raises(MeasurementError, match="no section is open"):
        tracker.complete()


def test_completing_the_outer_ends_the_inner(tracker: PerfTracker, clock: Clock) -> None:
    """Sections forgotten inside another end with it; those around it stay open."""
    told: list[str] = []

    def tell(metrics: PerfMetrics) -> None:
        told.append(metrics.operation)

    tracker.start("a", tell)
    b = tracker.start("b", tell)
    tracker.start("c", tell)
    d = tracker.start("d", tell)
    clock.now += 5
    b.complete()
    assert told == names(tracker) == ["a/b/c/d", "a/b/c", "a/b"]
    assert {totals.values["wall_time"] for totals in tracker.sections.values()} == {5}
    with pytest.raises(MeasurementError, match="completed before"):
        d.complete()
    assert tracker.complete().operation == "a"


def test_a_callback_that_raises(tracker: PerfTracker) -> None:
    """The error is the caller's to see; the sections are ended and kept all the same."""

    def fail(metrics: PerfMetrics) -> None:
        raise RuntimeError(metrics.operation)

    outer = tracker.start("a")
    tracker.start("b", fail)
    with pytest.raises(RuntimeError, match="a/b"):
        outer.complete()
    assert names(tracker) == ["a/b", "a"]
    with tracker.scoped("c"):
        pass
    assert names(tracker)[-1] == "c"


def test_a_test_that_ends_with_open_sections(tracker: PerfTracker, clock: Clock) -> None:
    """What is left open is ended and kept, without calling anybody who could still raise."""

    def fail(metrics: PerfMetrics) -> None:
        raise AssertionError("called")

    tracker.start("a", fail)
    tracker.start("b", fail)
    clock.now += 5
    tracker.abandon()
    tracker.abandon()
    assert names(tracker) == ["a/b", "a"]
    assert tracker.sections["a"].values["wall_time"] == 5


@settings(deadline=None)
@given(st.lists(st.sampled_from(["start", "complete", "outermost", "tick"]), max_size=30))
def test_any_order_of_starts_and_completes(steps: list[str]) -> None:
    """However sections are opened and closed, each ends once, with the time that passed since it began."""
    clock = Clock()
    counter = SimpleNamespace(kind="native", new_span=lambda: Span(None))
    tracker = PerfTracker(Meter(clock=clock, cpu_clock=clock, counter=counter))  # type: ignore[arg-type]
    open_sections: list[tuple[object, int]] = []
    expected: list[int] = []
    for step in steps:
        if step == "start":
            open_sections.append((tracker.start("x"), clock.now))
        elif step == "tick":
            clock.now += 1
        elif open_sections and step == "complete":
            expected.append(clock.now - open_sections.pop()[1])
            tracker.complete()
        elif open_sections:
            expected.extend(clock.now - began for _, began in reversed(open_sections))
            open_sections[0][0].complete()  # type: ignore[attr-defined]
            open_sections.clear()
    expected.extend(clock.now - began for _, began in reversed(open_sections))
    tracker.abandon()
    assert [metrics.elapsed_ns for metrics in tracker.completed] == expected
    assert sum(totals.calls for totals in tracker.sections.values()) == steps.count("start")


def test_own_metrics_of_a_section(tracker: PerfTracker) -> None:
    """A value belongs to the innermost open section; the last one of a name counts."""
    with tracker.scoped("load") as section:
        tracker.record("rows", 5, unit="rows", better="higher", deterministic=True)
        tracker.record("rows", 7, unit="rows", better="higher", deterministic=True)
    assert section.metrics is not None
    assert section.metrics.values["rows"] == 7
    metric = section.metrics.metric("rows")
    assert metric is not None
    assert (metric.unit, metric.better, metric.deterministic) == ("rows", Better.HIGHER, True)
    assert tracker.sections["load"].values["rows"] == 7
    assert tracker.own_values() == ({}, {})


def test_own_metrics_of_the_test(tracker: PerfTracker) -> None:
    """Outside any section a value is the test's own."""
    tracker.record("rows_per_second", 12.5, unit="rows/s", better="higher")
    values, metrics = tracker.own_values()
    assert values == {"rows_per_second": 12.5}
    assert not metrics["rows_per_second"].deterministic


@pytest.mark.parametrize("value", [Fraction(5, 2), 5, 2.5])
def test_numbers_of_other_libraries(tracker: PerfTracker, value: float) -> None:
    """Any real number is kept as one of Python's own, which travel from worker to controller."""
    tracker.record("x", value)
    (kept,) = tracker.own_values()[0].values()
    assert kept == value
    assert type(kept) in (int, float)


@pytest.mark.parametrize("name", ["", "wall_time", "peak_rss", None, 5, []])
def test_a_name_that_an_own_metric_cannot_have(tracker: PerfTracker, name: object) -> None:
    """A built-in name, an empty one and what is no text are refused."""
    with pytest.raises(MeasurementError, match=r"cannot name an own metric: it is empty or a built-in one$"):
        tracker.record(name, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, True, "5", None, 10**400, 1j])
def test_a_value_that_is_no_number(tracker: PerfTracker, value: object) -> None:
    """What cannot be compared or stored is refused at once."""
    with pytest.raises(MeasurementError, match=r"^metric 'x': unexpected .*, expected a finite number$"):
        tracker.record("x", value)  # type: ignore[arg-type]
    assert tracker.own_values() == ({}, {})


def test_a_direction_that_is_none(tracker: PerfTracker) -> None:
    """Only two directions are known."""
    with pytest.raises(MeasurementError, match=r"^metric 'x': better='up', expected 'lower' or 'higher'$"):
        tracker.record("x", 1, better="up")


def test_measuring_a_short_function(tracker: PerfTracker, clock: Clock) -> None:
    """Rounds are lengthened until they take 5 ms; the distribution and the section say what one call takes."""
    calls = 0

    def work(step: int) -> None:
        nonlocal calls
        calls += 1
        clock.now += step

    distribution = tracker.measure(work, 1_000, rounds=4, warmup=1)
    assert distribution.loops == 8192
    assert distribution.samples_ns == (1_000.0,) * 4
    assert (distribution.min_ns, distribution.median_ns, distribution.stdev_ns) == (1_000, 1_000, 0)
    assert calls == (1 + 2 + 4 + 8 + 16 + 32 + 64 + 128 + 256 + 512 + 1024 + 2048 + 4096) + 8192 * 6
    totals = tracker.sections["work"]
    assert totals.values["time_per_call"] == 1_000
    assert "wall_time" not in totals.values


def test_a_slow_function_is_called_once_a_round(tracker: PerfTracker, clock: Clock) -> None:
    """Noise only adds: the gate takes the fastest round, the distribution keeps all of them."""
    durations = iter([9e6, 6e6, 8e6, 7e6])

    def work() -> None:
        clock.now += int(next(durations))

    distribution = tracker.measure(work, rounds=3, warmup=0, name="slow")
    assert distribution.loops == 1
    assert distribution.samples_ns == (6e6, 8e6, 7e6)
    assert tracker.sections["slow"].values["time_per_call"] == 6e6
    assert str(distribution) == "slow: min 6.00 ms, median 7.00 ms, ± 1.00 ms (3 rounds of 1 calls)"


def test_measuring_inside_a_section(tracker: PerfTracker, clock: Clock) -> None:
    """The measured function's section stands inside the open one."""

    def work() -> None:
        clock.now += 10_000_000

    with tracker.scoped("outer"):
        tracker.measure(work, rounds=1, warmup=0)
    assert set(tracker.sections) == {"outer/work", "outer"}


def test_rounds_are_left_out_of_what_stands_around_them(clock: Clock, counter: SimpleNamespace) -> None:
    """How many calls there are depends on the clock, so that only the rest of a section is the section's own."""
    meter = Meter(clock=clock, cpu_clock=clock, counter=counter)
    tracker, test = PerfTracker(meter), meter.reading()

    def work() -> None:
        clock.now += 1_000

    tracker.measure(work, name="before")
    test.start()
    clock.now += 50
    with tracker.scoped("outer") as outer:
        clock.now += 7
        tracker.measure(work)
        clock.now += 3
    with tracker.scoped("after") as after:
        clock.now += 11
    test.stop()
    assert outer.metrics is not None
    assert after.metrics is not None
    assert (outer.metrics.elapsed_ns, after.metrics.elapsed_ns) == (10, 11)
    assert test.figures()[0]["wall_time"] == 71


@pytest.mark.parametrize(("rounds", "warmup"), [(0, 0), (-1, 0), (1, -1)])
def test_rounds_that_make_no_sense(tracker: PerfTracker, rounds: int, warmup: int) -> None:
    """Nothing is called when nothing could be measured."""
    with pytest.raises(MeasurementError, match=r"expected at least 1 and 0$"):
        tracker.measure(lambda: pytest.fail("called"), rounds=rounds, warmup=warmup)


def test_an_exception_in_a_measured_function(tracker: PerfTracker) -> None:
    """It passes through, and no section is made of it."""
    with pytest.raises(ZeroDivisionError):
        tracker.measure(lambda: 1 / 0)
    assert tracker.sections == {}


def test_a_description_for_people(tracker: PerfTracker, clock: Clock, counter: SimpleNamespace) -> None:
    """Every value with its unit, and a reason where there is none."""
    counter.reason = "no hook"
    section = tracker.start("Parsing")
    clock.now += 1_240_000
    tracker.record("rows", 5, unit="rows")
    text = section.complete().describe()
    lines = text.split("\n")
    assert lines[0].startswith("Parsing (20")
    assert lines[0].endswith(" UTC)")
    assert "  wall_time         1.24 ms" in lines
    assert "  rows              5 rows" in lines
    assert "  allocated_bytes   not measured: no hook" in lines


@pytest.mark.skipif(load() is None, reason="the extension was not built")
def test_without_pytest() -> None:
    """A tracker of its own hooks its probes in at first use and out at its close, and can be used again."""
    tracker = PerfTracker()
    listeners = gc.callbacks[:]
    for _ in range(2):
        with tracker.scoped("work") as section:
            kept = [bytearray(1000) for _ in range(100)]
            gc.collect()
        assert len(kept) == 100
        assert section.metrics is not None
        assert section.metrics.unmeasured == {}
        assert section.metrics.allocated_bytes >= 100_000
        assert section.metrics.gc_collections >= 1
        tracker.close()
        assert gc.callbacks == listeners
    assert tracker.sections["work"].calls == 2


@pytest.mark.skipif(load() is None, reason="the extension was not built")
def test_blocks_of_a_measured_function() -> None:
    """A function that makes ten objects costs some ten blocks a call, the same in every session."""
    tracker = PerfTracker()
    try:
        distribution = tracker.measure(
            lambda: [bytearray(100) for _ in range(10)], rounds=1, warmup=0, name="ten"
        )
    finally:
        tracker.close()
    assert distribution.blocks is not None
    assert 10 <= distribution.blocks <= 30
    assert tracker.sections["ten"].values["blocks_per_call"] == distribution.blocks
