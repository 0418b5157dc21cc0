"""Accepting current figures: which entries change, and what they become."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from statistics import median

from .baseline import Section
from .change import Change, changes_between
from .environment import Environment, StoredEnvironment
from .learned import Learned, new_entry, with_times_of
from .metric import REFERENCE_TIME
from .policy import Applied, Policy
from .record import Record
from .threshold import parse_thresholds


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
        changes = list(changes_between(record, old, entry, table, policy.improvement))
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


def _thresholds(record: Record, policy: Policy) -> Mapping[str, Applied]:
    """The thresholds by which the gate judges this record: what it convicts, an update must be able to accept."""
    marks = parse_thresholds(record.thresholds, "mark perf_threshold") if record.thresholds else None
    return policy.thresholds_for(
        record.node_id, test_id=record.test_id, marks=marks, own_metrics=record.own_metrics
    )
