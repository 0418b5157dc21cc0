"""The gate's answer in the terminal: lines with a style, worst first, readable at 80 columns.

Every function gives ``(text, style)`` pairs; the plugin writes them with pytest's own terminal writer, which
knows whether colour is wanted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from shlex import quote

from ..model.limit import Limit
from ..model.metric import METRICS, Metric
from ..model.quantity import format_quantity
from ..model.record import Record
from ..model.verdict import OUT_OF_TIME, Finding, GateResult, Verdict

Style = Mapping[str, bool]
Line = tuple[str, Style]

PLAIN: Style = {}
_RED: Style = {"red": True}
_YELLOW: Style = {"yellow": True}
_GREEN: Style = {"green": True}
_BOLD: Style = {"bold": True}

_MOST_WHOLE = 12
_MOST_BRIEF = 28
_MOST_LISTED = 10
_MOST_NAMES = 5


def gate_lines(
    result: GateResult, *, verbose: bool, accept: tuple[str, str], complete: bool = True
) -> Iterator[Line]:
    """The whole summary of a gated session.

    ``accept`` is the command that accepts new figures, and what the session was told to run.
    """
    yield from _guilty_lines(result, verbose)
    yield from _incomparable_lines(result, verbose)
    if complete or verbose:  # nothing was measured again, so that most of what looks worse is chance
        yield from _unconfirmed_lines(result, verbose)
    yield from _name_lines(result.of(Verdict.MISSING), "missing", "no test claimed these entries", verbose)
    yield from _name_lines(result.of(Verdict.NEW), "new", "the baseline does not know these", verbose)
    yield from _improved_lines(result, verbose)
    if verbose:
        yield from _cleared_lines(result.cleared)
    if verbose or result.counts.compared == 0:  # then the reasons are the answer
        for reason, number in sorted(result.not_judged.items(), key=lambda pair: -pair[1]):
            yield f"not judged: {number} · {reason}", PLAIN
    for note in result.notes:
        yield f"note: {note}", _YELLOW
    yield result.counts_line, _BOLD
    if complete:
        yield from _closing_lines(result, accept)
    else:
        yield "performance gate: the session was interrupted, so nothing is decided", {**_YELLOW, **_BOLD}


def _closing_lines(result: GateResult, accept: tuple[str, str]) -> Iterator[Line]:
    command, given = accept
    everything = f"{command} {given}".rstrip()
    if result.failures:
        yield "performance gate: failed: " + "; ".join(result.failures), {**_RED, **_BOLD}
        if result.of(Verdict.REGRESSED):
            yield f"if this cost is wanted, accept it: {everything}", PLAIN
            return
        if result.of(Verdict.OVER_BUDGET):
            yield "make it cheaper, or raise the limit in the test's mark perf_budget", PLAIN
            return
        if result.counts.compared == 0 and not result.counts.not_judged:
            yield f"the baseline and this session have no record in common; record one: {everything}", PLAIN
            return
    elif result.counts.compared == 0:
        yield "performance gate: nothing was compared", {**_YELLOW, **_BOLD}
        return
    else:
        allowed = f"; the setting fail lets pass what regressed: {result.counts.regressed}"
        doubtful = result.counts.unconfirmed or result.of(Verdict.INCOMPARABLE) or result.ungated_times
        style = _YELLOW if doubtful or result.counts.regressed else _GREEN
        yield f"performance gate: passed{allowed if result.counts.regressed else ''}", {**style, **_BOLD}
    if result.counts.new:
        yield f"to take new tests in: {everything}", PLAIN
    if result.counts.missing:
        yield "to drop entries that no test claims: querycache prune NODEID…", PLAIN


def quoted(name: str) -> str:
    """A node id or path as a shell takes it."""
    return quote(name)


def _guilty_lines(result: GateResult, verbose: bool) -> Iterator[Line]:
    """The records that regressed, the worst with everything that was found of them, doubtful or not.

    Hundreds with one cause would hide it: after the worst ones come lines of one metric each, then their number.
    """
    guilty = {finding.node_id for finding in result.of(Verdict.REGRESSED, Verdict.OVER_BUDGET)}
    told = result.of(Verdict.REGRESSED, Verdict.OVER_BUDGET, Verdict.UNCONFIRMED)
    records = list(_by_record([finding for finding in told if finding.node_id in guilty]))
    whole = len(records) if verbose else _MOST_WHOLE
    brief = len(records) if verbose else _MOST_WHOLE + _MOST_BRIEF
    for node_id, findings in records[:whole]:
        yield node_id, {**_RED, **_BOLD}
        yield from _whole_lines(findings)
    for node_id, findings in records[whole:brief]:
        yield node_id, _RED
        yield f"  {findings[0].verdict.value.replace('_', ' ')}  {change_text(findings[0])}", PLAIN
    if len(records) > brief:
        yield f"… and {len(records) - brief} more that regressed (-v lists them all)", _RED


def _whole_lines(findings: Sequence[Finding]) -> Iterator[Line]:
    for finding in findings:
        style = _YELLOW if finding.verdict is Verdict.UNCONFIRMED else _RED
        yield f"  {finding.verdict.value.replace('_', ' ')}  {change_text(finding)}", style
        if finding.limit is not None:
            yield f"    limit {limit_text(finding.limit)}", PLAIN
    # what two metrics have in common is said once
    for text in dict.fromkeys(text for f in findings for text in (f.proof, f.insight) if text):
        yield from _told_lines(text, "  ")


def _told_lines(text: str, indent: str) -> Iterator[Line]:
    """An insight of several lines, such as the statements that became more, one after the other."""
    for line in text.split("\n  "):
        yield f"{indent}{line}", PLAIN


def _incomparable_lines(result: GateResult, verbose: bool) -> Iterator[Line]:
    """Times that could not be proved at all, by reason, because one reason mostly holds for all."""
    found = result.of(Verdict.INCOMPARABLE)
    by_reason: dict[str, list[str]] = {}
    for finding in found:
        by_reason.setdefault(finding.proof, []).append(finding.node_id)
    for reason, names in by_reason.items():
        number = f"{len(names)} slower time{'' if len(names) == 1 else 's'}"
        yield f"incomparable: {number} could not be proved: {reason}", {**_YELLOW, **_BOLD}
        shown = names if verbose else names[:_MOST_NAMES]
        for name in shown:
            yield f"  {name}", PLAIN
        if len(shown) < len(names):
            yield f"  … and {len(names) - len(shown)} more (-v lists them all)", PLAIN


def _by_record(findings: Sequence[Finding]) -> Iterator[tuple[str, list[Finding]]]:
    """Findings of one record together, the records in the order of their worst one."""
    order = {node_id: position for position, node_id in enumerate(dict.fromkeys(f.node_id for f in findings))}
    ranked = sorted(findings, key=lambda finding: order[finding.node_id])
    for node_id, group in groupby(ranked, key=lambda finding: finding.node_id):
        yield node_id, list(group)


def change_text(finding: Finding) -> str:
    """``allocated_bytes 1.20 MB → 2.41 MB (2.01x)``."""
    if finding.metric is None or finding.now is None:
        return ""
    unit = finding.metric.unit
    now = format_quantity(finding.now, unit)
    if finding.was is None:
        return f"{finding.metric.name} {now}"
    ratio = f" ({finding.ratio:.2f}x{_interval_text(finding)})" if finding.ratio is not None else ""
    return f"{finding.metric.name} {format_quantity(finding.was, unit)} → {now}{ratio}"


def _interval_text(finding: Finding) -> str:
    return "" if finding.interval is None else ", {:.2f}–{:.2f}".format(*finding.interval)


def limit_text(limit: Limit) -> str:
    """``1.56 MB: +30 % and 16.0 KB, built-in``, with the rule's reason where it has one."""
    value = format_quantity(limit.value, limit.metric.unit)
    reason = f": {limit.reason}" if limit.reason else ""
    return f"{value} ({limit.rule}; {limit.origin}{reason})"


