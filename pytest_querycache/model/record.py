"""Records of one session: what every test cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .environment import Environment
from .metric import CPU_TIME, METRICS, REFERENCE_TIME, WALL_TIME, Better, Family, Metric

SEPARATOR = "::"


@dataclass(slots=True, kw_only=True)
class Record:
    """What one execution of one test, or of one section of it, cost.

    ``values`` are integers in ns, bytes or counts, and floats for a user's own metrics. They are *cold*: this
    was the test's first execution in its process. ``test_id`` is the test that a section belongs to, empty for
    a test itself. ``unmeasured`` gives, for a metric, why there is no value. ``own_metrics`` are the definitions
    of metrics the user declared. ``thresholds``, ``budgets`` and ``exempt`` come from the test's marks, as the
    user wrote them. ``file`` and ``line`` are where the test's function stands, from 1, 0 where it is unknown.
    ``statements`` are ``[digest, text, count, call site, repeated, rows]`` of each fingerprint that was executed;
    ``unattributed_statements`` counts those that may or may not be the test's, ``setup_statements`` those of its
    setup, which are context.
    """

    node_id: str
    test_id: str = ""
    outcome: str = "passed"
    values: dict[str, float] = field(default_factory=dict)
    unmeasured: Mapping[str, str] = field(default_factory=dict)
    own_metrics: Mapping[str, Metric] = field(default_factory=dict)
    thresholds: Mapping[str, object] = field(default_factory=dict)
    budgets: Mapping[str, object] = field(default_factory=dict)
    exempt: str | None = None
    setup_ns: int = 0
    teardown_ns: int = 0
    calls: int = 1
    worker: str = ""
    file: str = ""
    line: int = 0
    statements: Sequence[Sequence[Any]] = ()
    unattributed_statements: int = 0
    setup_statements: int = 0

    def metric(self, name: str) -> Metric | None:
        """The definition of a metric of this record."""
        return METRICS.get(name) or self.own_metrics.get(name)


@dataclass(slots=True, kw_only=True)
class Run:
    """The records of one session.

    ``claimed`` holds every node id that was collected, whether it was run or not; ``deselected`` those left
    out on purpose. ``wholly_collected`` are the files all of whose tests were collected. ``complete`` is False
    when the session was interrupted, ``whole`` when part of what was collected is unknown, because a worker died:
    in either case nothing may be called missing. ``disturbances`` are what distorted
    a family's figures while the tests ran, by the family's name.
    """

    environment: Environment
    records: dict[str, Record] = field(default_factory=dict)
    claimed: set[str] = field(default_factory=set)
    deselected: set[str] = field(default_factory=set)
    wholly_collected: set[str] = field(default_factory=set)
    disturbances: dict[str, str] = field(default_factory=dict)
    complete: bool = True
    whole: bool = True


def at_reference_speed(
    values: Mapping[str, float], metric: Metric, reference_ns: float | None
) -> float | None:
    """A record's value of a metric, times as they would be on a machine that does the reference workload in
    ``reference_ns``; None where there is no value.

    A time is multiplied by the ratio of the reference workload's times there and here; of a wall time only the
    part in which the processor worked, because waiting does not become faster with it. That removes what a machine's
    speed of the moment did to both, and nothing that the code did to itself.
    """
    value = values.get(metric.name)
    if value is None or reference_ns is None or metric.family is not Family.TIME:
        return value
    here = values.get(REFERENCE_TIME.name)
    if not here:
        return value
    working = min(value, values.get(CPU_TIME.name, value)) if metric is WALL_TIME else value
    return value + working * (reference_ns / here - 1)


def section_id(node_id: str, section: str) -> str:
    """The name of a section's entry."""
    return f"{node_id}{SEPARATOR}{section}"


def is_of_a_test(name: str) -> bool:
    """Whether an entry belongs to a test; what RegressionTester measures in a script has a name without a file."""
    return SEPARATOR in name


def file_of(node_id: str) -> str:
    """The file part of a node id."""
    return node_id.partition(SEPARATOR)[0]


def own_metric(name: str, *, unit: str, better: str, deterministic: bool) -> Metric:
    """A metric that the user declared by recording it."""
    return Metric(
        name=name,
        unit=unit,
        family=Family.CUSTOM,
        better=Better(better),
        deterministic=deterministic,
        gated=True,
    )
