"""Seven cases: a simple and a complex query, compiled each time, for the first time, and found in the cache."""

from __future__ import annotations

import pytest
import warehouse

from pytest_querycache import QueryCacheManager, compile_for_execution

QUERIES = warehouse.queries()
SIMPLE = "SELECT c_name, c_balance FROM customer WHERE c_segment = 'KITCHEN' ORDER BY c_name"
COMPLEX = QUERIES["market_share"]
REPEATED = [SIMPLE, QUERIES["returns"], QUERIES["late_by_urgency"]]
ROUNDS = 5


@pytest.fixture
def warmed(query_cache, schema):
    """The test's own cache with all queries in it; what a fixture does is no part of a test's cost."""
    for sql in {SIMPLE, COMPLEX, *REPEATED}:
        compile_for_execution(sql, schema=schema)
    return query_cache


def ask(sql, schema, tables):
    """Compile and execute, as code under test would."""
    return compile_for_execution(sql, schema=schema).execute(tables).rows


def test_simple_query_without_cache(schema, tables):
    """Every execution parses, optimises and plans."""
    with QueryCacheManager.disabled():
        assert ask(SIMPLE, schema, tables)


def test_simple_query_first_execution(query_cache, schema, tables):
    """The first one through the cache costs what it costs without."""
    query_cache.clear()  # a measured test may be repeated, and each repetition is to be a first one
    with query_cache.track() as seen:
        assert ask(SIMPLE, schema, tables)
    assert (seen.hits, seen.misses) == (0, 1)


def test_simple_query_cache_hit(warmed, schema, tables):
    """From then on only the execution is left."""
    with warmed.track() as seen:
        assert ask(SIMPLE, schema, tables)
    assert (seen.hits, seen.misses) == (1, 0)


def test_complex_query_without_cache(schema, tables):
    """Eight joined tables take the optimiser some twenty milliseconds, each time."""
    with QueryCacheManager.disabled():
        assert ask(COMPLEX, schema, tables)


def test_complex_query_cache_hit(warmed, schema, tables):
    """Written in another layout it is still the same query."""
    with warmed.track() as seen:
        assert ask(f"-- market share\n{COMPLEX.replace(chr(10), chr(10) * 2)};", schema, tables)
    assert (seen.hits, seen.misses) == (1, 0)


def test_repeated_queries_without_cache(schema, tables):
    """Three queries, five times each, are compiled fifteen times."""
    with QueryCacheManager.disabled():
        for _ in range(ROUNDS):
            for sql in REPEATED:
                ask(sql, schema, tables)


def test_repeated_queries_with_cache(query_cache, schema, tables):
    """With the cache they are compiled three times."""
    query_cache.clear()
    with query_cache.track() as seen:
        for _ in range(ROUNDS):
            for sql in REPEATED:
                ask(sql, schema, tables)
    assert (seen.misses, seen.hits) == (3, 12)
    assert seen.efficiency == 0.8
