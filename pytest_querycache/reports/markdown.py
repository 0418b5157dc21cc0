"""The gate's answer as Markdown, for a pull request's comment or a job's summary.

Node ids and names of metrics are whatever a project makes of its parameters, so every character that Markdown or
HTML could take for its own is written as a character reference. Services make links of some words only after that:
an at sign is followed by a space of no width, so that nobody is called, and the point after www is a reference too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from ..model.account import Account
from ..model.metric import METRICS
from ..model.quantity import format_quantity
from ..model.record import Run
from ..model.verdict import Finding, GateResult, Verdict
from .grouping import by_record
from .remark import without_surrogates
from .sentence import sentence
from .terminal import limit_text

_MOST_IN_FULL = 20
"""Records that regressed; a pull request is read by people, and the page and the JSON hold the rest."""

_MOST_ROWS = 50
_MOST_TRACKED = 10
_SYNTAX = re.compile(r"[^\w\s./,=()%+→–·…µ°'-]|_")
_WWW = re.compile(r"(?i)(?<=\bwww)\.")
_NO_WIDTH = "&#8203;"
_SPACES = re.compile(r"\s+")
_LINE_ENDS = re.compile(r"[\r\n]+")


def markdown_report(account: Account, *, accept: str = "") -> str:
    """The whole report; ``accept`` is the command that accepts new figures."""
    return "\n".join(_lines(account, accept)) + "\n"


def plain(text: str) -> str:
    """A text in which nothing is Markdown."""
    escaped = _SYNTAX.sub(_reference, _SPACES.sub(" ", without_surrogates(text)))
    return _WWW.sub("&#46;", escaped)


def _reference(match: re.Match[str]) -> str:
    return f"&#{ord(match[0])};{_NO_WIDTH if match[0] == '@' else ''}"


def code(text: str) -> str:
    """A text in a code span that cannot be left from inside."""
    return f"<code>{plain(text)}</code>"


def _lines(account: Account, accept: str) -> Iterator[str]:
    result = account.result
    yield f"### Performance gate: {plain(sentence(account))}"
    yield ""
    if result is None:
        yield from _tracked_lines(account.run)
    else:
        yield result.counts_line
        yield ""
        yield from _result_lines(result)
        if accept and result.of(Verdict.REGRESSED):
            command = _LINE_ENDS.sub(" ", without_surrogates(accept))
            yield from ("If this cost is wanted, accept it:", "", f"    {command}", "")
        for note in result.notes:
            yield f"- {plain(note)}"
        if result.notes:
            yield ""
    yield f"<sub>{plain(_origin(account))}</sub>"


def _result_lines(result: GateResult) -> Iterator[str]:
    guilty = result.of(Verdict.REGRESSED, Verdict.OVER_BUDGET)
    names = {finding.node_id for finding in guilty}
    # what is doubtful of a guilty record stands beside what is proved
    doubtful = result.of(Verdict.UNCONFIRMED)
    beside = [finding for finding in doubtful if finding.node_id in names]
    records = [found for _, found in by_record([*guilty, *beside])]
    if guilty:
        yield from _table(
            ("test", "metric", "was", "is", "ratio", "limit", "what shows it"),
            [finding for found in records[:_MOST_IN_FULL] for finding in found],
            _guilty_row,
        )
    # of the rest one line each: what every other metric of them shows is in the page
    yield from _folded("more that regressed", [found[0] for found in records[_MOST_IN_FULL:]])
    yield from _folded("unconfirmed", [finding for finding in doubtful if finding.node_id not in names])
    yield from _folded("could not be proved here", result.of(Verdict.INCOMPARABLE))
    yield from _folded("improved", result.of(Verdict.IMPROVED))
    for verdict in (Verdict.NEW, Verdict.MISSING):
        yield from _listed(verdict.value, [finding.node_id for finding in result.of(verdict)])


def _guilty_row(finding: Finding) -> Sequence[str]:
    limit = plain(limit_text(finding.limit)) if finding.limit is not None else ""
    told = [finding.proof, finding.insight]
    if finding.verdict is not Verdict.REGRESSED:
        told.insert(0, finding.verdict.value.replace("_", " "))
    return (*_change_row(finding), limit, plain("; ".join(text for text in told if text)))


def _change_row(finding: Finding) -> Sequence[str]:
    metric = finding.metric
    unit = metric.unit if metric is not None else ""
    interval = "" if finding.interval is None else ", {:.2f}–{:.2f}".format(*finding.interval)
    return (
        code(finding.node_id),
        plain(metric.name) if metric is not None else "",
        "" if finding.was is None else plain(format_quantity(finding.was, unit)),
        "" if finding.now is None else plain(format_quantity(finding.now, unit)),
        "" if finding.ratio is None else f"{finding.ratio:.2f}x{interval}",
    )


def _table(
    titles: Sequence[str], findings: Sequence[Finding], row: Callable[[Finding], Sequence[str]]
) -> Iterator[str]:
    yield f"| {' | '.join(titles)} |"
    yield f"|{'---|' * len(titles)}"
    for finding in findings:
        yield f"| {' | '.join(row(finding))} |"
    yield ""


def _folded(title: str, findings: Sequence[Finding]) -> Iterator[str]:
    if findings:
        records = len({finding.node_id for finding in findings})
        yield from (f"<details><summary>{title}: {records}</summary>", "")
        yield from _table(("test", "metric", "was", "is", "ratio"), findings[:_MOST_ROWS], _change_row)
        if len(findings) > _MOST_ROWS:
            yield from (f"… and {len(findings) - _MOST_ROWS} more", "")
        yield from ("</details>", "")


def _listed(title: str, node_ids: Sequence[str]) -> Iterator[str]:
    if node_ids:
        yield from (f"<details><summary>{title}: {len(node_ids)}</summary>", "")
        yield from (f"- {code(node_id)}" for node_id in node_ids[:_MOST_ROWS])
        if len(node_ids) > _MOST_ROWS:
            yield f"- … and {len(node_ids) - _MOST_ROWS} more"
        yield from ("", "</details>", "")


def _tracked_lines(run: Run) -> Iterator[str]:
    for name, title in (("wall_time", "slowest"), ("allocated_bytes", "most allocated")):
        measured = [record for record in run.records.values() if record.values.get(name)]
        ranked = sorted(measured, key=lambda record: -record.values[name])[:_MOST_TRACKED]
        if ranked:
            yield from (f"| {title} | {plain(name)} |", "|---|--:|")
            for record in ranked:
                value = format_quantity(record.values[name], METRICS[name].unit)
                yield f"| {code(record.node_id)} | {plain(value)} |"
            yield ""


def _origin(account: Account) -> str:
    environment, occasion = account.run.environment, account.occasion
    parts: Iterable[str] = (
        environment.key,
        environment.cpu_model,
        f"commit {occasion.commit}{' with changes' if occasion.dirty else ''}" if occasion.commit else "",
        occasion.finished,
        occasion.command,
    )
    return " · ".join(part for part in parts if part)
