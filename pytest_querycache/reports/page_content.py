"""From a session to the page that shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..model.account import Account
from ..model.environment import StoredEnvironment, changed_distributions
from ..model.metric import METRICS
from ..model.quantity import format_quantity
from ..model.verdict import Finding, GateResult, Verdict
from .drawing import drawing_of
from .grouping import by_record
from .history_chart import history_chart
from .page import Case, Change, Fact, Group, HistoryChart, Names, Page, UseTable
from .page_records import records_json
from .sentence import sentence

_BAD = (Verdict.REGRESSED, Verdict.OVER_BUDGET, Verdict.UNCONFIRMED)
_MOST_CASES = 100
_MOST_NAMES = 200
_MOST_ROWS = 20

_USES = (
    ("SQL statements", ("db_queries", "db_distinct", "db_repeated", "db_rows", "db_time")),
    ("Query cache", ("cache_hits", "cache_misses", "cache_compile_time")),
)


def page_of(account: Account, *, accept: str = "") -> Page:
    """The page of a session; ``accept`` is the command that accepts new figures."""
    result = account.result if account.result is not None else GateResult()
    regressed = bool(result.of(Verdict.REGRESSED))
    return Page(
        ending=_ending(account),
        sentence=sentence(account),
        counts=_counts(account),
        accept=accept if regressed and account.result is not None else "",
        groups=list(_groups(account, result)),
        names=[
            _names(f"{verdict.value.capitalize()}: {meaning}", result.of(verdict))
            for verdict, meaning in (
                (Verdict.MISSING, "no test claimed these entries"),
                (Verdict.NEW, "the baseline does not know these"),
            )
            if result.of(verdict)
        ],
        not_judged=sorted(result.not_judged.items(), key=lambda pair: -pair[1]),
        notes=list(result.notes),
        uses=list(_uses(account)),
        facts=list(_facts(account)),
        changed_distributions=_changed(account),
        number_of_records=len(account.run.records),
        records=records_json(account),
    )


def _ending(account: Account) -> str:
    if not account.run.complete:
        return "interrupted"
    if account.result is None:
        return "tracked"
    return "failed" if account.result.failures else "passed"


def _counts(account: Account) -> Sequence[tuple[str, int]]:
    if account.result is None:
        return [("records", len(account.run.records))]
    counts = account.result.counts
    return [
        ("compared", counts.compared),
        ("regressed", counts.regressed),
        ("improved", counts.improved),
        ("unconfirmed", counts.unconfirmed),
        ("new", counts.new),
        ("missing", counts.missing),
        ("not judged", counts.not_judged),
    ]


def _groups(account: Account, result: GateResult) -> Iterator[Group]:
    told = result.of(Verdict.REGRESSED, Verdict.OVER_BUDGET)
    guilty = {finding.node_id for finding in told}
    doubtful = result.of(Verdict.UNCONFIRMED)
    beside = [finding for finding in doubtful if finding.node_id in guilty]
    yield _group("regressed", "Regressed", [*told, *beside], account)
    yield _group("unconfirmed", "Unconfirmed", [f for f in doubtful if f.node_id not in guilty], account)
    yield _group("incomparable", "Could not be proved here", result.of(Verdict.INCOMPARABLE), account)
    yield _group("improved", "Improved", result.of(Verdict.IMPROVED), account)
    yield _group("cleared", "Looked worse, and is not", result.cleared, account)


def _group(name: str, title: str, findings: Sequence[Finding], account: Account) -> Group:
    records = by_record(findings)
    cases = [
        Case(node_id=node_id, changes=[_change(finding, account) for finding in found])
        for node_id, found in records[:_MOST_CASES]
    ]
    return Group(name=name, title=title, cases=cases, rest=max(0, len(records) - _MOST_CASES))


def _change(finding: Finding, account: Account) -> Change:
    metric, limit = finding.metric, finding.limit
    unit = metric.unit if metric is not None else ""
    evidence = None
    if metric is not None:
        kept = f"{metric.name} budget" if finding.verdict is Verdict.OVER_BUDGET else metric.name
        evidence = account.evidence.get((finding.node_id, kept))
    return Change(
        verdict=finding.verdict.value.replace("_", " "),
        metric=metric.name if metric is not None else "",
        was="" if finding.was is None else format_quantity(finding.was, unit),
        now="" if finding.now is None else format_quantity(finding.now, unit),
        ratio=_ratio(finding),
        limit="" if limit is None else format_quantity(limit.value, unit),
        rule="" if limit is None else ", ".join(t for t in (limit.rule, limit.origin, limit.reason) if t),
        proof=finding.proof,
        insight=finding.insight,
        drawing=drawing_of(finding, evidence),
        history=_history(finding, account),
    )


def _history(finding: Finding, account: Account) -> HistoryChart | None:
    if finding.metric is None or finding.verdict not in _BAD:
        return None
    entry = account.section.entries.get(finding.node_id) if account.section is not None else None
    cold = entry.cold(finding.metric.name) if entry is not None else None
    return history_chart(finding, account.history(finding.node_id, finding.metric.name), cold=cold)


def _ratio(finding: Finding) -> str:
    if finding.ratio is None:
        return ""
    interval = "" if finding.interval is None else " ({:.2f}–{:.2f})".format(*finding.interval)
    return f"{finding.ratio:.2f}x{interval}"


def _names(title: str, findings: Sequence[Finding]) -> Names:
    node_ids = [finding.node_id for finding in findings]
    return Names(title=title, node_ids=node_ids[:_MOST_NAMES], rest=max(0, len(node_ids) - _MOST_NAMES))


def _uses(account: Account) -> Iterator[UseTable]:
    """Caches and SQL, where any test used them."""
    records = [record for record in account.run.records.values() if not record.test_id]
    for title, metrics in _USES:
        users = [record for record in records if any(record.values.get(name) for name in metrics)]
        columns = [name for name in metrics if any(name in record.values for record in users)]
        if not columns:
            continue
        users.sort(key=lambda record: -sum(record.values.get(name, 0) for name in columns[:2]))
        total = [sum(record.values.get(name, 0) for record in users) for name in columns]
        yield UseTable(
            title=title,
            columns=columns,
            total=_written(columns, total),
            rows=[
                (record.node_id, _written(columns, [record.values.get(name, 0) for name in columns]))
                for record in users[:_MOST_ROWS]
            ],
            rest=max(0, len(users) - _MOST_ROWS),
        )


def _written(columns: Iterable[str], values: Iterable[float]) -> list[str]:
    return [format_quantity(value, METRICS[name].unit) for name, value in zip(columns, values, strict=True)]


def _facts(account: Account) -> Iterator[Fact]:
    """What this run and the baseline were measured with, line by line."""
    run, occasion = account.run, account.occasion
    here = StoredEnvironment.of(run.environment)
    there = account.section.environment if account.section is not None else None
    yield Fact(name="section", now=run.environment.key, was=None if there is None else run.environment.key)
    for name, title in (
        ("full_version", "Python"),
        ("cpu_model", "CPU"),
        ("cpu_count", "CPUs"),
        ("workers", "xdist workers"),
    ):
        now, was = str(getattr(here, name)), None if there is None else str(getattr(there, name))
        yield Fact(name=title, now=now, was=was, differs=was is not None and was != now)
    commits = None
    if account.section is not None:
        known = account.section.commits
        commits = ", ".join(
            f"{name}{' with changes' if c.dirty else ''}" for name, c in sorted(known.items())
        )
    commit = f"{occasion.commit}{' with changes' if occasion.dirty else ''}"
    yield Fact(name="commit", now=commit, was=commits, differs=commits is not None and commits != commit)
    yield Fact(name="finished", now=occasion.finished, was=None if there is None else "")
    yield Fact(name="command", now=occasion.command, was=None if there is None else "")
    for family, reason in sorted(run.disturbances.items()):
        yield Fact(name=f"{family} distorted", now=reason, was=None if there is None else "")


def _changed(account: Account) -> list[str]:
    if account.section is None:
        return []
    stored = account.section.environment.distributions
    return changed_distributions(stored, account.run.environment.distributions) if stored else []
