"""Runs and sections of baselines on either side of a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

from .baseline import Entry, Figure, Section, entry_of_values
from .environment import Environment, StoredEnvironment
from .metric import METRICS, REFERENCE_TIME, Metric
from .record import Record, Run, at_reference_speed, file_of


def section_of_run(run: Run) -> Section:
    """What a run cost, as a baseline would hold it: first executions alone."""
    passed = [record for record in run.records.values() if record.outcome == "passed" and record.values]
    references = [
        record.values[REFERENCE_TIME.name] for record in passed if REFERENCE_TIME.name in record.values
    ]
    reference_ns = median(references) if references else None
    return Section(
        environment=StoredEnvironment.of(run.environment),
        entries={record.node_id: entry_of_values(_at_speed(record, reference_ns)) for record in passed},
        reference_ns=reference_ns,
    )


def _at_speed(record: Record, reference_ns: float | None) -> dict[str, float]:
    values = {}
    for name in record.values:
        metric = record.metric(name)
        value = at_reference_speed(record.values, metric, reference_ns) if metric is not None else None
        if value is not None and name != REFERENCE_TIME.name:
            values[name] = value
    return values


def own_metrics_of(run: Run) -> dict[str, Mapping[str, Metric]]:
    """The metrics that a run's tests declared themselves, by node id."""
    return {node_id: record.own_metrics for node_id, record in run.records.items() if record.own_metrics}


def run_of_section(section: Section, key: str, own: Mapping[str, Mapping[str, Metric]]) -> Run:
    """What a baseline holds, as if a session had just measured its first executions.

    ``own`` are the definitions of the tests' own metrics, which a baseline does not hold; what nobody defines is
    left out, because nobody knows which way it improves.
    """
    stored = section.environment
    run = Run(
        environment=Environment(
            implementation="",
            minor_version="",
            platform="",
            free_threaded=False,
            counter="",
            full_version=stored.full_version,
            cpu_model=stored.cpu_model,
            cpu_count=stored.cpu_count,
            workers=stored.workers,
            distributions=stored.distributions,
            own_key=key,
        )
    )
    for node_id, entry in section.entries.items():
        known = own.get(node_id, {})
        values = {name: figure.cold for name, figure in entry.figures() if name in METRICS or name in known}
        if section.reference_ns is not None:
            values[REFERENCE_TIME.name] = section.reference_ns
        run.records[node_id] = Record(node_id=node_id, values=values, own_metrics=known)
    run.claimed = set(section.entries)
    run.wholly_collected = {file_of(node_id) for node_id in section.entries}
    return run


def alike(old: Section, new: Section) -> tuple[Section, Section]:
    """Two sections reduced to figures of one kind: warm where both know a warm one, else cold.

    The kept value stands as the cold one, so that it is held against its like; the old side keeps its spread.
    """
    reduced_old, reduced_new = _empty(old), _empty(new)
    for node_id, entry in old.entries.items():
        other = new.entries.get(node_id)
        figures, others = [], []
        for name, figure in entry.figures():
            beside = other.figure(name) if other is not None else None
            warm = figure.warm is not None and beside is not None and beside.warm is not None
            figures.append((name, Figure(_kept(figure, warm), None, figure.spread)))
            if beside is not None:
                others.append((name, Figure(_kept(beside, warm))))
        reduced_old.entries[node_id] = Entry(figures)
        if other is not None:
            reduced_new.entries[node_id] = Entry(others)
    for node_id, entry in new.entries.items():
        reduced_new.entries.setdefault(node_id, entry)
    return reduced_old, reduced_new


def _kept(figure: Figure, warm: bool) -> float:
    return figure.warm if warm and figure.warm is not None else figure.cold


def _empty(section: Section) -> Section:
    return Section(environment=section.environment, reference_ns=section.reference_ns)
