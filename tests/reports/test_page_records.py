"""A suite in which every test has a metric of its own: the page grows with the tests, not with their square."""

from __future__ import annotations

import json

from pytest_querycache.model.account import Account
from pytest_querycache.model.baseline import Entry, Figure, Section
from pytest_querycache.model.record import Record, Run, own_metric
from pytest_querycache.model.verdict import GateResult
from pytest_querycache.reports.page_records import records_json
from tests.accounts import HERE, THERE


def with_own_metrics(number: int) -> Account:
    """A session of tests each of which has a metric that no other has; every second one is new."""
    run, section = Run(environment=HERE), Section(environment=THERE)
    for place in range(number):
        node_id, name = f"t.py::test[{place:04}]", f"latency_{place:04}"
        own = own_metric(name, unit="µs", better="lower", deterministic=False)
        values = {"wall_time": 1_000 + place, name: 500.0 + place}
        run.records[node_id] = Record(node_id=node_id, values=values, own_metrics={name: own})
        if place % 2 == 0:
            section.entries[node_id] = Entry([("wall_time", Figure(900)), (name, Figure(400))])
    return Account(run=run, result=GateResult(), section=section)


def test_own_metrics_take_room_once() -> None:
    """A record holds its own metric by its number, with what it was, and nothing for those of all other tests."""
    packed = json.loads(records_json(with_own_metrics(300)))
    assert [metric["name"] for metric in packed["metrics"]][:3] == [
        "wall_time",
        "latency_0000",
        "latency_0001",
    ]
    rows = {row[0]: row[2:] for row in packed["rows"]}
    assert rows["t.py::test[0010]"] == [[1_010], [900], [[11, 510, 400]]]
    assert rows["t.py::test[0011]"] == [[1_011], [], [[12, 511, None]]]


def test_the_size_is_that_of_the_records() -> None:
    """Ten times as many tests with metrics of their own make a page that is about ten times as large."""
    small, large = (len(records_json(with_own_metrics(number))) for number in (100, 1_000))
    assert large < 11 * small
