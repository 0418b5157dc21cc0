"""The 22 questions of the warehouse: compiled, interpreted by sqlglot, and asked of DuckDB."""

from __future__ import annotations

import math
import threading
from decimal import Decimal

import duckdb
import pytest
from sqlglot.errors import ExecuteError
from sqlglot.executor import execute

from examples.query_caching import warehouse
from pytest_querycache.queries.cache import QueryCache
from pytest_querycache.queries.compiled import compile_for_execution
from pytest_querycache.queries.manager import QueryCacheManager

QUERIES = warehouse.queries()


@pytest.fixture(scope="module")
def tables():
    return warehouse.tables(orders=40)


@pytest.fixture(scope="module")
def database(tables):
    connection = duckdb.connect()
    for name, columns in warehouse.SCHEMA.items():
        connection.execute(
            f"CREATE TABLE {name} ({', '.join(f'{key} {kind}' for key, kind in columns.items())})"
        )
        marks = ", ".join("?" * len(columns))
        connection.executemany(
            f"INSERT INTO {name} VALUES ({marks})", [list(row.values()) for row in tables[name]]
        )
    yield connection
    connection.close()


def comparable(rows):
    """Rows in one order and as plain values, to be compared with a tolerance: engines add in orders of their own."""
    found = [[float(v) if isinstance(v, (int, float, Decimal)) else str(v) for v in row] for row in rows]
    return sorted(found, key=lambda row: [round(v, 2) if isinstance(v, float) else v for v in row])


def assert_equal_rows(found, expected):
    assert len(found) == len(expected)
    for row, other in zip(comparable(found), comparable(expected), strict=True):
        for value, expected_value in zip(row, other, strict=True):
            close = isinstance(value, float) and math.isclose(value, expected_value, rel_tol=1e-9)
            assert close or value == expected_value


def test_the_questions_are_22_and_all_have_answers(database):
    """No comparison below is between two empty results."""
    assert len(QUERIES) == 22
    assert [name for name, sql in QUERIES.items() if not database.execute(sql).fetchall()] == []


@pytest.mark.parametrize("name", QUERIES)
def test_compiled_equals_interpreted_equals_duckdb(name, tables, database):
    """Twice in a row and from eight threads the rows are sqlglot's, and those are DuckDB's."""
    sql = QUERIES[name]
    with QueryCacheManager.using(QueryCache()):
        compiled = compile_for_execution(sql, schema=warehouse.SCHEMA, name=name)
    expected = execute(sql, warehouse.SCHEMA, tables=tables).rows
    assert_equal_rows(database.execute(sql).fetchall(), expected)
    assert_equal_rows(database.execute(compiled.sql("duckdb")).fetchall(), expected)
    assert compiled.execute(tables).rows == expected
    assert compiled.execute(tables).rows == expected
    found = []
    threads = [threading.Thread(target=lambda: found.append(compiled.execute(tables).rows)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 8


def test_what_sqlglots_executor_cannot_do_still_has_text_for_a_database(tables, database):
    """A window function has no step in sqlglot's executor: executing it fails as there, its text runs in DuckDB."""
    sql = "SELECT l_order, SUM(l_price) OVER (PARTITION BY l_order) AS total FROM line"
    with QueryCacheManager.using(QueryCache()):
        compiled = compile_for_execution(sql, schema=warehouse.SCHEMA, name="totals")
    with pytest.raises(ExecuteError):
        execute(sql, warehouse.SCHEMA, tables=tables)
    for _ in range(2):
        with pytest.raises(
            ExecuteError, match=r"query 'totals' cannot be executed by sqlglot's executor: SyntaxError"
        ):
            compiled.execute(tables)
    expected = database.execute(sql).fetchall()
    assert_equal_rows(database.execute(compiled.sql("duckdb")).fetchall(), expected)
