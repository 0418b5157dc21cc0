"""A pytest plugin: executes each test several times in one process, and writes how long its calls took.

It serves the calibration of what is planted, the check of its truth, and the rule of a rival. With
``--accuracy-work`` the copied module ``planted_work`` is imported, and beside each execution the cost of each kind of
work is measured, so that both saw the same machine. With ``--accuracy-doses`` every second execution of a test does
the work that this file gives for it, and the others do none.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Generator, Mapping
from importlib import import_module
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import pytest

PROBES = {"python": 10_000, "c": 50, "allocation": 2_000}
"""How much of each kind of work is timed beside an execution: some 0.3 ms each."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Ask for the file to write, and what goes with it."""
    group = parser.getgroup("accuracy study")
    group.addoption(
        "--accuracy-rounds", metavar="FILE", help="write the times of all executions to this file"
    )
    group.addoption("--accuracy-least", type=int, default=5, help="executions of each test at the least")
    group.addoption("--accuracy-seconds", type=float, default=0.0, help="and for at least this long")
    group.addoption("--accuracy-work", action="store_true", help="measure the kinds of work beside them")
    group.addoption("--accuracy-doses", metavar="FILE", help="work that every second execution does")


def pytest_configure(config: pytest.Config) -> None:
    """Take over the loop over the tests where it was asked for."""
    if config.getoption("--accuracy-rounds"):
        config.pluginmanager.register(_Rounds(config), "accuracy-rounds")


class _Rounds:
    def __init__(self, config: pytest.Config) -> None:
        self._file = Path(config.getoption("--accuracy-rounds"))
        self._least: int = config.getoption("--accuracy-least")
        self._nanoseconds = config.getoption("--accuracy-seconds") * 1e9
        self._work = import_module("planted_work") if config.getoption("--accuracy-work") else None
        doses = config.getoption("--accuracy-doses")
        self._doses: dict[str, list[Any]] = {}
        if doses:
            self._work = import_module("planted_work")
            self._doses = json.loads(Path(doses).read_text(encoding="utf-8"))
        self._taken = 0
        self._failed = False

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self) -> Generator[None, object, object]:
        """Time the call, and nothing around it."""
        started = perf_counter_ns()
        try:
            return (yield)
        finally:
            self._taken = perf_counter_ns() - started

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what did not pass."""
        self._failed = self._failed or report.outcome != "passed"

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Every test, one after the other, each as often as was asked for."""
        gc.collect()
        gc.freeze()
        found = {}
        for item in session.items:
            rounds = self._rounds_of(item)
            if rounds is not None:
                found[item.nodeid] = rounds
        self._file.write_text(json.dumps(found), encoding="utf-8")
        return True

    def _rounds_of(self, item: pytest.Item) -> dict[str, Any] | None:
        """The times of a test, in ns, its first execution left out; None when it does not always pass."""
        self._failed = False
        cold = self._once(item)
        rounds: dict[str, Any] = {"cold": cold, "times": [], "calls": [], "units": [], "dosed": []}
        passed = 0
        while not self._failed and (len(rounds["times"]) < self._least or passed < self._nanoseconds):
            before = self._work.CALLS[0] if self._work is not None else 0
            rounds["times"].append(self._once(item))
            passed += rounds["times"][-1]
            if self._work is not None:
                rounds["calls"].append(self._work.CALLS[0] - before)
                rounds["units"].append(_unit_costs(self._work.KINDS))
            if item.nodeid in self._doses:
                rounds["dosed"].append(self._once(item, self._doses[item.nodeid]))
        return None if self._failed else rounds

    def _once(self, item: pytest.Item, dose: list[Any] | None = None) -> int:
        if self._work is not None:
            self._work.AMOUNTS.clear()
            if dose is not None:
                self._work.AMOUNTS[f"{item.nodeid} (call)".encode()] = tuple(dose)
            gc.collect()  # as before each sample of a duel; a rival does not
        item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
        return self._taken


def _unit_costs(kinds: Mapping[str, Callable[[int], object]]) -> dict[str, float]:
    """What a unit of each kind of work costs just now, in ns."""
    costs = {}
    for kind, amount in PROBES.items():
        started = perf_counter_ns()
        kinds[kind](amount)
        costs[kind] = (perf_counter_ns() - started) / amount
    return costs
