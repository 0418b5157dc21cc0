"""Small sessions and the sections they are held against, for the tests of the gate."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_querycache.model.baseline import Entry, Figure, Section
from pytest_querycache.model.environment import Environment, StoredEnvironment
from pytest_querycache.model.record import Record, Run

HERE = Environment(
    implementation="cpython",
    minor_version="3.12",
    platform="linux-x86_64",
    free_threaded=False,
    counter="native",
    cpu_model="CPU A",
    distributions={"pydantic": "2.1"},
)
TEST = "t.py::test_one"


def record(node_id: str = TEST, **more: object) -> Record:
    more.setdefault("values", {"allocated_bytes": 100_000})
    return Record(node_id=node_id, **more)  # type: ignore[arg-type]


def run_of(*records: Record, **more: object) -> Run:
    found = {each.node_id: each for each in records}
    run = Run(environment=HERE, records=found, claimed={each.test_id or each.node_id for each in records})
    run.wholly_collected = {"t.py"}
    for name, value in more.items():
        setattr(run, name, value)
    return run


def section_of(entries: Mapping[str, Mapping[str, Figure]], **environment: object) -> Section:
    stored = StoredEnvironment(
        **{"cpu_model": "CPU A", "distributions": {"pydantic": "2.1"}, **environment}  # type: ignore[arg-type]
    )
    return Section(
        environment=stored,
        entries={name: Entry(figures.items()) for name, figures in entries.items()},
    )
