"""Accepting current figures: which entries change, and what they become."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from statistics import median

from .baseline import Entry, Figure, Section
from .environment import Environment, StoredEnvironment
from .limit import SPREADS, reference_figure, tolerance
from .metric import (
    CACHE_HITS,
    CACHE_MISSES,
    EXPLAINING,
    PEAK_RSS,
    REFERENCE_TIME,
    Family,
    Metric,
)
from .policy import Applied, Policy
from .record import Record, at_reference_speed
from .threshold import built_in_threshold, parse_thresholds


@dataclass(slots=True)
class Learned:
    """What fresh processes showed of one entry: for each process, the figures of its executions.

    ``alone`` says that the warm figures are first executions in processes of their own; ``problem`` why there
    are none, or fewer.
    """

    cold: list[list[dict[str, float]]] = field(default_factory=list)
    warm: list[list[dict[str, float]]] = field(default_factory=list)
    alone: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One metric of one entry that an update changes; ``was`` is None where it is new."""

    node_id: str
    metric: Metric
    was: float | None
    now: float


@dataclass(slots=True)
class Acceptance:
    """What an update wrote: which entries are new or changed, and how many it left as they were."""

    new: list[str] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)
    unchanged: int = 0
    kept_failed: int = 0


def accept(
    section: Section,
    records: Iterable[Record],
    learned: Mapping[str, Learned],
    policy: Policy,
    *,
    environment: Environment,
    disturbed: Container[str] = (),
    commit: str,
) -> Acceptance:
    """Put the figures of passed records into a section, and leave alone what did not change.

    An entry whose figures all lie within its thresholds stays byte for byte what it was, so that a baseline does
    not follow a loss that creeps in below them. Records that failed or were skipped keep their old entries. A part
    of the suite measured on another CPU than the section's brings its counts alone: one section holds times of one
    kind of machine. ``disturbed`` are the families whose values a tracer distorted in the session.
    """
    acceptance = Acceptance()
    records = list(records)
    other_cpu = bool(section.entries) and section.environment.cpu_model != environment.cpu_model
    if other_cpu and _covers(records, section):
        # everything was measured anew, so that the section may change machines as a whole
        section.entries.clear()
        section.reference_ns, other_cpu = None, False
    if not other_cpu:
        current = StoredEnvironment.of(environment)
        # how many workers measured is of no importance, and not worth a changed line
        if replace(current, workers=section.environment.workers) != section.environment:
            section.environment = current
    if section.reference_ns is None:
        found = [r.values[REFERENCE_TIME.name] for r in records if REFERENCE_TIME.name in r.values]
        section.reference_ns = round(median(found)) if found else None
    for record in records:
        old = section.entries.get(record.node_id)
        if record.outcome != "passed" or not record.values:
            acceptance.kept_failed += old is not None
            continue
        table = _thresholds(record, policy)
        entry = new_entry(
            record,
            learned.get(record.node_id, Learned()),
            asked=table,
            disturbed=disturbed,
            reference_ns=section.reference_ns,
            commit=commit,
        )
        if other_cpu:
            entry = with_times_of(entry, old, record)
        if old is None:
            acceptance.new.append(record.node_id)
            section.entries[record.node_id] = entry
            continue
        changes = list(_changes(record, old, entry, table, policy.improvement))
        if changes or old.alone != entry.alone:
            acceptance.changed.extend(changes)
            section.entries[record.node_id] = entry
        else:
            acceptance.unchanged += 1
    return acceptance


def _covers(records: Iterable[Record], section: Section) -> bool:
    """Whether every entry of a section was measured again."""
    measured = {record.node_id for record in records if record.outcome == "passed" and record.values}
    return measured.issuperset(section.entries)


def with_times_of(entry: Entry, old: Entry | None, record: Record) -> Entry:
    """An entry with the times that stood there before, if any, in place of its own."""
    times = {
        name: figure for name, figure in (old.figures() if old is not None else ()) if _is_time(record, name)
    }
    kept = [
        (name, times.get(name, figure))
        for name, figure in entry.figures()
        if name in times or not _is_time(record, name)
    ]
    return Entry(kept, commit=entry.commit, alone=entry.alone)


def _is_time(record: Record, name: str) -> bool:
    metric = record.metric(name)
    return metric is not None and metric.family is Family.TIME


def _thresholds(record: Record, policy: Policy) -> Mapping[str, Applied]:
    """The thresholds by which the gate judges this record: what it convicts, an update must be able to accept."""
    marks = parse_thresholds(record.thresholds, "mark perf_threshold") if record.thresholds else None
    return policy.thresholds_for(
        record.node_id, test_id=record.test_id, marks=marks, own_metrics=record.own_metrics
    )


