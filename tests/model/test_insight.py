"""One line that says what kind of change it looks like."""

from __future__ import annotations

import pytest

from pytest_querycache.model.baseline import Entry, Figure
from pytest_querycache.model.insight import about_one_time, insight, rises
from pytest_querycache.model.record import Record

ENTRY = Entry([("wall_time", Figure(1000)), ("allocated_blocks", Figure(100)), ("gc_collections", Figure(0))])


@pytest.mark.parametrize(
    ("metric", "rise", "expected"),
    [
        ("wall_time", {"wall_time": 1000, "gc_pause": 800}, "GC pause is 80% of the increase"),
        ("wall_time", {"wall_time": 1000, "gc_pause": 5000}, "GC pause is 100% of the increase"),
        ("wall_time", {"wall_time": 1000, "cpu_time": 100}, "wall time rose, CPU time did not: it waits"),
        ("wall_time", {"wall_time": 1000, "cpu_time": -9}, "wall time rose, CPU time did not: it waits"),
        ("wall_time", {"wall_time": 1000, "cpu_time": 900}, "CPU time rose with it: it computes more"),
        (
            "wall_time",
            {"wall_time": 1000, "cpu_time": 900, "allocated_blocks": 9000},
            "it computes more, and allocates 9,000 more blocks",
        ),
        ("wall_time", {"wall_time": 1000, "cpu_time": 400}, ""),  # neither the one nor the other
        ("wall_time", {"wall_time": 1000}, ""),
        ("wall_time", {"wall_time": -1000, "cpu_time": -900}, ""),  # nothing rose
        (
            "allocated_bytes",
            {"allocated_bytes": 64_000, "allocated_blocks": 1},
            "as many blocks as before: the same objects, with larger buffers",
        ),
        (
            "allocated_bytes",
            {"allocated_bytes": 64_000, "allocated_blocks": 1000},
            "1,000 more blocks of 64 B on average",
        ),
        (
            "allocated_blocks",
            {"allocated_bytes": 64_000, "allocated_blocks": 1000},
            "1,000 more blocks of 64 B on average",
        ),
        (
            "gc_collections",
            {"gc_collections": 3, "allocated_blocks": 50},
            "it allocates more objects, and the collector runs more often for it",
        ),
        ("gc_collections", {"gc_collections": 3}, ""),
        (
            "peak_rss",
            {"peak_rss": 64_000_000, "allocated_bytes": 1000},
            "CPython's allocators gave little of it: memory of a C library, or mapped",
        ),
        ("peak_rss", {"peak_rss": 64_000_000, "allocated_bytes": 60_000_000}, ""),
        ("db_queries", {"db_queries": 5}, ""),
    ],
)
def test_what_the_figures_suggest(metric: str, rise: dict[str, float], expected: str) -> None:
    """The line is drawn from how much each metric rose, and is missing where that says nothing."""
    assert insight(metric, rise, ENTRY) == expected


def test_without_an_entry() -> None:
    """A record that no baseline knows can still be seen to wait."""
    rise = {"wall_time": 1000.0, "cpu_time": 10.0}
    assert insight("wall_time", rise, None) == "wall time rose, CPU time did not: it waits"


def test_rises() -> None:
    """A rise is counted from the stored first execution; a pause that was never stored was none."""
    values = {"wall_time": 1500.0, "gc_pause": 70.0, "unknown": 5.0}
    assert rises(Record(node_id="t", values=values), ENTRY, None) == {"wall_time": 500, "gc_pause": 70}


def test_rises_of_times_are_at_the_stored_speed() -> None:
    """A machine that is half as fast just now is not a rise."""
    record = Record(node_id="t", values={"wall_time": 2000.0, "reference_time": 200.0})
    assert rises(record, ENTRY, 100) == {"wall_time": 0}


@pytest.mark.parametrize(
    ("pause", "said"),
    [(23e6, "a garbage collection of 23.0 ms fell into it"), (9e6, ""), (0, "")],
)
def test_of_one_time_nothing_is_said_but_a_collection(pause: float, said: str) -> None:
    """What nobody repeated may be chance, so nothing is claimed of the code."""
    record = Record(node_id="t", values={"wall_time": 32e6, "cpu_time": 32e6, "gc_pause": pause})
    assert about_one_time(record, 30e6) == said
