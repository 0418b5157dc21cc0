"""What one measured operation cost, as a value for people and for the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from statistics import mean, median, stdev

from .metric import METRICS, Metric
from .quantity import format_quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class PerfMetrics:
    """What one operation cost.

    ``timestamp`` is when it started, in UTC. ``values`` are by metric name, in the metric's unit: ns, bytes,
    counts, or what the user declared in ``own_metrics``. ``unmeasured`` says, for a metric without a value, why.
    """

    operation: str
    timestamp: datetime
    values: Mapping[str, float]
    own_metrics: Mapping[str, Metric] = field(default_factory=dict)
    unmeasured: Mapping[str, str] = field(default_factory=dict)

    @property
    def elapsed_ns(self) -> float:
        """Wall time in ns."""
        return self.values.get("wall_time", 0)

    @property
    def allocated_bytes(self) -> float:
        """Bytes requested from CPython's allocators; 0 where they are not counted."""
        return self.values.get("allocated_bytes", 0)

    @property
    def gc_collections(self) -> float:
        """Collections of any generation."""
        return self.values.get("gc_collections", 0)

    def metric(self, name: str) -> Metric | None:
        """The definition of one of the metrics in ``values``."""
        return self.own_metrics.get(name) or METRICS.get(name)

    def describe(self) -> str:
        """Everything on several lines, with units people read."""
        stamp = self.timestamp.strftime("%Y-%m-%d %H:%M:%S UTC")
        width = max((len(name) for name in (*self.values, *self.unmeasured)), default=0)
        lines = [f"{self.operation} ({stamp})"]
        for name, value in self.values.items():
            metric = self.metric(name)
            lines.append(f"  {name:<{width}}  {format_quantity(value, metric.unit if metric else '')}")
        for name, reason in self.unmeasured.items():
            lines.append(f"  {name:<{width}}  not measured: {reason}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.describe()


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """How long one call of a short function took.

    ``samples_ns`` holds, for each round, the mean time of one call over ``loops`` calls. ``blocks`` are the
    blocks one warm call requested from CPython's allocators, None where they are not counted.
    """

    operation: str
    samples_ns: tuple[float, ...]
    loops: int
    blocks: float | None = None

    @property
    def min_ns(self) -> float:
        """The fastest round: the estimate of the function's own cost, because noise only adds to it."""
        return min(self.samples_ns)

    @property
    def median_ns(self) -> float:
        """The middle round."""
        return median(self.samples_ns)

    @property
    def mean_ns(self) -> float:
        """The mean over the rounds."""
        return mean(self.samples_ns)

    @property
    def stdev_ns(self) -> float:
        """The standard deviation over the rounds; 0 for a single one."""
        return stdev(self.samples_ns) if len(self.samples_ns) > 1 else 0.0

    def describe(self) -> str:
        """One line for people."""
        return (
            f"{self.operation}: min {format_quantity(self.min_ns, 'ns')}, "
            f"median {format_quantity(self.median_ns, 'ns')}, ± {format_quantity(self.stdev_ns, 'ns')} "
            f"({len(self.samples_ns)} rounds of {self.loops:,} calls)"
        )

    def __str__(self) -> str:
        return self.describe()
