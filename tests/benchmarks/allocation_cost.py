"""What counting allocations costs, beside tracemalloc and memray: ``python tests/benchmarks/allocation_cost.py``.

Each tool is measured against nothing, in strict alternation within one process, so that a slow minute of the
machine hits both sides; the median of the paired ratios is printed with its quartiles. Tools that are not
installed are left out. ``--rounds`` trades time for certainty.
"""

from __future__ import annotations

import argparse
import ast
import gc
import inspect
import platform
import statistics
import sys
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import repeat
from pathlib import Path
from time import perf_counter_ns
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))

from pytest_querycache.probes.allocations import AllocationCounter, load, why_missing

Work = Callable[[], object]
Tool = Callable[[], AbstractContextManager[object]]

SAMPLE_NS = 20_000_000
QUERIES = (
    "SELECT a, b, SUM(c) AS total FROM orders WHERE d > 10 AND e IN (1, 2, 3) GROUP BY a, b ORDER BY total DESC",
    "WITH r AS (SELECT * FROM events WHERE at > 3) SELECT u.id FROM users AS u JOIN r ON r.id = u.id LIMIT 5",
    "SELECT CASE WHEN x < 0 THEN 'low' ELSE 'high' END, ROW_NUMBER() OVER (PARTITION BY y ORDER BY z) FROM t",
    "SELECT DISTINCT p.name FROM p LEFT JOIN stock AS s ON s.product = p.id WHERE s.amount IS NULL",
)


class Workload(NamedTuple):
    """Something to do, the most it may be slowed down by counting, and its name."""

    name: str
    work: Work
    target: float


class Ratio(NamedTuple):
    """The median of paired ratios, with its quartiles."""

    low: float
    median: float
    high: float


def parser() -> Workload:
    """Real code that allocates as such code does: sqlglot where it is installed, else CPython's own parser."""
    try:
        import sqlglot
    except ImportError:
        source = inspect.getsource(inspect)
        return Workload("parser (ast.parse)", lambda: ast.parse(source), 1.01)
    return Workload("parser (sqlglot)", lambda: [sqlglot.parse_one(query) for query in QUERIES], 1.01)


def allocate_only() -> None:
    """Nothing but requests of the smallest kind there is, each freed at once."""
    for _ in repeat(None, 5_000):
        object()


@contextmanager
def nothing() -> Iterator[None]:
    """The side the others are compared with."""
    yield


def counting(counter: AllocationCounter) -> Tool:
    """The native counter, as a session uses it."""

    @contextmanager
    def count() -> Iterator[None]:
        counter.install()
        counter.exclude_other_threads()
        try:
            yield
        finally:
            counter.uninstall()

    return count


@contextmanager
def tracing() -> Iterator[None]:
    """tracemalloc with one frame, its cheapest setting."""
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def memray_tracking(folder: str) -> Tool | None:
    """memray with Python's allocators traced, which is what sees the same requests."""
    try:
        import memray
    except ImportError:
        return None
    target = Path(folder) / "memray.bin"

    def track() -> AbstractContextManager[object]:
        destination = memray.FileDestination(target, overwrite=True)
        return memray.Tracker(destination=destination, trace_python_allocators=True)

    return track


def tools(folder: str) -> dict[str, Tool]:
    """Everything that is installed here, by name."""
    found: dict[str, Tool] = {}
    counter = load()
    if counter is None:
        print(why_missing(), file=sys.stderr)
    else:
        found["counting"] = counting(counter)
    found["tracemalloc"] = tracing
    memray = memray_tracking(folder)
    if memray is not None:
        found["memray"] = memray
    return found


def repetitions(work: Work) -> int:
    """How often the work fits into a sample."""
    work()
    count = 1
    while time_of(nothing, work, count) < SAMPLE_NS:
        count *= 2
    return count


def time_of(tool: Tool, work: Work, count: int) -> int:
    """How long the work takes under a tool, in ns; switching the tool on and off is not part of it."""
    with tool():
        work()
        each = repeat(None, count)
        started = perf_counter_ns()
        for _ in each:
            work()
        return perf_counter_ns() - started


def ratio_of(tool: Tool, workload: Workload, rounds: int) -> Ratio:
    """How many times longer the workload takes under the tool."""
    count = repetitions(workload.work)
    ratios = []
    for number in range(rounds):
        if number % 2:
            with_tool = time_of(tool, workload.work, count)
            without = time_of(nothing, workload.work, count)
        else:
            without = time_of(nothing, workload.work, count)
            with_tool = time_of(tool, workload.work, count)
        ratios.append(with_tool / without)
    return Ratio(*statistics.quantiles(ratios, n=4))


def reading_ns(counter: AllocationCounter) -> float:
    """What start() and stop() take together."""
    counter.install()
    span = counter.new_span()
    many = (None,) * 100_000
    times = []
    for _ in range(7):
        started = perf_counter_ns()
        for _ in many:
            span.start()
            span.stop()
        with_readings = perf_counter_ns() - started
        started = perf_counter_ns()
        for _ in many:
            pass
        times.append((with_readings - (perf_counter_ns() - started)) / len(many))
    counter.uninstall()
    return min(times)


def row(name: str, cells: list[str]) -> str:
    """A line of the table."""
    return f"{name:<14}" + "".join(f"{cell:>32}" for cell in cells)


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=inspect.getdoc(sys.modules[__name__]))
    options.add_argument(
        "--rounds", type=int, default=41, help="pairs of samples for each figure (default: 41)"
    )
    rounds = max(2, options.parse_args().rounds)
    gc.disable()
    workloads = [parser(), Workload("loop that only allocates", allocate_only, 1.06)]
    print(
        f"times longer than without, median (quartiles), {rounds} pairs, CPython {platform.python_version()}"
    )
    print(row("", [workload.name for workload in workloads]))
    with tempfile.TemporaryDirectory() as folder:
        for name, tool in tools(folder).items():
            ratios = [ratio_of(tool, workload, rounds) for workload in workloads]
            print(row(name, [f"{it.median:.3f} ({it.low:.3f}–{it.high:.3f})" for it in ratios]), flush=True)
    print(row("wanted", [f"at most {workload.target}" for workload in workloads]))
    counter = load()
    if counter is not None:
        print(f"one start() and one stop(): {reading_ns(counter):.0f} ns together")


if __name__ == "__main__":
    main()
