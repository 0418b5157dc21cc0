"""What the gate says, in plain values: what JSON holds, and what other programs read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .limit import Limit
from .metric import Metric
from .quantity import is_finite
from .verdict import Counts, Duel, Evidence, Finding, GateResult


def plain_result(result: GateResult) -> dict[str, Any]:
    """A gate's whole answer."""
    return {
        "success": result.success,
        "failures": list(result.failures),
        "counts": plain_counts(result.counts),
        "findings": [plain_finding(finding) for finding in result.findings],
        "cleared": [plain_finding(finding) for finding in result.cleared],
        "not_judged": dict(result.not_judged),
        "notes": list(result.notes),
        "ungated_times": result.ungated_times,
    }


def plain_counts(counts: Counts) -> dict[str, int]:
    """How many records met which end."""
    return {name: getattr(counts, name) for name in Counts.__slots__}


def plain_finding(finding: Finding) -> dict[str, Any]:
    """One verdict; members that say nothing are left out."""
    limit, interval = finding.limit, finding.interval
    members = {
        "node_id": finding.node_id,
        "verdict": finding.verdict.value,
        "metric": plain_metric(finding.metric) if finding.metric is not None else None,
        "was": plain_number(finding.was),
        "now": plain_number(finding.now),
        "limit": plain_limit(limit) if limit is not None else None,
        "proof": finding.proof or None,
        "insight": finding.insight or None,
        "estimate": plain_number(finding.estimate),
        "interval": [plain_number(end) for end in interval] if interval is not None else None,
    }
    return {name: value for name, value in members.items() if value is not None}


def plain_metric(metric: Metric) -> dict[str, Any]:
    """A metric, as far as a reader needs it who does not know the built-in ones."""
    return {
        "name": metric.name,
        "unit": metric.unit,
        "better": metric.better.value,
        "deterministic": metric.deterministic,
    }


def plain_limit(limit: Limit) -> dict[str, Any]:
    """The value a metric may not exceed, and what it follows from."""
    return {
        "value": plain_number(limit.value),
        "rule": limit.rule,
        "origin": limit.origin,
        "reason": limit.reason,
        "reference": plain_number(limit.reference),
        "floor": plain_number(limit.floor),
    }


def plain_evidence(evidence: Mapping[tuple[str, str], Evidence]) -> list[dict[str, Any]]:
    """What fresh processes measured, in the order of node ids and metrics."""
    return [
        {
            "node_id": node_id,
            "metric": metric,
            "processes": [[plain_number(value) for value in values] for values in found.processes],
            "problem": found.problem,
            "incomparable": found.incomparable,
            "machine_share": plain_number(found.machine_share),
            "duel": plain_duel(found.duel) if found.duel is not None else None,
        }
        for (node_id, metric), found in sorted(evidence.items())
    ]


def plain_duel(duel: Duel) -> dict[str, Any]:
    """What pairs of fresh processes showed."""
    return {
        "pair_ratios": [plain_number(ratio) for ratio in duel.pair_ratios],
        "old": plain_number(duel.old),
        "new": plain_number(duel.new),
        "needed": duel.needed,
        "commit": duel.commit,
        "test_changed": duel.test_changed,
        "rises": {name: plain_number(rise) for name, rise in duel.rises.items()},
        "turns": [[[plain_number(new), plain_number(old)] for new, old in pair] for pair in duel.turns],
        "apart": duel.apart,
        "single": duel.single,
        "controls": plain_number(duel.controls),
        "disturbed": duel.disturbed,
    }


def plain_number(number: float | None) -> float | None:
    """A number as JSON writes it best: whole ones without a fraction, and none that JSON cannot hold."""
    if number is None or not is_finite(number):
        return None
    return int(number) if float(number).is_integer() else number
