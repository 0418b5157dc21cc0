"""Fingerprints: what repeats is counted as one."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlglot.dialects.mysql import MySQL

from pytest_querycache.queries.fingerprint import fingerprint

ERASED = [
    ("select a from T where b = 1", "SELECT a FROM t WHERE b = ?", None),
    ("SELECT a FROM t WHERE b = 'x' -- why\n;", "SELECT a FROM t WHERE b = ?", None),
    ("SELECT a FROM t WHERE b IN (1, 2, 3)", "SELECT a FROM t WHERE b IN (?)", None),
    ("SELECT a FROM t WHERE b IN (%s, %s)", "SELECT a FROM t WHERE b IN (?)", None),
    ("INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y')", "INSERT INTO t(a, b) VALUES (?)", None),
    ("SELECT a FROM t WHERE b = -1.5e3", "SELECT a FROM t WHERE b = ?", None),
    ("SELECT a - 1, - - 2 FROM t", "SELECT a - ?, ? FROM t", None),
    ("SELECT a FROM t WHERE b = :id AND c = %(name)s", "SELECT a FROM t WHERE b = ? AND c = ?", None),
    ("SELECT a FROM t WHERE b = $1", "SELECT a FROM t WHERE b = ?", "postgres"),
    ("SELECT a FROM t WHERE b = ?1", "SELECT a FROM t WHERE b = ?", "sqlite"),
    ("SELECT /*+ FULL(t) */ A FROM T", "SELECT A FROM T", "oracle"),
    ("SELECT a FROM t", "SELECT A FROM T", "snowflake"),
    ("SELECT Aa FROM Tt", "SELECT Aa FROM Tt", "mysql"),
    ('SELECT "Aa"."Bb" FROM t', 'SELECT "Aa"."Bb" FROM t', None),
    ('SELECT "a ?, ? b" FROM t', 'SELECT "a ?, ? b" FROM t', None),
    ("SELECT t.a, COUNT(*) FROM t GROUP  BY t.a", "SELECT t.a, count(*) FROM t GROUP BY t.a", None),
    ("SELECT x %s FROM t", "SELECT x % s FROM t", None),
    ("SELECT w.date FROM w WHERE w.DATE = 1", "SELECT w.date FROM w WHERE w.date = ?", None),
    ("SELECT w.date FROM w", "SELECT W.DATE FROM W", "oracle"),
    (
        "SELECT a FROM t WHERE b IN (%(b_1)s::INTEGER, %(b_2)s::INTEGER)",
        "SELECT a FROM t WHERE b IN (?)",
        "postgres",
    ),
    (
        'SELECT a FROM t WHERE b IN ($1::VARCHAR(20), $2::s."T"[])',
        "SELECT a FROM t WHERE b IN (?)",
        "postgres",
    ),
    (
        "SELECT a FROM t WHERE b = ?::TIMESTAMP WITH TIME ZONE AND c",
        "SELECT a FROM t WHERE b = ? AND c",
        None,
    ),
    ("SELECT a::int FROM t WHERE b = '1'::int", "SELECT a :: INT FROM t WHERE b = ?", "postgres"),
    (
        "INSERT INTO t (a, b) VALUES (%(a__0)s::VARCHAR, 0), (%(a__1)s::VARCHAR, 1)",
        "INSERT INTO t(a, b) VALUES (?)",
        "postgres",
    ),
    ("INSERT INTO t VALUES (1, NULL), (DEFAULT, 'x'), (TRUE, 2)", "INSERT INTO t VALUES (?)", None),
    ("SELECT f(a, NULL) FROM t WHERE b IS NULL", "SELECT f(a, NULL) FROM t WHERE b IS NULL", None),
]


@pytest.mark.parametrize(("sql", "expected", "dialect"), ERASED)
def test_values_and_formatting_are_erased(sql, expected, dialect):
    """Literals, placeholders, lists and comments give way to one readable text."""
    assert fingerprint(sql, dialect=dialect) == expected


@pytest.mark.parametrize(("sql", "expected", "dialect"), ERASED)
def test_a_fingerprint_is_its_own(sql, expected, dialect):
    """Erasing twice is erasing once."""
    assert fingerprint(expected, dialect=dialect) == expected


@pytest.mark.parametrize(
    "sql", ["CREATE TABLE t (a INT)", "SET x = 1", "SHOW TABLES", "SELECT 'open", "", "SELECT 1; SELECT 2"]
)
def test_what_cannot_be_read_becomes_a_hash(sql):
    """Statements without readable tokens have a fingerprint that differs with their text, and is its own."""
    found = fingerprint(sql, dialect="mysql")
    assert found.startswith("<statement ")
    assert fingerprint(found, dialect="mysql") == found
    assert fingerprint(f"{sql} ", dialect="mysql") != found


def test_statements_of_different_shape_stay_apart():
    """What is counted as a repetition has the same tables, columns and operators."""
    texts = [
        "SELECT a FROM t",
        "SELECT b FROM t",
        "SELECT a FROM u",
        "SELECT a FROM t WHERE a = 1",
        "SELECT a FROM t WHERE a > 1",
    ]
    assert len(set(map(fingerprint, texts))) == len(texts)


def test_a_dialect_may_be_a_class_or_an_instance():
    """The dialect's name, class and instance erase alike."""
    sql = "SELECT `Aa` FROM t WHERE b = 1"
    assert (
        fingerprint(sql, dialect=MySQL)
        == fingerprint(sql, dialect=MySQL())
        == fingerprint(sql, dialect="mysql")
    )


WORDS = st.sampled_from(
    [
        *"SELECT a FROM t WHERE = - + 1 'x' ( ) , IN ? %s :p . * AND GROUP BY NOT null x1 VALUES".split(),
        *'@v :: int [ ] date % CASE END "q" $1 TRUE DEFAULT ::int'.split(),
        *("/* c */", "--c\n"),
    ]
)


@settings(deadline=None)
@given(
    st.lists(WORDS, max_size=14),
    st.sampled_from(["", " "]),
    st.sampled_from([None, "postgres", "mysql", "tsql", "bigquery"]),
)
@example(["$1", "SELECT", "::int"], "", None)
def test_erasing_is_idempotent_on_any_words(words, separator, dialect):
    """For any sequence of words the fingerprint of the fingerprint is the fingerprint."""
    once = fingerprint(f"SELECT {separator.join(words)}", dialect=dialect)
    assert fingerprint(once, dialect=dialect) == once


@settings(deadline=None)
@given(st.integers(), st.text(alphabet="abc ' %?", max_size=8))
def test_values_never_show(number, text):
    """No number and no string of a statement changes its fingerprint."""
    quoted = text.replace("'", "''")
    assert (
        fingerprint(f"SELECT a FROM t WHERE b = {number} AND c = '{quoted}'")
        == "SELECT a FROM t WHERE b = ? AND c = ?"
    )
