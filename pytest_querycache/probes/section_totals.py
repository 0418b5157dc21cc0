"""What the executions of one section cost together."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..model.measurement import PerfMetrics
from ..model.metric import PEAK_RSS, Metric


@dataclass(slots=True)
class SectionTotals:
    """What all executions of one section cost together; the peak is the highest of them."""

    values: dict[str, float] = field(default_factory=dict)
    unmeasured: dict[str, str] = field(default_factory=dict)
    own_metrics: dict[str, Metric] = field(default_factory=dict)
    calls: int = 0

    def add(self, metrics: PerfMetrics) -> None:
        """Add one execution."""
        self.calls += 1
        self.unmeasured.update(metrics.unmeasured)
        self.own_metrics.update(metrics.own_metrics)
        for name, value in metrics.values.items():
            if name in metrics.own_metrics:
                self.values[name] = value
            elif name == PEAK_RSS.name:
                self.values[name] = max(self.values.get(name, 0), value)
            else:
                self.values[name] = self.values.get(name, 0) + value
        for name in self.unmeasured:
            self.values.pop(name, None)  # a sum that lacks an execution would look like a gain
