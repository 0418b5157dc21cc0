"""Budgets: absolute limits of a test's own, which need no baseline."""

from __future__ import annotations

from collections.abc import Iterator

from .limit import Limit
from .metric import Metric
from .record import Record
from .threshold import OWN_PREFIX, parse_budgets
from .verdict import Suspect


def budgets_of(record: Record) -> Iterator[tuple[str, Metric | None, float | None, float]]:
    """A record's budgets: the metric's name, its definition and its value where they are known, and the limit."""
    for name, most in parse_budgets(record.budgets, "mark perf_budget").items():
        plain = name.removeprefix(OWN_PREFIX)
        yield plain, record.metric(plain), record.values.get(plain), most


def over_budget(record: Record, metric: Metric, now: float, most: float, *, alone: bool) -> Suspect | None:
    """The suspect that a budget makes of a value, if it exceeds it."""
    limit = Limit(metric=metric, value=most, origin="mark", rule="budget")
    if not limit.exceeded_by(now):
        return None
    return Suspect(
        node_id=record.node_id,
        test_id=record.test_id or record.node_id,
        metric=metric,
        now=now,
        limit=limit,
        repeat_limit=limit,
        alone=alone,
    )
