"""What earlier runs cost: which figures of a run are kept, and the series that kept figures make up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from statistics import median
from typing import NamedTuple

from .course import Course, course_of
from .environment import Environment
from .metric import CPU_TIME, METRICS, REFERENCE_TIME, Family, Metric
from .policy import Policy
from .quantity import is_finite
from .record import Record, Run, at_reference_speed
from .threshold import parse_thresholds
from .verdict import GateResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When a run was made: ``finished`` is UTC in ISO 8601; ``commit`` is empty where nobody knows it.

    ``dirty`` says that the working tree differed from the commit.
    """

    finished: str
    commit: str = ""
    dirty: bool = False

    @property
    def commit_text(self) -> str:
        """The commit for people, with a plus where the tree had changes."""
        return f"{self.commit}{'+' if self.dirty and self.commit else ''}"


class Machine(NamedTuple):
    """What has to agree for the values of several runs to be one series: of times the processor too."""

    key: str
    cpu_model: str = ""

    @classmethod
    def of(cls, environment: Environment) -> Machine:
        """The part of an environment that tells series apart."""
        return cls(key=environment.key, cpu_model=environment.cpu_model)

    @property
    def any_processor(self) -> Machine:
        """The same environment on whatever processor, which is enough for what does not depend on one."""
        return Machine(key=self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one record cost in one run: its values by metric, and the definitions of its own metrics."""

    values: Mapping[str, float]
    own_metrics: Mapping[str, Metric] = field(default_factory=dict)

    def metric(self, name: str) -> Metric | None:
        """The definition of one of the metrics."""
        return METRICS.get(name) or self.own_metrics.get(name)


@dataclass(frozen=True, kw_only=True)
class Series:
    """One metric of one record over the runs of one machine, the oldest first.

    ``values`` are in the metric's unit, times as they would be at one speed of the reference workload.
    """

    node_id: str
    metric: Metric
    machine: Machine
    moments: Sequence[Moment]
    values: Sequence[float]

    @cached_property
    def course(self) -> Course:
        """What became of the values."""
        return course_of(self.values)

    @property
    def harm(self) -> float:
        """How many times the first level the last one is, turned around where higher is better."""
        return self.metric.times_worse(self.course.start, self.course.end)


SeriesByMetric = Mapping[tuple[str, str], Series]
"""Series by node id and metric."""

_Costed = tuple[Moment, Cost]


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedResult(GateResult):
    """What the gate says of a session, beside what its bad cases cost in earlier runs.

    ``history`` is by node id and metric, on this session's machine, the session being the last of each series, counts
    also on others of its environment; times are at the speed of the baseline's reference workload.
    """

    history: SeriesByMetric = field(default_factory=dict)


def with_history(result: GateResult, history: SeriesByMetric) -> RememberedResult:
    """The same answer beside a history."""
    members = {each.name: getattr(result, each.name) for each in fields(GateResult)}
    return RememberedResult(**members, history=history)


def costs_to_keep(run: Run, policy: Policy) -> dict[str, Cost]:
    """The first executions of a run as they are kept, by node id: what passed, and of that what may be judged.

    A time is kept with what brings it to the reference workload's speed. What a tracer distorted is left out.
    """
    found = {}
    for record in run.records.values():
        if record.outcome == "passed" and record.values:
            kept = dict(_values_to_keep(record, policy, run.disturbances))
            if kept:
                own = {name: metric for name, metric in record.own_metrics.items() if name in kept}
                found[record.node_id] = Cost(values=kept, own_metrics=own)
    return found


def _values_to_keep(
    record: Record, policy: Policy, disturbed: Mapping[str, str]
) -> Iterator[tuple[str, float]]:
    marks = parse_thresholds(record.thresholds, "mark perf_threshold") if record.thresholds else None
    asked = policy.thresholds_for(
        record.node_id, test_id=record.test_id, marks=marks, own_metrics=record.own_metrics
    )
    has_time = False
    for name, value in record.values.items():
        metric = record.metric(name)
        if metric is None or name not in asked or metric.family.value in disturbed or not is_finite(value):
            continue
        has_time |= metric.family is Family.TIME
        yield name, value
    for metric in (CPU_TIME, REFERENCE_TIME):
        if has_time and metric.name in record.values and metric.name not in asked:
            yield metric.name, record.values[metric.name]


def series_of(
    node_id: str,
    costs: Iterable[tuple[Machine, Moment, Cost]],
    *,
    reference_ns: float | None = None,
    limit: int | None = None,
) -> list[Series]:
    """The series of one record, those of the machine that measured last first; ``costs`` come oldest first.

    What does not depend on the processor is one series of all processors of an environment. Times are brought to the
    speed at which the reference workload takes ``reference_ns``, by default to the middle one of each machine.
    ``limit`` is how many of a machine's newest runs count.
    """
    by_machine: dict[Machine, list[_Costed]] = {}
    by_key: dict[str, list[_Costed]] = {}
    last: dict[Machine, int] = {}
    for number, (machine, moment, cost) in enumerate(costs):
        by_machine.setdefault(machine, []).append((moment, cost))
        by_key.setdefault(machine.key, []).append((moment, cost))
        last[machine] = number
    found: list[Series] = []
    told: set[str] = set()
    for machine in sorted(by_machine, key=lambda machine: -last[machine]):
        alone = len(by_machine[machine]) == len(by_key[machine.key])
        runs = _newest(by_machine[machine], limit)
        speed = reference_ns if reference_ns is not None else _middle_speed(runs)
        for metric in _metrics_of(runs):
            if alone or _depends_on_processor(metric):
                found.append(_series(node_id, metric, machine, runs, speed))
        if not alone and machine.key not in told:
            told.add(machine.key)
            runs = _newest(by_key[machine.key], limit)
            found.extend(
                _series(node_id, metric, machine.any_processor, runs, None)
                for metric in _metrics_of(runs)
                if not _depends_on_processor(metric)
            )
    return found


def _depends_on_processor(metric: Metric) -> bool:
    """Whether values of two processors never make one series; of a user's own metric nobody knows."""
    return metric.unit == "ns" or metric.family in (Family.TIME, Family.CUSTOM)


def _newest(runs: Sequence[_Costed], limit: int | None) -> Sequence[_Costed]:
    return runs[-limit:] if limit is not None else runs


def _series(
    node_id: str, metric: Metric, machine: Machine, runs: Iterable[_Costed], speed: float | None
) -> Series:
    moments, values = [], []
    is_own = metric.name not in METRICS
    for moment, cost in runs:
        value = at_reference_speed(cost.values, metric, speed)
        if value is not None and not (is_own and _has_changed(cost.metric(metric.name), metric)):
            moments.append(moment)
            values.append(value)
    return Series(node_id=node_id, metric=metric, machine=machine, moments=moments, values=values)


def _has_changed(was: Metric | None, now: Metric) -> bool:
    """Whether a metric meant something else in another run: in another unit it is another quantity."""
    return was is None or (was.unit, was.better) != (now.unit, now.better)


def _middle_speed(runs: Iterable[_Costed]) -> float | None:
    found = [cost.values[REFERENCE_TIME.name] for _, cost in runs if REFERENCE_TIME.name in cost.values]
    return median(found) if found else None


def _metrics_of(runs: Sequence[_Costed]) -> list[Metric]:
    """The metrics of a record as its newest run defines them, in the order reports show them.

    What only explains a time is none of its own.
    """
    known: dict[str, Metric] = {}
    for _, cost in reversed(runs):
        for name in cost.values:
            metric = None if name in known else cost.metric(name)
            if metric is not None and metric is not REFERENCE_TIME:
                known[name] = metric
    order = {name: position for position, name in enumerate(METRICS)}
    return sorted(known.values(), key=lambda metric: (order.get(metric.name, len(order)), metric.name))
