"""PerfTracker: measure sections of code by name, in a test or anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from numbers import Integral, Real

from ..errors import MeasurementError
from ..model.measurement import Distribution, PerfMetrics
from ..model.metric import BLOCKS_PER_CALL, METRICS, TIME_PER_CALL, Metric
from ..model.quantity import is_finite
from ..model.record import own_metric
from .meter import Meter, Reading
from .rounds import time_calls
from .section_totals import SectionTotals

JOINT = "/"


class Section:
    """A named stretch of code that is being measured."""

    __slots__ = (
        "_name",
        "_on_complete",
        "_own",
        "_own_values",
        "_reading",
        "_started",
        "_tracker",
        "metrics",
    )

    def __init__(
        self, tracker: PerfTracker, name: str, on_complete: Callable[[PerfMetrics], object] | None
    ) -> None:
        self._tracker = tracker
        self._name = name
        self._on_complete = on_complete
        self._own: dict[str, Metric] = {}
        self._own_values: dict[str, float] = {}
        self._reading: Reading = tracker._reading()
        self._started = datetime.now(timezone.utc)
        self.metrics: PerfMetrics | None = None

    @property
    def name(self) -> str:
        """The section's name with those of the sections around it, joined by ``/``."""
        return self._name

    def complete(self) -> PerfMetrics:
        """End the section, and those still open inside it, and return what it cost.

        Raises MeasurementError when it was completed before.
        """
        if self.metrics is not None:
            raise MeasurementError(f"section {self._name!r} was completed before; start a new one")
        self._reading.stop()
        return self._tracker._close(self)

    def _finish(self) -> PerfMetrics:
        values, unmeasured = self._reading.figures()
        values.update(self._own_values)
        self.metrics = PerfMetrics(
            operation=self._name,
            timestamp=self._started,
            values=values,
            own_metrics=self._own,
            unmeasured=unmeasured,
        )
        return self.metrics


