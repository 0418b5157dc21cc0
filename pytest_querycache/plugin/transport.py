"""Records as plain values, because a report carries nothing else from an xdist worker to the controller."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from ..model.metric import REFERENCE_TIME, Metric
from ..model.record import Record, own_metric, section_id
from ..probes.tracker import PerfTracker

_NOTHING: Mapping[str, Any] = MappingProxyType({})

ATTRIBUTE = "perf_record"
"""The attribute of a ``TestReport`` that carries a test's figures."""


def plain_figures(
    values: dict[str, float], unmeasured: dict[str, str], tracker: PerfTracker | None
) -> dict[str, Any]:
    """The figures of one executed test with its sections, in values that survive a JSON round trip.

    The dictionaries given are kept and added to.
    """
    plain: dict[str, Any] = {"values": values}
    if unmeasured:
        plain["unmeasured"] = unmeasured
    if tracker is None:
        return plain
    own_values, own_metrics = tracker.own_values()
    plain["values"].update(own_values)
    if own_metrics:
        plain["own"] = _plain_metrics(own_metrics)
    if tracker.sections:
        plain["sections"] = {
            name: {
                "values": totals.values,
                "unmeasured": totals.unmeasured,
                "own": _plain_metrics(totals.own_metrics),
                "calls": totals.calls,
            }
            for name, totals in tracker.sections.items()
        }
    return plain


def records_of(node_id: str, plain: Mapping[str, Any], *, outcome: str, worker: str) -> Iterable[Record]:
    """The record of a test and those of its sections."""
    record = Record(
        node_id=node_id,
        values=plain["values"],
        unmeasured=plain.get("unmeasured", _NOTHING),
        own_metrics=_NOTHING,
        thresholds=_NOTHING,
        budgets=_NOTHING,
        outcome=outcome,
        worker=worker,
    )
    # most tests have nothing of the kinds below, and there may be 50,000 of them
    if "own" in plain:
        record.own_metrics = _metrics(plain["own"])
    if "marks" in plain:
        marks = plain["marks"]
        record.thresholds, record.budgets = marks.get("thresholds", _NOTHING), marks.get("budgets", _NOTHING)
        record.exempt = marks.get("exempt")
    if "sql" in plain:
        sql = plain["sql"]
        record.statements = sql.get("statements", ())
        record.unattributed_statements = sql.get("unattributed", 0)
        record.setup_statements = sql.get("setup", 0)
    yield record
    if "sections" in plain:
        yield from _sections(record, plain["sections"])


def _sections(test: Record, sections: Mapping[str, Any]) -> Iterable[Record]:
    for name, section in sections.items():
        yield Record(
            node_id=section_id(test.node_id, name),
            test_id=test.node_id,
            values=_with_reference(section["values"], test),
            unmeasured=section["unmeasured"],
            own_metrics=_metrics(section["own"]),
            calls=section["calls"],
            thresholds=test.thresholds,
            exempt=test.exempt,
            outcome=test.outcome,
            worker=test.worker,
        )


def _with_reference(values: dict[str, float], test: Record) -> dict[str, float]:
    """A section's values with its test's reference time, beside which its own times are read."""
    reference = test.values.get(REFERENCE_TIME.name)
    return values if reference is None else {**values, REFERENCE_TIME.name: reference}


def _plain_metrics(metrics: Mapping[str, Metric]) -> dict[str, list[Any]]:
    return {
        name: [metric.unit, metric.better.value, metric.deterministic] for name, metric in metrics.items()
    }


def _metrics(plain: Mapping[str, list[Any]]) -> dict[str, Metric]:
    return {
        name: own_metric(name, unit=unit, better=better, deterministic=deterministic)
        for name, (unit, better, deterministic) in plain.items()
    }
