"""Sessions made of paper, for the tests of everything that tells or keeps one."""

from __future__ import annotations

from dataclasses import replace

from pytest_querycache.model.account import Account, Occasion
from pytest_querycache.model.baseline import Entry, Figure, Section
from pytest_querycache.model.environment import Environment, StoredEnvironment
from pytest_querycache.model.limit import Limit
from pytest_querycache.model.metric import METRICS
from pytest_querycache.model.record import Record, Run, own_metric
from pytest_querycache.model.verdict import Counts, Duel, Evidence, Finding, GateResult, Verdict

HERE = Environment(
    implementation="cpython",
    minor_version="3.12",
    platform="linux-x86_64",
    free_threaded=False,
    counter="native",
    full_version="3.12.4",
    cpu_model="CPU A",
    cpu_count=8,
    distributions={"pydantic": "2.2", "attrs": "24.1"},
)
THERE = StoredEnvironment(
    full_version="3.12.1", cpu_model="CPU A", cpu_count=4, distributions={"pydantic": "2.1", "attrs": "24.1"}
)
ROWS = own_metric("rows_per_s", unit="rows/s", better="higher", deterministic=True)
BYTES, TIME = METRICS["allocated_bytes"], METRICS["wall_time"]
MB = 1024**2

LIST = "tests/test_api.py::test_list"
LOAD = "tests/test_api.py::test_load"
RESULT = GateResult(
    findings=(
        Finding(
            node_id=LIST,
            verdict=Verdict.REGRESSED,
            metric=BYTES,
            was=1.2 * MB,
            now=2.4 * MB,
            limit=Limit(
                metric=BYTES,
                value=1.56 * MB,
                origin="rule 1 (tests/*)",
                rule="+30 % and 16.0 KB",
                reason="hot path",
                reference=1.2 * MB,
                floor=16_384,
            ),
            proof="warm repeats in 2 fresh processes show it",
            insight="9,000 more blocks of 137 B on average",
        ),
        Finding(
            node_id=LIST,
            verdict=Verdict.REGRESSED,
            metric=TIME,
            was=2e6,
            now=4e6,
            limit=Limit(metric=TIME, value=2.4e6, origin="built-in", rule="+20 % and 100 µs", reference=2e6),
            proof="5 of 5 pairs of processes show it, beside 1a733c7ddf63",
            estimate=2.01,
            interval=(1.95, 2.08),
        ),
        Finding(
            node_id=LOAD,
            verdict=Verdict.OVER_BUDGET,
            metric=TIME,
            now=250e6,
            limit=Limit(metric=TIME, value=200e6, origin="mark", rule="budget"),
        ),
        Finding(node_id="tests/test_api.py::test_gone", verdict=Verdict.MISSING),
        Finding(node_id="tests/test_api.py::test_fresh", verdict=Verdict.NEW),
        Finding(node_id=LOAD, verdict=Verdict.IMPROVED, metric=BYTES, was=2 * MB, now=1.0 * MB),
    ),
    cleared=(Finding(node_id=LOAD, verdict=Verdict.UNCHANGED, metric=TIME, was=1e6, now=1.1e6, proof="no"),),
    counts=Counts(compared=2, regressed=2, improved=1, new=1, missing=1, not_judged=1),
    failures=["2 records regressed"],
    not_judged={"skipped": 1},
    notes=["dependencies changed since the baseline: pydantic 2.1 → 2.2"],
)


def account(**more: object) -> Account:
    """A judged session of four records, with everything in it that a session can have."""
    records = [
        Record(
            node_id=LIST,
            values={
                "wall_time": 4_000_000,
                "allocated_bytes": 2.4 * MB,
                "reference_time": 1e6,
                "db_queries": 12,
                "db_distinct": 2,
                "db_repeated": 10,
            },
            file="tests/test_api.py",
            line=12,
            setup_ns=5,
            teardown_ns=6,
            worker="gw0",
            thresholds={"time": "50%"},
        ),
        Record(
            node_id=f"{LIST}::load",
            test_id=LIST,
            values={"wall_time": 1_000, "rows_per_s": 5_100.5},
            own_metrics={"rows_per_s": ROWS},
            calls=3,
        ),
        Record(
            node_id=LOAD,
            values={"wall_time": 250e6, "allocated_bytes": 1.0 * MB, "cache_hits": 3, "cache_misses": 1},
            unmeasured={"peak_rss": "no clear_refs"},
            budgets={"wall_time": "200ms"},
            file="tests/test_api.py",
            line=40,
        ),
        Record(node_id="tests/test_api.py::test_fresh", values={"wall_time": 900}, exempt="too noisy"),
        Record(node_id="tests/test_api.py::test_skipped", outcome="skipped"),
    ]
    run = Run(
        environment=HERE,
        records={record.node_id: record for record in records},
        claimed={record.node_id for record in records if not record.test_id} | {"tests/test_api.py::test_x"},
        deselected={"tests/test_api.py::test_slow"},
        wholly_collected={"tests/test_api.py"},
        disturbances={"time": "coverage is measuring"},
    )
    section = Section(
        environment=THERE,
        entries={
            LIST: Entry(
                [("wall_time", Figure(2_000_000, 1_900_000)), ("allocated_bytes", Figure(1.2 * MB, 1.1 * MB))]
            ),
            LOAD: Entry([("allocated_bytes", Figure(2 * MB))]),
        },
        reference_ns=1e6,
    )
    evidence = {
        (LIST, "allocated_bytes"): Evidence(processes=((2.4 * MB, 2.3 * MB), (2.4 * MB, 2.35 * MB))),
        (LIST, "wall_time"): Evidence(
            duel=Duel(
                pair_ratios=(1.95, 1.99, 2.01, 2.04, 2.08),
                old=2e6,
                new=4e6,
                needed=5,
                commit="1a733c7ddf63",
                rises={"cpu_time": 1.9e6},
            )
        ),
        (LOAD, "wall_time"): Evidence(problem="time ran out"),
    }
    whole = Account(
        run=run,
        occasion=Occasion(
            command="pytest --perf-baseline",
            finished="2026-01-02T03:04:05+00:00",
            commit="abc123",
            dirty=True,
        ),
        result=RESULT,
        evidence=evidence,
        section=section,
    )
    return replace(whole, **more)  # type: ignore[arg-type]
