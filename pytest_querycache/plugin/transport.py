"""Records as plain values, because a report carries nothing else from an xdist worker to the controller."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..model.metric import REFERENCE_TIME, Metric
from ..model.record import Record, own_metric, section_id
from ..probes.tracker import PerfTracker

ATTRIBUTE = "perf_record"
"""The attribute of a ``TestReport`` that carries a test's figures."""


def plain_figures(
    values: Mapping[str, float], unmeasured: Mapping[str, str], tracker: PerfTracker | None
) -> dict[str, Any]:
    """The figures of one executed test with its sections, in values that survive a JSON round trip."""
    plain: dict[str, Any] = {"values": dict(values)}
    if unmeasured:
        plain["unmeasured"] = dict(unmeasured)
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
    marks = plain.get("marks", {})
    shared = {
        "thresholds": marks.get("thresholds", {}),
        "exempt": marks.get("exempt"),
        "outcome": outcome,
        "worker": worker,
    }
    yield Record(
        node_id=node_id,
        values=plain.get("values", {}),
        unmeasured=plain.get("unmeasured", {}),
        own_metrics=_metrics(plain.get("own", {})),
        budgets=marks.get("budgets", {}),
        statements=plain.get("sql", {}).get("statements", ()),
        unattributed_statements=plain.get("sql", {}).get("unattributed", 0),
        setup_statements=plain.get("sql", {}).get("setup", 0),
        **shared,
    )
    for name, section in plain.get("sections", {}).items():
        yield Record(
            node_id=section_id(node_id, name),
            test_id=node_id,
            values=_with_reference(section["values"], plain),
            unmeasured=section["unmeasured"],
            own_metrics=_metrics(section["own"]),
            calls=section["calls"],
            **shared,
        )


def _with_reference(values: dict[str, float], plain: Mapping[str, Any]) -> dict[str, float]:
    """A section's values with its test's reference time, beside which its own times are read."""
    reference = plain["values"].get(REFERENCE_TIME.name)
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