def new_entry(
    record: Record,
    learned: Learned,
    *,
    asked: Container[str] = (),
    disturbed: Container[str] = (),
    reference_ns: float | None = None,
    commit: str,
) -> Entry:
    """The entry for a record, from its session and from what fresh processes showed.

    ``asked`` are the metrics that the project judges; context it names is stored with the gated ones. Of the
    families ``disturbed`` in the session only what fresh processes measured is stored, where they did.

    Counts: the largest cold value, the smallest warm one, and the range of the processes' smallest. Times, brought
    to the section's reference speed: the median cold value, the smallest warm one, and the range of the cold ones.
    Resident memory, whose noise hides and never adds: the largest value of all.
    """
    figures = []
    for name in record.values:
        metric = record.metric(name)
        value = at_reference_speed(record.values, metric, reference_ns) if metric is not None else None
        if metric is None or value is None or not (name in asked or _is_stored(metric, value)):
            continue
        # what a tracer distorted here, fresh processes may have measured undistorted
        colds = [] if metric.family.value in disturbed and learned.cold else [value]
        for process in learned.cold:
            colds.extend(_values(process, metric, reference_ns))
        colds = colds or [value]
        by_process = [_values(process, metric, reference_ns) for process in learned.warm]
        warms = [metric.best(values) for values in by_process if values]
        if metric in EXPLAINING:
            figures.append((name, Figure(_rounded(median(colds)))))
        elif not warms:
            figures.append((name, Figure(_rounded(value))))
        elif metric.name == PEAK_RSS.name:
            highest = max([*colds, *(number for values in by_process for number in values)])
            figures.append((name, Figure(highest, highest)))
        elif metric.deterministic:
            cold = metric.worst(colds)
            spread = max(warms) - min(warms)
            figures.append((name, Figure(cold, metric.best(warms), spread or None)))
        else:
            spread = _rounded(max(colds) - min(colds))
            figures.append((name, Figure(_rounded(median(colds)), metric.best(warms), spread or None)))
    statements = {row[0]: row[2] for row in record.statements}
    return Entry(figures, commit=commit, alone=learned.alone, statements=statements)


def _rounded(number: float) -> float:
    return round(number) if abs(number) >= 1000 else number


def _is_stored(metric: Metric, value: float) -> bool:
    """Gated metrics always; what explains them, and the cache's figures, where there is something to store."""
    return metric.gated or (value != 0 and metric in (*EXPLAINING, CACHE_HITS, CACHE_MISSES))


def _values(
    executions: Iterable[Mapping[str, float]], metric: Metric, reference_ns: float | None
) -> list[float]:
    found = (at_reference_speed(values, metric, reference_ns) for values in executions)
    return [_rounded(value) for value in found if value is not None]


def _changes(
    record: Record, old: Entry, new: Entry, table: Mapping[str, Applied], improvement: float
) -> Iterable[Change]:
    """The metrics in which a new entry differs from the old one by more than its threshold tolerates."""
    for name, figure in new.figures():
        metric = record.metric(name)
        if metric is None or (metric in EXPLAINING and name not in table):
            continue
        before = old.figure(name)
        if before is None:
            yield Change(node_id=record.node_id, metric=metric, was=None, now=reference_figure(figure))
            continue
        if before.warm is None and figure.warm is not None:
            yield Change(node_id=record.node_id, metric=metric, was=before.cold, now=figure.warm)
            continue
        applied = table.get(name)
        floor = applied.floor if applied is not None else built_in_threshold(metric).floor or 0.0
        was, now = reference_figure(before), reference_figure(figure)
        if figure.warm is None:
            was = before.cold  # a first execution is held against a first execution
        worse = metric.rise(was, now)
        allowed = tolerance(applied, before) if applied is not None else 0.2 * abs(was)
        gain = improvement * abs(was) if metric.deterministic else allowed
        beyond = worse > allowed or -worse > max(gain, _noise(before, metric))
        if worse and beyond and abs(worse) >= floor and not _ranges_meet(metric, before, figure):
            yield Change(node_id=record.node_id, metric=metric, was=was, now=now)


def _noise(figure: Figure, metric: Metric) -> float:
    return (figure.spread or 0.0) * (SPREADS if metric.deterministic else 1)


def _ranges_meet(metric: Metric, before: Figure, after: Figure) -> bool:
    """Whether two times are indistinguishable: the larger lies within the smaller one's own spread."""
    if metric.deterministic:
        return False
    low, high = sorted((reference_figure(before), reference_figure(after)))
    lower = before if low == reference_figure(before) else after
    return low + (lower.spread or 0.0) >= high
