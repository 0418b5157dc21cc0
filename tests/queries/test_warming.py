"""Warming: from texts, pairs, a file of statements, and what was used most in earlier sessions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_querycache.errors import ConfigurationError
from pytest_querycache.queries.cache import QueryCache
from pytest_querycache.queries.compiled import compile_for_execution
from pytest_querycache.queries.manager import QueryCacheManager
from pytest_querycache.queries.warming import WarmFailure, WarmReport, warm

SCHEMA = {"users": {"id": "int", "name": "text"}}


def test_texts_are_compiled_as_they_will_be_asked_for() -> None:
    """After warming, compile_for_execution finds the query, and a second warming finds it too."""
    cache = QueryCache()
    report = cache.warm(["select id from users", "select name from users"], schema=SCHEMA)
    assert (report.compiled, report.present, report.failed) == (2, 0, ())
    with QueryCacheManager.using(cache), cache.track() as delta:
        compile_for_execution("SELECT id FROM users", schema=SCHEMA)
    assert (delta.hits, delta.misses) == (1, 0)
    again = cache.warm(["select id from users"], schema=SCHEMA)
    assert (again.compiled, again.present) == (0, 1)


def test_warming_works_on_its_own_cache_while_caching_is_switched_off() -> None:
    """Warming is asked of a cache, so neither the switch nor the cache in force matters."""
    cache, in_force = QueryCache(), QueryCache()
    with QueryCacheManager.using(in_force, enabled=False):
        assert cache.warm(["select 1"]).compiled == 1
    assert (len(cache), len(in_force)) == (1, 0)


def test_pairs_bring_their_own_factory() -> None:
    """A signature with a factory is looked up like any other."""
    cache = QueryCache()
    assert (
        cache.warm([("a", lambda: 1), ("b", lambda: 2), ("a", lambda: 3)])
        .describe()
        .startswith("2 compiled, 1 already there, 0 failed in ")
    )
    assert cache.get_or_compile("a", lambda: 4) == 1


def test_a_failure_is_reported_and_stops_nothing() -> None:
    """What cannot be compiled is named with the reason, and the rest is compiled."""

    def broken() -> None:
        raise LookupError("no table")

    report = QueryCache().warm([("a", broken), ("b", object), "select from from"])
    assert report.compiled == 1
    assert report.failed[0] == WarmFailure("a", "LookupError: no table")
    assert report.failed[1].query == "select from from"
    assert report.failed[1].message.startswith("CompilationError: ")
    assert "\n  a: LookupError: no table\n" in report.describe()


def test_what_is_not_kept_is_reported() -> None:
    """A query that may not be reused, and one for which there is no room, are not called warm."""
    (failure,) = QueryCache().warm(["select current_timestamp"]).failed
    assert failure.message.startswith("compiled, but not kept")
    report = QueryCache(0).warm([("a", object)])
    assert (report.compiled, len(report.failed)) == (0, 1)


def test_a_file_is_split_into_statements(tmp_path: Path) -> None:
    """Semicolons in strings and comments split nothing, and empty statements count for nothing."""
    file = tmp_path / "queries.sql"
    file.write_text(
        "-- the first; of them\nselect ';' as semicolon;\n;\n/* ; */\nselect id\n  from users\n; -- done;\n",
        encoding="utf-8",
    )
    cache = QueryCache()
    assert cache.warm(file, schema=SCHEMA).compiled == 2
    assert cache.warm(str(file), schema=SCHEMA).present == 2
    report = cache.warm(["select ';' as semicolon", "select id from users"], schema=SCHEMA)
    assert (report.compiled, report.present) == (0, 2)


def test_the_last_statement_needs_no_semicolon(tmp_path: Path) -> None:
    """A file may end with its last statement."""
    file = tmp_path / "queries.sql"
    file.write_text("select 1; select 2", encoding="utf-8")
    assert QueryCache().warm(file).compiled == 2


class Store:
    """A store that knows what was used most."""

    def most_used(self, n: int) -> list[tuple[str, Callable[[], Any]]]:
        return [(f"query {number}", object) for number in range(5)][:n]


def test_the_most_used_come_from_the_store() -> None:
    """top=N takes the first N of the store's list."""
    cache = QueryCache(store=Store())
    assert cache.warm(top=3).compiled == 3
    assert cache.signatures() == ["query 0", "query 1", "query 2"]


def test_the_most_used_of_an_earlier_session_are_warm_in_the_next(tmp_path: Path) -> None:
    """What one session used often, the next loads from the store before anybody asks."""
    from pytest_querycache.queries.store import PlanStore

    often = "select name, count(*) from users where id > 5 group by name"
    with QueryCacheManager.using(QueryCache(store=PlanStore(tmp_path))) as earlier:
        for _ in range(3):
            compile_for_execution(often, schema=SCHEMA)
        compile_for_execution("select id, name from users where name = 'x' and id > 7", schema=SCHEMA)
        earlier.store.flush()
    later = QueryCache(store=PlanStore(tmp_path))
    assert later.warm(top=1).compiled == 1
    with QueryCacheManager.using(later), later.track() as delta:
        compile_for_execution(often, schema=SCHEMA)
    assert (delta.hits, delta.misses) == (1, 0)


@pytest.mark.parametrize(
    ("queries", "top", "message"),
    [
        (None, None, "expected either queries or top=N"),
        (["select 1"], 1, "expected either queries or top=N"),
        (None, -1, "top=-1"),
        (None, True, "top=True"),
        (None, 1, "this cache has none"),
        ("select 1", None, "a single text goes into a list"),
        ("missing.sql", None, "missing.sql cannot be read"),
        ([1], None, "1 is no query"),
    ],
)
def test_what_cannot_be_meant_is_refused(queries: Any, top: Any, message: str) -> None:
    """A mistake in the call is said, not reported as a query that failed."""
    with pytest.raises(ConfigurationError, match=message):
        QueryCache().warm(queries, top=top)


def test_a_file_that_is_no_sql_is_refused(tmp_path: Path) -> None:
    """A file whose quotes do not end cannot be split."""
    file = tmp_path / "broken.sql"
    file.write_text("select 'open", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"broken\.sql cannot be read"):
        QueryCache().warm(file)


def test_the_time_is_measured() -> None:
    """elapsed_ns is what the timer says between beginning and end."""
    report = warm(QueryCache(), [("a", object)], timer=iter([100, 350]).__next__)
    assert report == WarmReport(1, 0, (), 250)
