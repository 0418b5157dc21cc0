"""Thresholds and budgets, read from tables."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_querycache.errors import ConfigurationError
from pytest_querycache.model.metric import METRICS
from pytest_querycache.model.threshold import (
    Threshold,
    built_in_threshold,
    known_names,
    parse_budgets,
    parse_threshold,
    parse_thresholds,
)

NAMES = known_names()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20%", Threshold(ratio=0.2)),
        ("0%", Threshold(ratio=0.0)),
        (" 2.5 % ", Threshold(ratio=0.025)),
        ("300%", Threshold(ratio=3.0)),
        ("20% and 1ms", Threshold(ratio=0.2, floor=1_000_000, dimension="ns")),
        ("30% and 16KiB", Threshold(ratio=0.3, floor=16_384, dimension="B")),
        ("50% and 3", Threshold(ratio=0.5, floor=3, dimension="")),
        ("off", Threshold(off=True)),
        (" OFF ", Threshold(off=True)),
        (False, Threshold(off=True)),
    ],
)
def test_a_threshold(text: object, expected: Threshold) -> None:
    """A percentage, a percentage with a floor, or ``off``."""
    assert parse_threshold(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "20",
        "-20%",
        "nan%",
        "inf%",
        "20 percent",
        "20% and",
        "20% or 1ms",
        "and 1ms",
        20,
        0.2,
        True,
        None,
        [],
    ],
)
def test_what_is_no_threshold(text: object) -> None:
    """Negative, NaN, without a per cent sign, of the wrong type: refused, with what was expected."""
    message = f"{text!r} is not a threshold, expected '20%', '20% and 1ms' or 'off'"
    with pytest.raises(ConfigurationError, match=f"^{re.escape(message)}$"):
        parse_threshold(text)


def test_a_percentage_without_end() -> None:
    """A percentage that overflows would switch a metric off in silence, so it is refused."""
    with pytest.raises(ConfigurationError, match="is not a threshold"):
        parse_threshold("9" * 400 + "%")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"tiem": "20%"}, f"here, key 'tiem': unknown metric, expected {NAMES}"),
        ({"custom.": "20%"}, f"here, key 'custom.': unknown metric, expected {NAMES}"),
        ({"time": 20}, "here, key 'time': 20 is not a threshold, expected '20%', '20% and 1ms' or 'off'"),
        (
            {"time": "20% and 1 fortnight"},
            "here, key 'time': unknown unit 'fortnight' in '1 fortnight', expected one of "
            "ns, us, ms, s, m, min, b, kb, kib, mb, mib, gb, gib",
        ),
        (
            {"time": "20% and -1ms"},
            "here, key 'time': '-1ms' is not a number with a unit, such as '1ms', '16KiB' or '3'",
        ),
        (
            {"wall_time": "20% and 1KB"},
            "here, key 'wall_time': the floor of '20% and 1KB' has the wrong unit, expected a time such as '1ms'",
        ),
        (
            {"allocated_bytes": "20% and 3"},
            "here, key 'allocated_bytes': the floor of '20% and 3' has the wrong unit, "
            "expected a size such as '16KiB'",
        ),
        (
            {"allocated_blocks": "20% and 3KB"},
            "here, key 'allocated_blocks': the floor of '20% and 3KB' has the wrong unit, "
            "expected a bare number such as '3'",
        ),
        (
            {"memory": "20% and 1ms"},
            "here, key 'memory': the floor of '20% and 1ms' has the wrong unit, "
            "expected a bare number such as '3' or a size such as '16KiB'",
        ),
        (
            {"custom.rows": "20% and 1ms"},
            "here, key 'custom.rows': the floor of '20% and 1ms' has the wrong unit, "
            "expected a bare number such as '3'",
        ),
        (
            {"improvement": "10% and 1ms"},
            "here, key 'improvement': an improvement has no floor of its own, expected '10%'",
        ),
    ],
)
def test_a_table_that_cannot_be_understood(table: dict[str, object], message: str) -> None:
    """One line says where, which key, what is wrong with it, and what was expected."""
    with pytest.raises(ConfigurationError, match=f"^{re.escape(message)}$"):
        parse_thresholds(table, "here")


def test_a_table_of_thresholds() -> None:
    """Families, metrics, own metrics and the improvement stand side by side."""
    table = {"time": "20%", "peak_rss": "off", "custom.rows": "5% and 2", "improvement": "10%"}
    assert parse_thresholds(table, "here") == {
        "time": Threshold(ratio=0.2),
        "peak_rss": Threshold(off=True),
        "custom.rows": Threshold(ratio=0.05, floor=2),
        "improvement": Threshold(ratio=0.1),
    }


def test_the_names_in_messages_are_all_there_are() -> None:
    """The list in a message names the families, every metric, and how own ones are written."""
    assert NAMES.startswith(
        "a family (time, memory, gc, queries, cache, custom), a metric (wall_time, cpu_time, "
    )
    assert NAMES.endswith(") or 'custom.<name>'")
    assert set(METRICS) <= set(re.findall(r"[a-z0-9_]+", NAMES))


@pytest.mark.parametrize(
    ("name", "ratio", "floor"),
    [
        ("wall_time", 0.2, 100_000),
        ("allocated_bytes", 0.3, 16_384),
        ("allocated_blocks", 0.3, 64),
        ("peak_rss", 0.3, 32 * 1024**2),
        ("gc_collections", 0.5, 2),
        ("db_queries", 0.0, 0),
    ],
)
def test_what_holds_where_nobody_says_otherwise(name: str, ratio: float, floor: float) -> None:
    """The built-in thresholds are the ones that the design states."""
    assert built_in_threshold(METRICS[name]) == Threshold(ratio=ratio, floor=floor)


@pytest.mark.parametrize(
    ("threshold", "unit", "expected"),
    [
        (Threshold(ratio=0.2, floor=100_000), "ns", "+20 % and 100 µs"),
        (Threshold(ratio=0.3, floor=16_384), "B", "+30 % and 16.0 KB"),
        (Threshold(ratio=0.5, floor=3), "count", "+50 % and 3"),
        (Threshold(ratio=0.0, floor=0), "count", "+0 %"),
        (Threshold(off=True), "ns", "off"),
    ],
)
def test_a_threshold_for_people(threshold: Threshold, unit: str, expected: str) -> None:
    """A threshold is shown as it would be written."""
    assert threshold.describe(unit) == expected


def test_budgets() -> None:
    """A budget is an absolute limit in the metric's own unit; zero needs no unit."""
    table = {
        "wall_time": "200ms",
        "allocated_bytes": "1MB",
        "db_queries": 3,
        "custom.rows": "2.5",
        "cpu_time": 0,
    }
    assert parse_budgets(table, "here") == {
        "wall_time": 200e6,
        "allocated_bytes": 1024**2,
        "db_queries": 3,
        "custom.rows": 2.5,
        "cpu_time": 0,
    }


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("wall_time", "1MB", "here, key 'wall_time': '1MB', expected a time such as '1ms'"),
        ("wall_time", 5, "here, key 'wall_time': 5, expected a time such as '1ms'"),
        ("peak_rss", "1s", "here, key 'peak_rss': '1s', expected a size such as '16KiB'"),
        ("db_queries", "3ms", "here, key 'db_queries': '3ms', expected a bare number such as '3'"),
        ("db_queries", -3, "here, key 'db_queries': -3 is not a finite number of zero or more"),
        (
            "db_queries",
            "many",
            "here, key 'db_queries': 'many' is not a number with a unit, such as '1ms', '16KiB' or '3'",
        ),
        ("db_queries", None, "here, key 'db_queries': unexpected NoneType None, expected a number or a text"),
    ],
)
def test_a_budget_that_cannot_be_understood(name: str, value: object, message: str) -> None:
    """One line says where, which key, and what was expected."""
    with pytest.raises(ConfigurationError, match=f"^{re.escape(message)}$"):
        parse_budgets({name: value}, "here")


@pytest.mark.parametrize("name", ["time", "memory", "nothing", "custom."])
def test_a_budget_is_for_one_metric(name: str) -> None:
    """A family has no unit of its own, so that it cannot have a budget."""
    message = f"here, key {name!r}: a budget is for one metric, expected one of wall_time, cpu_time, "
    with pytest.raises(ConfigurationError, match=f"^{re.escape(message)}.*or 'custom.<name>'$"):
        parse_budgets({name: "1ms"}, "here")


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=12), st.one_of(st.text(max_size=12), st.integers(), st.floats())))
def test_any_table_is_understood_or_refused(table: dict[str, object]) -> None:
    """Whatever stands in a table, nothing but a ConfigurationError comes of it."""
    for parse in (parse_thresholds, parse_budgets):
        try:
            parse(table, "here")
        except ConfigurationError as error:
            assert str(error).startswith("here, key ")  # noqa: PT017