def _unconfirmed_lines(result: GateResult, verbose: bool) -> Iterator[Line]:
    guilty = {finding.node_id for finding in result.of(Verdict.REGRESSED, Verdict.OVER_BUDGET)}
    doubtful = [f for f in result.of(Verdict.UNCONFIRMED) if f.node_id not in guilty]
    if not doubtful:
        return
    records = list(_by_record(doubtful))
    yield f"unconfirmed: {len(records)} measured worse, and nothing proves it", {**_YELLOW, **_BOLD}
    shown = records if verbose else records[:_MOST_LISTED]
    for node_id, findings in shown:
        yield f"  {node_id}", _YELLOW
        for finding in findings:
            yield f"    {change_text(finding)}; {finding.proof}", PLAIN
            if finding.insight:
                yield from _told_lines(finding.insight, "    ")
    if len(shown) < len(records):
        yield f"  … and {len(records) - len(shown)} more (-v lists them all)", PLAIN
    late = {finding.node_id for finding in doubtful if OUT_OF_TIME in finding.proof}
    if late:
        yield f"  more time would settle {len(late)} of them: confirm_budget, such as 120s", PLAIN


def _name_lines(findings: Sequence[Finding], title: str, meaning: str, verbose: bool) -> Iterator[Line]:
    if not findings:
        return
    yield f"{title}: {len(findings)} · {meaning}", {**_YELLOW, **_BOLD}
    shown = findings if verbose else findings[:_MOST_NAMES]
    for finding in shown:
        yield f"  {finding.node_id}", PLAIN
    if len(shown) < len(findings):
        yield f"  … and {len(findings) - len(shown)} more (-v lists them all)", PLAIN


