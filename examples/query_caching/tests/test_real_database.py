"""Compiled queries on real databases: the same rows as from their own execution in Python."""

from __future__ import annotations

import math
import sqlite3
from decimal import Decimal

import pytest
import warehouse

from pytest_querycache import compile_for_execution

QUERIES = warehouse.queries()
# sqlite has no dates, so that date literals and EXTRACT mean nothing there, and no arrays, into which sqlglot's
# optimiser turns the subqueries of `sole_culprit` (they compare with <>, not with =).
FOR_SQLITE = [
    name for name, sql in QUERIES.items() if not ("DATE" in sql or "EXTRACT" in sql or name == "sole_culprit")
]


def filled(connection, tables, kinds):
    """Create the warehouse in a database and fill it; all drivers used here take question marks."""
    for name, columns in warehouse.SCHEMA.items():
        described = ", ".join(f"{column} {kinds.get(kind, kind)}" for column, kind in columns.items())
        connection.execute(f"CREATE TABLE {name} ({described})")
        marks = ", ".join("?" * len(columns))
        rows = [tuple(map(plain, row.values())) for row in tables[name]]
        connection.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
    return connection


def plain(value):
    """Dates as texts, which both databases take."""
    return value.isoformat() if hasattr(value, "isoformat") else value


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


@pytest.fixture(scope="module")
def duckdb_warehouse(tables):
    duckdb = pytest.importorskip("duckdb", reason="DuckDB is not installed")
    connection = filled(duckdb.connect(), tables, {})
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def sqlite_warehouse(tables):
    connection = filled(sqlite3.connect(":memory:"), tables, {"date": "text", "double": "real"})
    yield connection
    connection.close()


@pytest.mark.parametrize("name", QUERIES)
def test_duckdb_answers_as_python_does(name, duckdb_warehouse, query_cache, schema, tables):
    """The optimised text in DuckDB's dialect gives the rows of ``execute``, for all 22 questions."""
    query = compile_for_execution(QUERIES[name], schema=schema, name=name)
    assert_equal_rows(duckdb_warehouse.execute(query.sql("duckdb")).fetchall(), query.execute(tables).rows)


@pytest.mark.parametrize("name", FOR_SQLITE)
def test_sqlite_answers_as_python_does(name, sqlite_warehouse, query_cache, schema, tables):
    """The same in sqlite's dialect, for the questions that do not ask for dates."""
    query = compile_for_execution(QUERIES[name], schema=schema, name=name)
    assert_equal_rows(sqlite_warehouse.execute(query.sql("sqlite")).fetchall(), query.execute(tables).rows)
