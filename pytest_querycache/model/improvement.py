"""What became cheaper: told, and never judged."""

from __future__ import annotations

from .baseline import Figure
from .metric import Metric
from .policy import Applied, Policy


def improved(metric: Metric, figure: Figure, now: float, applied: Applied, policy: Policy) -> bool:
    """Whether even a first execution beats the best stored value; a single time never proves that."""
    if not metric.deterministic:
        return False
    reference = best_known(figure, metric)
    gain = metric.rise(now, reference)
    return gain > 0 and gain >= policy.improvement * abs(reference) and gain >= applied.floor


def best_known(figure: Figure, metric: Metric) -> float:
    """The better of cold and warm: a repeat may also cost more, when the collector falls due in it."""
    return figure.cold if figure.warm is None else metric.best((figure.cold, figure.warm))
