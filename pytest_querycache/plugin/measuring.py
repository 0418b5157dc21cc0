"""Measures the call phase of every test, wherever tests run: in a plain session, and in an xdist worker.

The body of a Python test is measured inside ``pytest_pyfunc_call``, closest to the test: further out, pytest
writes the node id into the environment, whose length would count. Other items (unittest, doctest, those of
plugins) are measured around ``pytest_runtest_call``.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from math import isfinite
from typing import Any

import pytest

from ..errors import ConfigurationError
from ..model.metric import (
    CACHE_COMPILE_TIME,
    CACHE_HITS,
    CACHE_MISSES,
    CPU_TIME,
    METRICS,
    REFERENCE_TIME,
    Better,
)
from ..probes.machine import disturbances
from ..probes.meter import Meter
from ..probes.reference import ReferenceWorkload
from .fixtures import TRACKER_KEY
from .marks import plain_marks
from .query_fixtures import begin_cache_figures, cache_figures
from .readers import somebody_reads
from .sql_recording import figures_of
from .transport import ATTRIBUTE, plain_figures

MARKS_KEY = pytest.StashKey[dict[str, Any]]()
WORKER_OUTPUT = "perf_session"
"""The key of a worker's output that carries what the controller has to know of the worker's session."""

_SHOWN = frozenset(name for name, metric in METRICS.items() if metric.gated or metric is CPU_TIME)
"""What goes into a report's properties, where somebody reads them, beside the user's own metrics."""

_PROPERTY = "perf."
_NOT_REACHED = "its body was not called through pytest_pyfunc_call"


class Measuring:
    """The hooks around a test's call, and what they found on the report.

    ``refreshes`` says that they also keep the reference workload's time up to date; else somebody else does.
    """

    def __init__(self, meter: Meter, reference: ReferenceWorkload, *, refreshes: bool = True) -> None:
        self.meter = meter
        self.disturbances: dict[str, str] = {}
        self._deselected: list[str] = []
        self._error = ""
        self._asks_others = False
        self._shows = True
        self._reading = meter.reading()
        self._measured: pytest.Item | None = None
        self._figures: tuple[str, dict[str, Any]] | None = None
        self._reference = reference
        self._refreshes = refreshes
        self._through_function: dict[type[pytest.Item], bool] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Read the marks before the first test, so that a wrong one stops the session.

        An xdist worker that raises counts as crashed: it executes nothing, and its controller raises instead.
        """
        try:
            for item in session.items:
                plain = plain_marks(item)
                if plain:
                    item.stash[MARKS_KEY] = plain
        except ConfigurationError as error:
            if not hasattr(session.config, "workeroutput"):
                raise pytest.UsageError(str(error)) from None
            self._error = str(error)
            session.items.clear()

    def pytest_deselected(self, items: Iterable[pytest.Item]) -> None:
        """Keep, for the controller, what this worker left out."""
        self._deselected.extend(item.nodeid for item in items)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Hook the probes in right before the first test, when conftests and plugins have done what they do."""
        # xdist's receiver allocates while a test runs
        self.meter.install(exclude_other_threads=True)
        self.disturbances = disturbances()
        self._asks_others = bool(session.config.hook.pytest_querycache_metrics.get_hookimpls())
        # kept until the session ends, which gives the collector more to look through than all the rest
        self._shows = somebody_reads(session.config)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Measure items that are not Python functions, and gather the figures of all."""
        self._measured = self._figures = None
        if self._refreshes:
            self._reference.refresh()
        begin_cache_figures(item)
        try:
            if self._is_measured_inside(type(item)):
                return (yield)
            reading = self._reading
            reading.start()
            try:
                return (yield)
            finally:
                reading.stop()
                self._measured = item
        finally:
            self._figures = item.nodeid, self._gather(item)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        """Measure the body of a Python test; what it returns is passed on untouched."""
        reading = self._reading
        reading.start()
        try:
            return (yield)
        finally:
            reading.stop()
            self._measured = pyfuncitem

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Put the figures on the report of the call, as plain values, before anybody sends or reads it.

        The report of a subtest is made while the test still runs, when there are no figures yet.
        """
        if report.when == "call" and self._figures is not None and self._figures[0] == report.nodeid:
            setattr(report, ATTRIBUTE, self._figures[1])
            self._figures = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Take the probes out, and as a worker leave word for the controller."""
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[WORKER_OUTPUT] = {
                "disturbances": self.disturbances,
                "deselected": self._deselected,
                "error": self._error,
            }
        self.meter.uninstall()

    def _is_measured_inside(self, kind: type[pytest.Item]) -> bool:
        """Whether items of this kind reach ``pytest_pyfunc_call``: Python functions do, unittest's do not."""
        known = self._through_function.get(kind)
        if known is None:
            known = self._through_function[kind] = issubclass(kind, pytest.Function) and not any(
                base.__name__ == "TestCaseFunction" for base in kind.__mro__
            )
        return known

    def _gather(self, item: pytest.Item) -> dict[str, Any]:
        tracker = item.stash.get(TRACKER_KEY, None)
        if tracker is not None:
            tracker.abandon()
        sql = figures_of(item) if self._measured is item else None
        if self._measured is item:
            values, unmeasured = self._reading.figures()
        else:
            values, unmeasured = {}, {"wall_time": _NOT_REACHED}
        self._measured = None
        if values:
            values[REFERENCE_TIME.name] = self._reference.latest_ns
        statistics = cache_figures(item)
        if statistics is not None:
            values[CACHE_HITS.name] = statistics.hits
            values[CACHE_MISSES.name] = statistics.misses
            values[CACHE_COMPILE_TIME.name] = statistics.compile_ns
        if sql is not None:
            values.update(sql.pop("values"))
            unmeasured = {**unmeasured, **sql.pop("unmeasured", {})}
        plain = plain_figures(values, unmeasured, tracker)
        if sql is not None:
            plain["sql"] = sql
        if self._asks_others:
            self._add_from_others(item, plain)
        marks = item.stash.get(MARKS_KEY, None)
        if marks is not None:
            plain["marks"] = marks
        if self._shows:
            _show(item, plain["values"])
        return plain

    def _add_from_others(self, item: pytest.Item, plain: dict[str, Any]) -> None:
        """Take in what other plugins measured of a test."""
        for more in item.ihook.pytest_querycache_metrics(item=item):
            for name, value in more.items():
                if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
                    reason = f"pytest_querycache_metrics gave {value!r}, expected a finite number"
                    plain.setdefault("unmeasured", {})[name] = reason
                    continue
                if name in METRICS and name in plain["values"]:
                    continue  # what is measured here is not replaced by what others say
                plain["values"][name] = value
                if name not in METRICS:
                    plain.setdefault("own", {})[name] = ["", Better.LOWER.value, False]


def _show(item: pytest.Item, values: Mapping[str, float]) -> None:
    """Put figures into the item's properties, in the place of those that an earlier attempt left."""
    properties = item.user_properties
    properties[:] = [pair for pair in properties if not pair[0].startswith(_PROPERTY)]
    properties.extend(
        (_PROPERTY + name, value) for name, value in values.items() if name in _SHOWN or name not in METRICS
    )
