"""Accepting current figures: which entries change, and what they become."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from .baseline import Section
from .change import Change, changes_between
from .environment import Environment, StoredEnvironment, changed_distributions
from .learned import Learned, has_times, new_entry, with_times_of, without_times
from .metric import REFERENCE_TIME
from .policy import Applied, Policy
from .record import Record, is_of_a_test
from .threshold import parse_thresholds


@dataclass(slots=True)
class Acceptance:
    """What an update wrote: which entries are new or changed, and how many it left as they were.

    ``older`` counts entries that were not measured with the dependencies of now, for whose sake the section keeps the
    versions of before.
    """

    new: list[str] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)
    unchanged: int = 0
    kept_failed: int = 0
    older: int = 0


def accept(
    section: Section,
    records: Iterable[Record],
    learned: Mapping[str, Learned],
    policy: Policy,
    *,
    environment: Environment,
    disturbed: Container[str] = (),
    gone: Iterable[str] = (),
    keeps_times: bool = False,
    commit: str,
) -> Acceptance:
    """Put the figures of passed records into a section, and leave alone what did not change.

    An entry whose figures all lie within its thresholds stays byte for byte what it was, so that a baseline does
    not follow a loss that creeps in below them. Records that failed or were skipped keep their old entries. A part
    of the suite measured on another CPU than the section's brings its counts alone: one section holds times of one
    kind of machine; and it lets the section name newer dependencies only where no entry was measured with older
    ones, because old code beside new cannot acquit what a dependency made slower. ``disturbed`` are the families
    whose values a tracer distorted in the session, ``gone`` entries that no test claims any more. With
    ``keeps_times`` the caller puts old times back, so that neither the CPU of the section nor its reference workload
    changes under them.
    """
    acceptance = Acceptance()
    records = list(records)
    waiting = _not_measured(records, section, gone)
    other_cpu = bool(section.entries) and section.environment.cpu_model != environment.cpu_model
    bound = keeps_times and any(map(has_times, section.entries.values()))
    if other_cpu and not waiting and not bound:
        _change_machines(section, records)
        other_cpu = False
    if not other_cpu:
        acceptance.older = _change_environment(section, StoredEnvironment.of(environment), len(waiting))
    if section.reference_ns is None and not other_cpu and not bound:
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


def _not_measured(records: Sequence[Record], section: Section, gone: Iterable[str]) -> set[str]:
    """The entries that would have had to be measured for the section to be measured as a whole.

    Tests do not wait for what a script measures, which is never held against the old code.
    """
    waiting = set(section.entries) - _measured(records) - set(gone)
    if any(is_of_a_test(record.node_id) for record in records):
        waiting = {name for name in waiting if is_of_a_test(name)}
    return waiting


def _measured(records: Iterable[Record]) -> set[str]:
    return {record.node_id for record in records if record.outcome == "passed" and record.values}


def _change_machines(section: Section, records: Iterable[Record]) -> None:
    """Make room for a suite that was measured anew on another CPU; what nobody waited for keeps its counts."""
    measured = _measured(records)
    section.entries = {
        name: without_times(entry) for name, entry in section.entries.items() if name not in measured
    }
    section.reference_ns = None


def _change_environment(section: Section, current: StoredEnvironment, waiting: int) -> int:
    """Note where the section was measured; gives how many entries keep the versions of dependencies they had."""
    known = section.environment
    if waiting and changed_distributions(known.distributions, current.distributions):
        # what was merely added since may have been used by what was measured now
        distributions = {**current.distributions, **known.distributions}
        section.environment = replace(known, distributions=distributions)
        return waiting
    # how many workers measured is of no importance, and not worth a changed line
    if replace(current, workers=known.workers) != known:
        section.environment = current
    return 0


def _thresholds(record: Record, policy: Policy) -> Mapping[str, Applied]:
    """The thresholds by which the gate judges this record: what it convicts, an update must be able to accept."""
    marks = parse_thresholds(record.thresholds, "mark perf_threshold") if record.thresholds else None
    return policy.thresholds_for(
        record.node_id, test_id=record.test_id, marks=marks, own_metrics=record.own_metrics
    )