class PerfTracker:
    """Measures sections of code; usable in a test through the fixture ``perf_tracker``, and without pytest.

    ``completed`` lists what was measured, in the order in which it ended; ``sections`` sums it by name.
    """

    def __init__(self, meter: Meter | None = None) -> None:
        self._meter = meter
        self._owns_meter = meter is None
        self._open: list[Section] = []
        self._own: dict[str, Metric] = {}
        self._own_values: dict[str, float] = {}
        self.completed: list[PerfMetrics] = []
        self.sections: dict[str, SectionTotals] = {}

    def start(self, name: str, on_complete: Callable[[PerfMetrics], object] | None = None) -> Section:
        """Begin a section; it ends with its ``complete()`` or with the tracker's."""
        if not isinstance(name, str) or not name:
            raise MeasurementError(f"a section needs a name, got {name!r}")
        if self._open:
            name = self._open[-1].name + JOINT + name
        section = Section(self, name, on_complete)
        self._open.append(section)
        section._reading.start()
        return section

    def complete(self) -> PerfMetrics:
        """End the innermost open section; raises MeasurementError when none is open."""
        if not self._open:
            raise MeasurementError("no section is open: call start(name) before complete()")
        return self._open[-1].complete()

    @contextmanager
    def scoped(
        self, name: str, on_complete: Callable[[PerfMetrics], object] | None = None
    ) -> Iterator[Section]:
        """Measure the body of a ``with`` block; an exception passes through and still ends the section."""
        section = self.start(name, on_complete)
        try:
            yield section
        finally:
            if section.metrics is None:
                section.complete()

    def record(
        self,
        name: str,
        value: float,
        *,
        unit: str = "",
        better: str = "lower",
        deterministic: bool = False,
    ) -> None:
        """Keep a value of the user's own, on the innermost open section or else on the test.

        ``better`` is ``"lower"`` or ``"higher"``. The last value of a name counts. Raises MeasurementError for a
        value that is not a finite number, an unknown direction, or a name that a built-in metric has.
        """
        if not isinstance(name, str) or not name or name in METRICS:
            raise MeasurementError(f"{name!r} cannot name an own metric: it is empty or a built-in one")
        if isinstance(value, bool) or not isinstance(value, Real) or not is_finite(value):
            raise MeasurementError(f"metric {name!r}: unexpected {value!r}, expected a finite number")
        if better not in {"lower", "higher"}:
            raise MeasurementError(f"metric {name!r}: better={better!r}, expected 'lower' or 'higher'")
        home = self._open[-1] if self._open else self
        home._own[name] = own_metric(name, unit=unit, better=better, deterministic=deterministic)
        # numbers of other libraries, such as NumPy's, would not survive the way from an xdist worker
        home._own_values[name] = int(value) if isinstance(value, Integral) else float(value)

    def measure(
        self,
        func: Callable[..., object],
        *args: object,
        rounds: int = 20,
        warmup: int = 2,
        name: str | None = None,
    ) -> Distribution:
        """Call a short function many times and give the distribution of the time of one call.

        The number of calls in a round is doubled until a round takes 5 ms, so that the clock's own cost and
        resolution do not show. ``warmup`` rounds are not counted. The section named after the function carries
        ``time_per_call`` (the fastest round) and ``blocks_per_call`` into the gate; what all the calls cost together
        is left out of the test and of the sections around them, because it depends on how many there were.
        """
        if rounds < 1 or warmup < 0:
            raise MeasurementError(f"rounds={rounds}, warmup={warmup}: expected at least 1 and 0")
        operation = name or str(getattr(func, "__name__", type(func).__name__))
        reading = self._reading()
        reading.start()
        try:
            distribution = time_calls(
                func, args, operation, rounds=rounds, warmup=warmup, meter=self._own_meter()
            )
        finally:
            reading.stop()
            self._own_meter().set_apart(reading.figures()[0])
        totals = self.sections.setdefault(self._path(operation), SectionTotals())
        totals.calls += 1
        totals.values[TIME_PER_CALL.name] = distribution.min_ns
        if distribution.blocks is not None:
            totals.values[BLOCKS_PER_CALL.name] = distribution.blocks
        return distribution

    def own_values(self) -> tuple[dict[str, float], dict[str, Metric]]:
        """The user's own metrics that were recorded outside any section."""
        return self._own_values, self._own

    def abandon(self) -> None:
        """End every section still open, innermost first, because the test is over.

        Their ``on_complete`` is not called: nobody completed them, and there is nobody left to catch what it raises.
        """
        while self._open:
            self._open[-1]._on_complete = None
            self._open[-1].complete()

    def close(self) -> None:
        """End what is still open, and take the tracker's own probes out; it may be used again afterwards."""
        self.abandon()
        if self._owns_meter and self._meter is not None:
            self._meter.uninstall()
            self._meter = None

    def _path(self, name: str) -> str:
        return self._open[-1].name + JOINT + name if self._open else name

    def _own_meter(self) -> Meter:
        if self._meter is None:
            self._meter = Meter()
            self._meter.install()
        return self._meter

    def _reading(self) -> Reading:
        return self._own_meter().reading()

    def _close(self, section: Section) -> PerfMetrics:
        """Take a section, and those left open inside it, from the stack, and tell who wanted to know."""
        metrics = section._finish()
        ended: list[tuple[Section, PerfMetrics]] = []
        while self._open and self._open[-1] is not section:
            forgotten = self._open.pop()
            forgotten._reading.stop()
            ended.append((forgotten, forgotten._finish()))
        if self._open:
            self._open.pop()
        ended.append((section, metrics))
        for part, cost in ended:
            self.completed.append(cost)
            self.sections.setdefault(part.name, SectionTotals()).add(cost)
        # last, because what is called may raise
        for part, cost in ended:
            if part._on_complete is not None:
                part._on_complete(cost)
        return metrics
