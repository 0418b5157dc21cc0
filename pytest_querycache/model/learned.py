"""What fresh processes showed, and the entry that follows from it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median

from .baseline import Entry, Figure
from .metric import CACHE_HITS, CACHE_MISSES, EXPLAINING, METRICS, PEAK_RSS, Family, Metric
from .record import Record, at_reference_speed


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
    to the section's reference speed: the median cold value, the median of the processes' smallest warm ones, and the
    range of the cold ones. The smallest of them all would be the one that was corrected too much, by a speed that the
    machine had no longer, and nothing measured later would come up to it. Resident memory, whose noise hides and
    never adds: the largest value of all.
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
            # what a process does not tell of is zero there, such as the pause of a collector that did not run
            zeros = [0.0] * sum(name not in values for process in learned.cold for values in process)
            typical = median([*colds, *zeros])
            if typical:
                figures.append((name, Figure(_rounded(typical))))
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
            figures.append((name, Figure(_rounded(median(colds)), _rounded(median(warms)), spread or None)))
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


def without_times(entry: Entry) -> Entry:
    """An entry's figures that hold on any machine."""
    kept = [
        (name, figure)
        for name, figure in entry.figures()
        if name not in METRICS or METRICS[name].family is not Family.TIME
    ]
    return Entry(kept, commit=entry.commit, alone=entry.alone, statements=entry.statements)


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
    return Entry(kept, commit=entry.commit, alone=entry.alone, statements=entry.statements)


def has_times(entry: Entry) -> bool:
    """Whether an entry holds figures of one kind of machine."""
    return any(name in METRICS and METRICS[name].family is Family.TIME for name, _ in entry.figures())


def _is_time(record: Record, name: str) -> bool:
    metric = record.metric(name)
    return metric is not None and metric.family is Family.TIME
