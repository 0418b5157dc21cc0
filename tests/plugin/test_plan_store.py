"""Plans that survive the session."""

from __future__ import annotations

import pytest

SUITE = """
from pytest_querycache import compile_for_execution

SQL = "SELECT city, SUM(amount) AS total FROM orders WHERE amount > 1 GROUP BY city ORDER BY city"
SCHEMA = {"orders": {"city": "text", "amount": "double"}}

def test_compiles(query_cache_session):
    query = compile_for_execution(SQL, schema=SCHEMA)
    assert query.execute({"orders": [{"city": "Oslo", "amount": 4.0}]}).rows == [("Oslo", 4.0)]
    store = query_cache_session.store
    print("loaded", None if store is None else store.stats().hits)
"""


def test_plans_survive_the_session_where_asked_for(pytester: pytest.Pytester) -> None:
    """Shows that with plan_store the second session loads the plan that the first one compiled."""
    pytester.makepyfile(SUITE)
    pytester.makepyprojecttoml("[tool.pytest_querycache]\nplan_store = true\n")
    first = pytester.runpytest_subprocess("-s")
    assert first.ret == 0
    first.stdout.fnmatch_lines(["*loaded 0*"])
    second = pytester.runpytest_subprocess("-s")
    assert second.ret == 0
    second.stdout.fnmatch_lines(["*loaded 1*"])


def test_nothing_is_stored_unasked(pytester: pytest.Pytester) -> None:
    """Shows that without the setting no plan is written."""
    pytester.makepyfile(SUITE)
    done = pytester.runpytest_subprocess("-s")
    assert done.ret == 0
    done.stdout.fnmatch_lines(["*loaded None*"])
    assert not list((pytester.path / ".pytest_cache").glob("**/querycache-plans"))


def test_setting_that_is_no_switch_is_refused(pytester: pytest.Pytester) -> None:
    """Shows that a value other than true or false is named with the key."""
    pytester.makepyfile(SUITE)
    pytester.makepyprojecttoml("[tool.pytest_querycache]\nplan_store = 3\n")
    done = pytester.runpytest_subprocess("--perf-track")
    assert done.ret == 4
    done.stderr.fnmatch_lines(["*key 'plan_store': unexpected 3, expected true or false*"])