def _improved_lines(result: GateResult, verbose: bool) -> Iterator[Line]:
    better = result.of(Verdict.IMPROVED)
    if not better:
        return
    records = list(_by_record(better))
    yield f"improved: {len(records)}", {**_GREEN, **_BOLD}
    for node_id, findings in records if verbose else records[:_MOST_NAMES]:
        yield f"  {node_id}", PLAIN
        for finding in findings:
            yield f"    {change_text(finding)}", _GREEN
    if not verbose and len(records) > _MOST_NAMES:
        yield f"  … and {len(records) - _MOST_NAMES} more (-v lists them all)", PLAIN


def _cleared_lines(cleared: Sequence[Finding]) -> Iterator[Line]:
    for finding in cleared:
        yield f"cleared: {finding.node_id}", PLAIN
        yield f"    {change_text(finding)}; {finding.proof}", PLAIN


_TOPS = (
    ("wall_time", "slowest"),
    ("allocated_bytes", "most allocated"),
    ("gc_collections", "most collections"),
)


def track_lines(records: Iterable[Record], *, top: int = 5) -> Iterator[Line]:
    """What a session without a baseline shows: the most expensive records by time, memory and collections."""
    measured = [record for record in records if record.values]
    if not measured:
        yield "no test was measured", _YELLOW
        return
    for name, title in _TOPS:
        metric = METRICS[name]
        ranked = sorted(
            (record for record in measured if record.values.get(name)),
            key=lambda record: -record.values[name],
        )[:top]
        if ranked:
            yield f"{title} ({name})", _BOLD
            yield from (_ranked_line(record, metric) for record in ranked)
    yield f"measured {len(measured)} record{'' if len(measured) == 1 else 's'}", _BOLD


def _ranked_line(record: Record, metric: Metric) -> Line:
    return f"  {format_quantity(record.values[metric.name], metric.unit):>10}  {record.node_id}", PLAIN
