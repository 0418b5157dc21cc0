"""Which queries are never reused."""

from __future__ import annotations

import pytest

from pytest_querycache.queries.volatile import is_volatile


@pytest.mark.parametrize(
    ("sql", "dialect"),
    [
        ("SELECT CURRENT_DATE", None),
        ("SELECT a FROM t WHERE d > CURRENT_TIMESTAMP - INTERVAL '1' DAY", None),
        ("SELECT now()", "postgres"),
        ("SELECT RAND()", "mysql"),
        ("SELECT random() FROM t", "duckdb"),
        ("SELECT uuid()", "duckdb"),
        ("SELECT GEN_RANDOM_UUID()", "postgres"),
        ("SELECT GETDATE()", "tsql"),
        ("SELECT NEWID()", "tsql"),
        ("SELECT SYSDATE FROM dual", "oracle"),
        ("SELECT CURRENT_USER", None),
        ("SELECT @@version", "mysql"),
        ("SELECT nextval('s')", "postgres"),
        ("SELECT a FROM (SELECT current_time AS a) AS x", None),
    ],
)
def test_time_chance_and_session_are_volatile(sql, dialect):
    """A query that asks for the time, for chance or for the session has another meaning each time."""
    assert is_volatile(sql, dialect)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a FROM t",
        "SELECT now, uuid, random FROM t",
        "SELECT 'CURRENT_DATE' AS text",
        'SELECT t."current_date" FROM t',
        "SELECT a -- now()\nFROM t",
        "SELECT (now() FROM",
    ],
)
def test_words_that_only_look_like_it_are_not(sql):
    """Columns, strings and comments with such names keep a query reusable; broken text never becomes a plan."""
    assert not is_volatile(sql, None)
