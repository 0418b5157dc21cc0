"""Two files held against each other, as text: a line for each finding, then the counts."""

from __future__ import annotations

from collections.abc import Iterator

from ..model.quantity import format_quantity
from ..model.verdict import Finding, GateResult

_NO_METRIC = ("", "", "", "")


def comparison_lines(result: GateResult) -> Iterator[str]:
    """A table of everything that differs, worst first, with columns as wide as they have to be."""
    findings = [*result.findings]
    rows = [_row(finding) for finding in findings]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(5)]
    for finding, row in zip(findings, rows, strict=True):
        verdict, metric, was, now, ratio = (
            text.ljust(width) if column < 2 else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        yield f"{verdict}  {metric}  {was}  {now}  {ratio}  {finding.node_id}"
    for note in result.notes:
        yield f"note: {note}"
    yield result.counts_line
    for failure in result.failures:
        yield f"failed: {failure}"


def _row(finding: Finding) -> tuple[str, str, str, str, str]:
    verdict = finding.verdict.value.replace("_", " ")
    metric = finding.metric
    if metric is None:
        return (verdict, *_NO_METRIC)
    was = "" if finding.was is None else format_quantity(finding.was, metric.unit)
    now = "" if finding.now is None else format_quantity(finding.now, metric.unit)
    ratio = "" if finding.ratio is None else f"{finding.ratio:.2f}x"
    return (verdict, metric.name, was, now, ratio)
