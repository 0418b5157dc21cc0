"""What the hooks around each test cost, in microseconds: ``python tests/benchmarks/hook_cost.py``.

One pytest session in this process, whose loop executes blocks of trivial tests with our plugins registered and
without them, in turn. Printed are the bodies of our hooks, timed one by one and summed for each test; the median
difference of neighbouring blocks, which is all that we add, the calls through pluggy included; and what one reading
of all probes takes by itself, without pytest.
"""

from __future__ import annotations

import argparse
import gc
import inspect
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from time import perf_counter_ns, thread_time_ns
from typing import Any

import pytest
from processes import quartiles, trivial_suite

from pytest_querycache.probes.meter import Meter

OURS = ("querycache-measuring", "querycache-collecting")
WANTED_US = 20


class Bodies:
    """Times the bodies of hooks while it is switched on, by putting a watch in the place of each."""

    def __init__(self, manager: pytest.PytestPluginManager) -> None:
        self.taken_ns = 0
        self._originals: list[tuple[Any, Callable[..., Any]]] = []
        self._implementations = [
            implementation
            for plugin in map(manager.get_plugin, OURS)
            for caller in manager.get_hookcallers(plugin) or ()
            for implementation in caller.get_hookimpls()
            if implementation.plugin is plugin
        ]

    def __enter__(self) -> Bodies:
        for implementation in self._implementations:
            function = implementation.function
            self._originals.append((implementation, function))
            watch = self._halves if inspect.isgeneratorfunction(function) else self._whole
            implementation.function = watch(function)
        return self

    def __exit__(self, *_: object) -> None:
        for implementation, function in self._originals:
            implementation.function = function

    def _whole(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any) -> Any:
            started = perf_counter_ns()
            try:
                return function(*args)
            finally:
                self.taken_ns += perf_counter_ns() - started

        return watched

    def _halves(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any) -> Generator[None, Any, Any]:
            started = perf_counter_ns()
            body = function(*args)
            next(body)
            self.taken_ns += perf_counter_ns() - started
            outcome = yield
            started = perf_counter_ns()
            try:
                body.send(outcome)
            except StopIteration as end:
                return end.value
            finally:
                self.taken_ns += perf_counter_ns() - started

        return watched


class AlternatingLoop:
    """Executes the tests block by block, with our plugins and without, and keeps the time of each block."""

    def __init__(self, block: int, pairs: int) -> None:
        self._block = block
        self._pairs = pairs
        self.with_us: list[float] = []
        self.without_us: list[float] = []
        self.bodies_us: list[float] = []

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Take the place of pytest's own loop."""
        items = session.items[: self._block]
        manager = session.config.pluginmanager
        _execute(items)
        gc.collect()
        gc.freeze()
        for pair in range(self._pairs):
            for registered in (True, False) if pair % 2 else (False, True):
                with nullcontext() if registered else unregistered(manager):
                    (self.with_us if registered else self.without_us).append(_execute(items))
        for _ in range(self._pairs):
            with Bodies(manager) as bodies:
                for item, other in zip(items, (*items[1:], items[0]), strict=True):
                    before = bodies.taken_ns
                    _execute([item], other)
                    self.bodies_us.append((bodies.taken_ns - before) / 1000)
        return True


def _execute(items: Sequence[pytest.Item], other: pytest.Item | None = None) -> float:
    """Execute tests, ``other`` said to be the next; microseconds of this thread for one of them."""
    protocol = items[0].config.hook.pytest_runtest_protocol
    started = thread_time_ns()
    for item, following in zip(items, (*items[1:], other or items[0]), strict=True):
        protocol(item=item, nextitem=following)
    taken = (thread_time_ns() - started) / 1000 / len(items)
    for item in items:
        item.user_properties.clear()
    return taken


@contextmanager
def unregistered(manager: pytest.PytestPluginManager) -> Iterator[None]:
    """Take our plugins out, and put them back."""
    plugins = {name: manager.unregister(name=name) for name in OURS}
    try:
        yield
    finally:
        for name, plugin in plugins.items():
            manager.register(plugin, name)


def measured_loop(folder: Path, block: int, pairs: int) -> AlternatingLoop:
    """Run the session."""
    trivial_suite(folder, block, files=1)
    loop = AlternatingLoop(block, pairs)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    options = ["-p", "no:terminal", "-p", "no:cacheprovider", "-p", "pytest_querycache.plugin.hooks"]
    status = pytest.main([*options, "--perf-track", str(folder)], plugins=[loop])
    if status or not loop.with_us:
        sys.exit(f"the session ended with {status!r}")
    return loop


def reading_us(rounds: int = 9, loops: int = 20_000) -> dict[str, float]:
    """Microseconds that each step of one reading takes, the fastest of a few rounds."""
    meter = Meter()
    meter.install()
    reading = meter.reading()

    def start_and_stop() -> None:
        reading.start()
        reading.stop()

    steps = {"start() and stop()": start_and_stop, "figures()": reading.figures}
    fastest = dict.fromkeys(steps, float("inf"))
    for _ in range(rounds):
        for name, step in steps.items():
            started = thread_time_ns()
            for _ in range(loops):
                step()
            fastest[name] = min(fastest[name], (thread_time_ns() - started) / 1000 / loops)
    meter.uninstall()
    return fastest


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--block", type=int, default=100, help="tests in a block (default: 100)")
    parser.add_argument("--pairs", type=int, default=60, help="pairs of blocks (default: 60)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hook-cost-") as folder:
        loop = measured_loop(Path(folder), options.block, options.pairs)
    low, middle, high = quartiles(loop.bodies_us)
    print(
        f"bodies of our hooks {middle:>6.1f} µs a test ({low:.1f} to {high:.1f}), wanted at most {WANTED_US}"
    )
    differences = [one - other for one, other in zip(loop.with_us, loop.without_us, strict=True)]
    low, middle, high = quartiles(differences)
    print(f"all that we add     {middle:>6.1f} µs a test ({low:.1f} to {high:.1f}), pluggy's calls included")
    print(f"without our hooks   {statistics.median(loop.without_us):>6.1f} µs a test")
    steps = reading_us()
    told = ", ".join(f"{name} {value:.2f}" for name, value in steps.items())
    print(f"one reading of all probes: {sum(steps.values()):.2f} µs ({told})")


if __name__ == "__main__":
    main()
