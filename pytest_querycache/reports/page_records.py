"""Every record of a run for the page's table and scatter, packed as JSON that a script tag may hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..model.account import Account
from ..model.metric import METRICS, REFERENCE_TIME, Metric
from ..model.quantity import is_finite
from ..model.record import Record, at_reference_speed
from ..model.verdict import Verdict


def records_json(account: Account) -> str:
    """Metrics, verdicts and rows, the worst first: ``[node id, verdict's number, [now…], [was…], [own…]]``.

    The lists of values are those of the built-in metrics, which come first, in their order. A user's own are
    ``[metric's number, now, was]``, because a suite may have as many of them as tests. Empty lists at the end are
    left out.

    Values that the baseline knows are first executions, as the run's own are; times are brought to the speed of
    the baseline's reference workload.
    """
    metrics = _metrics(account)
    shared = [metric for metric in metrics if metric.name in METRICS]
    own = {metric.name: number for number, metric in enumerate(metrics) if number >= len(shared)}
    verdicts = _verdicts(account)
    harm = {verdict.value.replace("_", " "): verdict.harm for verdict in Verdict}
    endings = {
        node_id: verdicts.get(node_id) or _ending(record, account)
        for node_id, record in account.run.records.items()
    }
    names: dict[str, int] = {}
    rows = []
    for node_id in sorted(endings, key=lambda node_id: harm.get(endings[node_id], len(harm))):
        record = account.run.records[node_id]
        verdict = names.setdefault(endings[node_id], len(names))
        rows.append([node_id, verdict, *_values(record, account, shared, own)])
    described = [
        {"name": metric.name, "unit": metric.unit, "better": metric.better.value, "shown": metric.gated}
        for metric in metrics
    ]
    packed = {"metrics": described, "verdicts": list(names), "rows": rows}
    return _safe(json.dumps(packed, separators=(",", ":"), allow_nan=False))


def _safe(text: str) -> str:
    """JSON in which nothing can end a script or begin a comment; its own escapes mean the same."""
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _metrics(account: Account) -> list[Metric]:
    used: dict[str, Metric] = {}
    for record in account.run.records.values():
        for name in record.values:
            if name not in used:
                metric = record.metric(name)
                if metric is not None:
                    used[name] = metric
    used.pop(REFERENCE_TIME.name, None)
    order = {name: position for position, name in enumerate(METRICS)}
    return sorted(used.values(), key=lambda metric: (order.get(metric.name, len(order)), metric.name))


def _verdicts(account: Account) -> dict[str, str]:
    """The worst verdict of each record of which something was found."""
    worst: dict[str, Verdict] = {}
    for finding in account.result.findings if account.result is not None else ():
        known = worst.get(finding.node_id)
        if known is None or finding.verdict.harm < known.harm:
            worst[finding.node_id] = finding.verdict
    return {node_id: verdict.value.replace("_", " ") for node_id, verdict in worst.items()}


def _ending(record: Record, account: Account) -> str:
    if record.outcome != "passed":
        return record.outcome
    if record.exempt is not None:
        return "exempt"
    if account.result is None:
        return "measured"
    if account.section is None or record.node_id in account.section.entries:
        return "unchanged"
    return "not judged"


def _values(
    record: Record, account: Account, shared: Sequence[Metric], own: Mapping[str, int]
) -> list[list[Any]]:
    """What a record cost and what the baseline says, as far as there is anything to say."""
    section = account.section
    entry = section.entries.get(record.node_id) if section is not None else None
    reference_ns = section.reference_ns if section is not None else None
    stored: Mapping[str, Any] = dict(entry.figures()) if entry is not None else {}
    was = {name: _short(figure.cold) for name, figure in stored.items()}
    lists: list[list[Any]] = [
        _trimmed([_short(at_reference_speed(record.values, metric, reference_ns)) for metric in shared]),
        _trimmed([was.get(metric.name) for metric in shared]),
        [[own[name], _short(value), was.get(name)] for name, value in record.values.items() if name in own],
    ]
    while len(lists) > 1 and not lists[-1]:
        lists.pop()
    return lists


def _short(number: float | None) -> float | None:
    """A number with no more digits than a person reads, because a page holds a hundred thousand of them."""
    if number is None or not is_finite(number):
        return None
    if abs(number) >= 100_000 or float(number).is_integer():
        return round(number)
    return float(f"{number:.6g}")


def _trimmed(numbers: list[float | None]) -> list[float | None]:
    while numbers and numbers[-1] is None:
        numbers.pop()
    return numbers
