"""Statements of DuckDB's connections, and of the module's default connection."""

from __future__ import annotations

from typing import Any

import pytest

duckdb = pytest.importorskip("duckdb", reason="DuckDB is not installed")


@pytest.fixture
def connection(observed: Any) -> Any:
    """A connection with a table of ten rows."""
    observed.recorder.look()
    connection = duckdb.connect()
    connection.execute("CREATE TABLE t AS SELECT range AS a FROM range(10)")
    yield connection
    connection.close()


def test_statements_count_with_their_repetition_and_place(observed: Any, connection: Any) -> None:
    """Parameters or literals, it is one fingerprint from one line."""

    def look_up(number: int) -> Any:
        return connection.execute("SELECT a FROM t WHERE a = ?", [number]).fetchall()

    with observed.phase():
        for number in range(6):
            assert look_up(number) == [(number,)]
    (use,) = observed.summary.uses
    assert (use.count, use.repeated) == (6, 6)
    assert use.call_site == f"test_duckdb.py:{look_up.__code__.co_firstlineno + 1} in look_up"


def test_executemany_is_one_statement_of_many_rows(observed: Any, connection: Any) -> None:
    """The sets of parameters are the rows."""
    with observed.phase():
        connection.executemany("INSERT INTO t VALUES (?)", [[n] for n in range(100)])
    assert (observed.summary.count, observed.summary.rows) == (1, 100)


def test_relations_and_the_default_connection_count(observed: Any, connection: Any) -> None:
    """SQL handed to a relation counts once; so does what the module's own functions execute."""
    with observed.phase():
        assert connection.sql("SELECT 1 AS one").fetchall() == [(1,)]
        assert duckdb.sql("SELECT 2 AS two").fetchall() == [(2,)]
        assert duckdb.execute("SELECT 3 AS three").fetchall() == [(3,)]
    assert observed.counts == {"SELECT ? AS one": 1, "SELECT ? AS two": 1, "SELECT ? AS three": 1}


def test_a_failing_statement_counts_and_transactions_do_not(observed: Any, connection: Any) -> None:
    """The error passes, and BEGIN and ROLLBACK are transaction control."""
    with observed.phase():
        connection.execute("BEGIN TRANSACTION")
        with pytest.raises(duckdb.Error):
            connection.execute("SELECT * FROM missing")
        connection.execute("ROLLBACK")
    assert (observed.summary.count, observed.summary.transaction_control) == (1, 2)


def test_connections_from_before_are_seen_and_everything_is_restored(observed: Any) -> None:
    """The class of connections is patched, and given back."""
    observed.recorder.uninstall()
    before = (vars(duckdb.DuckDBPyConnection)["execute"], duckdb.sql)
    connection = duckdb.connect()
    observed.recorder.install()
    with observed.phase():
        connection.execute("SELECT 1 AS old")
    observed.recorder.uninstall()
    connection.close()
    assert observed.counts == {"SELECT ? AS old": 1}
    assert (vars(duckdb.DuckDBPyConnection)["execute"], duckdb.sql) == before
