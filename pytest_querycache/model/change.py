"""What an update changes: the metrics in which two entries of a record differ by more than noise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .baseline import Entry, Figure
from .limit import SPREADS, reference_figure, tolerance
from .metric import EXPLAINING, Metric
from .policy import Applied
from .record import Record
from .threshold import built_in_threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One metric of one entry that an update changes; ``was`` is None where it is new."""

    node_id: str
    metric: Metric
    was: float | None
    now: float


def changes_between(
    record: Record, old: Entry, new: Entry, table: Mapping[str, Applied], improvement: float
) -> Iterable[Change]:
    """The metrics in which a new entry differs from the old one by more than its threshold tolerates."""
    for name, figure in new.figures():
        metric = record.metric(name)
        if metric is None or (metric in EXPLAINING and name not in table):
            continue
        before = old.figure(name)
        if before is None:
            yield Change(node_id=record.node_id, metric=metric, was=None, now=reference_figure(figure))
            continue
        if before.warm is None and figure.warm is not None:
            yield Change(node_id=record.node_id, metric=metric, was=before.cold, now=figure.warm)
            continue
        applied = table.get(name)
        floor = applied.floor if applied is not None else built_in_threshold(metric).floor or 0.0
        was, now = reference_figure(before), reference_figure(figure)
        if figure.warm is None:
            was = before.cold  # a first execution is held against a first execution
        worse = metric.rise(was, now)
        allowed = tolerance(applied, before) if applied is not None else 0.2 * abs(was)
        gain = improvement * abs(was) if metric.deterministic else allowed
        beyond = worse > allowed or -worse > max(gain, _noise(before, metric))
        if worse and beyond and abs(worse) >= floor and not _ranges_meet(metric, before, figure):
            yield Change(node_id=record.node_id, metric=metric, was=was, now=now)


def _noise(figure: Figure, metric: Metric) -> float:
    return (figure.spread or 0.0) * (SPREADS if metric.deterministic else 1)


def _ranges_meet(metric: Metric, before: Figure, after: Figure) -> bool:
    """Whether two times are indistinguishable: the larger lies within the smaller one's own spread."""
    if metric.deterministic:
        return False
    low, high = sorted((reference_figure(before), reference_figure(after)))
    lower = before if low == reference_figure(before) else after
    return low + (lower.spread or 0.0) >= high
