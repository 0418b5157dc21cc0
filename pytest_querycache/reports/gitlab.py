"""GitLab's two reports: figures that a merge request compares, and findings at the lines of tests.

The formats are those of docs.gitlab.com, *Metrics reports* (OpenMetrics 1.0, as text) and *Code Quality*, section
"Code Quality report format". GitLab takes a metric's value for a text and shows every one that is not the same text
in the target branch's last pipeline, so this report is short and holds still: the gate's counts, the suite's sums
rounded to what varies by itself, and of single records those alone of which the gate has something to say.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator

from ..model.account import Account
from ..model.metric import (
    ALLOCATED_BLOCKS,
    ALLOCATED_BYTES,
    DB_QUERIES,
    GC_COLLECTIONS,
    WALL_TIME,
    Metric,
)
from ..model.plain import plain_counts
from ..model.quantity import is_finite
from ..model.verdict import Finding, GateResult, Verdict
from .remark import place_of, remark, without_surrogates

METRICS_FILE = "metrics.txt"
QUALITY_FILE = "gl-code-quality-report.json"
"""The names that GitLab's own pages give these reports."""

MOST_RECORDS = 100
"""A merge request lists every series, changed or not."""

_SUMS = ((WALL_TIME, 2), (ALLOCATED_BYTES, 3), (ALLOCATED_BLOCKS, 3), (GC_COLLECTIONS, 2), (DB_QUERIES, 6))
"""What a whole suite costs, and to how many digits that is the same in the next run of the same code."""

_TOLD = (Verdict.REGRESSED, Verdict.OVER_BUDGET, Verdict.UNCONFIRMED, Verdict.IMPROVED)
_UNITS = {"ns": "seconds", "B": "bytes", "count": ""}
_PER_UNIT = {"ns": 1e9}


def metrics_report(account: Account) -> str:
    """The OpenMetrics text; that of an interrupted session is empty, because its sums compare with nothing."""
    lines = [*_metric_lines(account)] if account.run.complete else []
    return "\n".join([*lines, "# EOF"]) + "\n"


def quality_report(account: Account, *, folder: str = "") -> str:
    """The code quality JSON: one entry for each metric of a record that is worse, or may be.

    ``folder`` is where the project stands in its repository, since GitLab wants a file's path from there.
    """
    result = account.result
    entries: list[dict[str, object]] = []
    if result is not None and account.run.complete:
        worse = result.of(Verdict.REGRESSED, Verdict.OVER_BUDGET, Verdict.UNCONFIRMED)
        entries.extend(_entry(account, result, finding, folder) for finding in worse)
    return json.dumps(entries, indent=1) + "\n"


def _metric_lines(account: Account) -> Iterator[str]:
    result = account.result
    if result is not None:
        counts = plain_counts(result.counts).items()
        samples = (_sample({"outcome": name.replace("_", " ")}, number) for name, number in counts)
        yield from _family("perf_gate_records", "", "Records by what became of them.", samples)
    tests = [record for record in account.run.records.values() if not record.test_id]
    for metric, digits in _SUMS:
        values = [record.values[metric.name] for record in tests if metric.name in record.values]
        if values:
            total = float(f"{_in_base_unit(sum(values), metric):.{digits}g}")
            name, unit = f"perf_suite_{metric.name}", _UNITS[metric.unit]
            if unit:
                name = f"{name.removesuffix(f'_{unit}')}_{unit}"
            yield from _family(name, unit, "Sum over the tests, rounded.", [_sample({}, total)])
    if result is not None:
        yield from _family(
            "perf_record", "", "What the gate speaks of, worst first.", _record_samples(result)
        )


def _record_samples(result: GateResult) -> Iterable[str]:
    samples: dict[str, str] = {}
    for finding in result.of(*_TOLD):
        metric, now = finding.metric, finding.now
        if metric is None or now is None or not is_finite(now):
            continue
        labels = {
            "test": finding.node_id,
            "metric": metric.name,
            "unit": _UNITS.get(metric.unit, metric.unit),
            "verdict": finding.verdict.value.replace("_", " "),
        }
        # a series may stand in the report once
        samples.setdefault(_labels(labels), _sample(labels, _in_base_unit(now, metric)))
        if len(samples) == MOST_RECORDS:
            break
    return samples.values()


def _family(name: str, unit: str, meaning: str, samples: Iterable[str]) -> Iterator[str]:
    yield f"# TYPE {name} gauge"
    if unit:
        yield f"# UNIT {name} {unit}"
    yield f"# HELP {name} {meaning}"
    yield from (f"{name}{sample}" for sample in samples)


def _sample(labels: dict[str, str], value: float) -> str:
    whole = isinstance(value, int) or value.is_integer()
    number = str(int(value)) if whole else f"{value:.6g}"
    return f"{_labels(labels)} {number}"


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_label(text)}"' for name, text in labels.items()) + "}"


def _label(text: str) -> str:
    """A label's value, escaped as OpenMetrics wants it.

    A number sign has no escape there, but GitLab takes it for the begin of a comment wherever it stands, and then
    refuses the whole file for the quote that is missing; so it is written as in an address.
    """
    text = " ".join(without_surrogates(text).splitlines()).replace("#", "%23")
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _in_base_unit(value: float, metric: Metric) -> float:
    return value / _PER_UNIT.get(metric.unit, 1)


def _entry(account: Account, result: GateResult, finding: Finding, folder: str) -> dict[str, object]:
    file, line = place_of(account, finding.node_id, folder)
    metric = finding.metric.name if finding.metric is not None else ""
    text = f"{finding.node_id}: {remark(finding)}"
    return {
        "description": without_surrogates(text),
        "check_name": without_surrogates(f"performance gate: {metric}"),
        "fingerprint": _fingerprint(folder, finding.node_id, metric, finding.verdict.value),
        "severity": _severity(result, finding),
        "location": {"path": without_surrogates(file), "lines": {"begin": line}},
    }


def _severity(result: GateResult, finding: Finding) -> str:
    if finding.verdict is Verdict.UNCONFIRMED:
        return "info"
    return "minor" if result.success else "major"


def _fingerprint(*parts: str) -> str:
    """What makes a finding the same one in the next run: neither its figures nor its line."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()[:32]
