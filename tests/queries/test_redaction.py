"""What is shown of statements whose fingerprint is a hash."""

from __future__ import annotations

import pytest

from pytest_querycache.queries.redaction import redacted
from pytest_querycache.queries.shape import LONG, shape_of
from pytest_querycache.queries.statement import MAX_TEXT, Source, fingerprint_of, readable


@pytest.mark.parametrize(
    ("sql", "dialect", "shown"),
    [
        ("CREATE ROLE a PASSWORD 'it''s'", "postgres", "CREATE ROLE a PASSWORD '…'"),
        ("CREATE ROLE a PASSWORD $$it's$$ LOGIN", "postgres", "CREATE ROLE a PASSWORD '…' LOGIN"),
        ("DO $x$ 'a' $$ b $x$ LANGUAGE sql", "postgres", "DO '…' LANGUAGE sql"),
        ("DO $x$ open", "postgres", "DO '…'"),
        ("ALTER ROLE a PASSWORD E'a\\'secret' LOGIN", "postgres", "ALTER ROLE a PASSWORD E'…'"),
        ("COPY t FROM 'C:\\dir' CSV", "postgres", "COPY t FROM '…' CSV"),
        ('CREATE USER a IDENTIFIED BY "p"', "mysql", "CREATE USER a IDENTIFIED BY '…'"),
        ('CREATE USER a IDENTIFIED BY "p"', None, "CREATE USER a IDENTIFIED BY '…'"),
        ('PRAGMA key = "secret"', "sqlite", "PRAGMA key = '…'"),
        ("PRAGMA user_version = 41", "sqlite", "PRAGMA user_version = ?"),
        ("CALL pay(4111111111111111, 0x7F)", "mysql", "CALL pay(?, ?)"),
        ("ALTER ROLE a PASSWORD 123456", "postgres", "ALTER ROLE a PASSWORD ?"),
        ('CREATE TABLE "it\'s" (a1 VARCHAR(20))', "postgres", 'CREATE TABLE "it\'s" (a1 VARCHAR(20))'),
        ("CREATE TABLE [it's] (a INT)", "tsql", "CREATE TABLE [it's] (a INT)"),
        ("SET a = 'open", "postgres", "SET a = '…'"),
        ("SHOW a -- for 'ann'", "mysql", "SHOW a"),
        ("SHOW /* ann's */ a # ann's", "mysql", "SHOW a"),
        ("SHOW a /* /* */ ann */", "postgres", "SHOW a"),
    ],
)
def test_values_are_hidden(sql: str, dialect: str | None, shown: str) -> None:
    """Texts, numbers and comments go; names, and the lengths in definitions, stay."""
    assert " ".join(redacted(sql, dialect).split()) == shown


def test_a_text_that_was_cut_shows_none_of_its_data() -> None:
    """The quote that opens within what was kept is not closed there."""
    sql = "INSERT INTO t VALUES ('\\" + "secret " * LONG + "')"
    sample = shape_of(sql).text
    assert len(sample) < len(sql)
    found = fingerprint_of(Source("psycopg", "postgres"), sample)
    assert readable(found, sample, "postgres") == "INSERT INTO t VALUES ('…'"


def test_what_is_shown_is_one_short_line() -> None:
    """A definition of many lines is cut to what people read."""
    sql = "CREATE TABLE t (\n" + ",\n".join(f"a{n} INT" for n in range(200)) + ")"
    shown = readable(fingerprint_of(Source("sqlite3", "sqlite"), sql), sql)
    assert shown.startswith("CREATE TABLE t ( a0 INT, a1 INT,")
    assert len(shown) == MAX_TEXT
