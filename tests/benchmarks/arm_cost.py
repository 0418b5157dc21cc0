"""What an arm costs: ``python tests/benchmarks/arm_cost.py``.

An arm is the fresh process in which suspects are executed again. Printed are its start until it is ready, beside a
bare pytest that collects the same files, and for each commanded execution, cold and warm, what it takes besides the
test itself: the time from the command to the answer less the test's own time. The suite is made up: tests that do
nothing, tests with a fixture of their module, tests that leave cycles behind, and tests with subtests.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter, perf_counter_ns

import pytest
from processes import Contender, elapsed, quartiles

from pytest_querycache.confirm.arm import Arm, Execution
from pytest_querycache.confirm.executor import Executor
from pytest_querycache.plugin.arms import executor_for

WANTED_MS = 3
BODIES = """
import unittest

import pytest


@pytest.fixture(scope="module")
def table():
    return {{number: str(number) for number in range(10_000)}}


{functions}
"""
FUNCTIONS = (
    "def test_nothing_{0}():\n    pass\n",
    "def test_fixture_{0}(table):\n    assert table[{0}]\n",
    "def test_cycles_{0}():\n    for _ in range(100):\n        cycle = []\n        cycle.append(cycle)\n",
    "class TestParts{0}(unittest.TestCase):\n    def test_parts(self):\n        for part in range(30):\n"
    "            with self.subTest(part=part):\n                assert part < 30\n",
)


class TimedArm(Arm):
    """An arm that keeps how long each command took besides the test itself."""

    def execute(self, name: str, *, warm: bool, timeout_s: float) -> Execution:
        """Execute as told, with a watch in the hand."""
        started = perf_counter_ns()
        execution = super().execute(name, warm=warm, timeout_s=timeout_s)
        taken_ns = perf_counter_ns() - started
        OVERHEADS[warm].append((taken_ns - execution.figures[name]["wall_time"]) / 1e6)
        return execution


OVERHEADS: dict[bool, list[float]] = {False: [], True: []}


class Measurement:
    """Takes the place of a session's loop over the tests, and executes them in arms instead."""

    def __init__(self, arms: int, tests: int, repeats: int) -> None:
        self._arms = arms
        self._tests = tests
        self._repeats = repeats
        self.starts_ms: list[float] = []
        self.problems: list[str] = []

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Measure with arms that are started as this session would start them."""
        collecting = session.config.pluginmanager.get_plugin("querycache-collecting")
        tests = [item.nodeid for item in session.items]
        gc.collect()
        with executor_for(session.config, collecting.run) as executor:
            executor._start = TimedArm
            for seed in range(1, self._arms + 1):
                started = perf_counter()
                executor.begin_process(tests, seed)
                self.starts_ms.append((perf_counter() - started) * 1000)
                self._execute(executor, tests[: self._tests])
                executor.end_process()
        return True

    def _execute(self, executor: Executor, tests: Sequence[str]) -> None:
        for test in tests:
            for warm in (False, *(True,) * self._repeats):
                execution = executor.once(test, warm=warm)
                if execution.outcome != "passed":
                    self.problems.append(f"{test}: {execution.outcome} {execution.detail}")


def write_suite(folder: Path, tests: int, files: int) -> None:
    """Tests of four kinds, over several files."""
    for file in range(files):
        functions = "\n\n".join(
            FUNCTIONS[number % len(FUNCTIONS)].format(number) for number in range(file, tests, files)
        )
        (folder / f"test_{file}.py").write_text(BODIES.format(functions=functions), encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")


def print_row(name: str, values: Sequence[float], wanted: str = "") -> None:
    """One line of the table."""
    low, middle, high = quartiles(values)
    slowest = sorted(values)[int(len(values) * 0.95)]
    print(f"{name:<40}{middle:>9.2f} ms  ({low:.2f}–{high:.2f}), 95th percentile {slowest:.2f}{wanted}")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--suite-tests", type=int, default=1000, help="tests an arm collects (default: 1000)")
    parser.add_argument("--tests", type=int, default=150, help="tests executed in each arm (default: 150)")
    parser.add_argument("--repeats", type=int, default=3, help="warm repeats of each (default: 3)")
    parser.add_argument("--arms", type=int, default=5, help="arms started (default: 5)")
    options = parser.parse_args()
    measurement = Measurement(options.arms, options.tests, options.repeats)
    with tempfile.TemporaryDirectory(prefix="arm-cost-") as folder:
        write_suite(Path(folder), options.suite_tests, files=10)
        collecting = Contender(command=(sys.executable, "-m", "pytest", "-q", "--collect-only", folder))
        bare_ms = [elapsed(collecting, Path(folder)) * 1000 for _ in range(options.arms + 1)][1:]
        status = pytest.main(["-p", "no:terminal", "--perf-track", folder], plugins=[measurement])
    if status or measurement.problems or not measurement.starts_ms:
        print(f"the session ended with {status!r}", *measurement.problems[:5], sep="\n", file=sys.stderr)
        return 1
    print(f"{options.suite_tests} tests collected, {options.tests} executed in each of {options.arms} arms")
    print_row("pytest --collect-only, whole process", bare_ms)
    print_row("an arm until it is ready", measurement.starts_ms)
    wanted = f", wanted at most {WANTED_MS}"
    print_row("a cold execution, besides the test", OVERHEADS[False], wanted)
    print_row("a warm execution, besides the test", OVERHEADS[True], wanted)
    warm = OVERHEADS[True]
    half = len(warm) // options.arms // 2
    first, last = statistics.median(warm[:half]), statistics.median(warm[half : 2 * half])
    print(
        f"first half of an arm's warm executions {first:.2f} ms, second half {last:.2f} ms: it must not grow"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
