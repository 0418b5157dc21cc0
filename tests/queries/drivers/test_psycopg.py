"""Statements of psycopg 3 against a real server: alone, below SQLAlchemy, and below Django."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

psycopg = pytest.importorskip("psycopg", minversion="3", reason="psycopg 3 is not installed")


@pytest.fixture
def connection(observed: Any, postgres: Any) -> Iterator[Any]:
    """A connection with a temporary table of ten rows."""
    with psycopg.connect(postgres.url) as connection:
        connection.execute("CREATE TEMP TABLE t AS SELECT generate_series(1, 10) AS a")
        yield connection


def test_statements_count_with_rows_and_place(observed: Any, connection: Any) -> None:
    """The connection's shortcut, and cursors of all kinds, with their rows."""

    def look_up(number: int) -> Any:
        return connection.execute("SELECT a FROM t WHERE a <= %s", (number,)).fetchall()

    with observed.phase():
        for _ in range(6):
            look_up(3)
        with psycopg.ClientCursor(connection) as cursor:
            cursor.execute("SELECT a FROM t WHERE a <= %s", (3,))
    (use,) = observed.summary.uses
    assert (use.count, use.repeated, use.rows) == (7, 6, 21)
    assert use.call_site == f"test_psycopg.py:{look_up.__code__.co_firstlineno + 1} in look_up"


def test_executemany_is_one_statement_of_many_rows(observed: Any, connection: Any) -> None:
    """Ten thousand rows by executemany are one statement, ten thousand rows."""
    with observed.phase(), connection.cursor() as cursor:
        cursor.executemany("INSERT INTO t VALUES (%s)", [(n,) for n in range(10_000)])
    assert (observed.summary.count, observed.summary.rows) == (1, 10_000)


def test_composed_queries_bytes_and_server_cursors_count(observed: Any, connection: Any) -> None:
    """A query in any form psycopg takes, and a cursor on the server's side, streams and COPY included."""
    query = psycopg.sql.SQL("SELECT a FROM {}").format(psycopg.sql.Identifier("t"))
    with observed.phase():
        connection.execute(query)
        connection.execute(b"SELECT a AS b FROM t")
        with connection.cursor("named") as cursor:
            assert len(cursor.execute("SELECT a AS c FROM t").fetchall()) == 10
        with connection.cursor() as cursor:
            assert len(list(cursor.stream("SELECT a AS d FROM t"))) == 10
            with cursor.copy("COPY t TO STDOUT") as copy:
                assert len(list(copy.rows())) == 10
    assert observed.counts == {
        'SELECT a FROM "t"': 1,
        "SELECT a AS b FROM t": 1,
        "SELECT a AS c FROM t": 1,
        "SELECT a AS d FROM t": 1,
        "COPY t TO STDOUT": 1,
    }


def test_arguments_may_be_given_by_their_names(observed: Any, connection: Any) -> None:
    """Every method keeps the names psycopg gives to its parameters, and an unknown one is psycopg's to refuse."""
    with observed.phase(), connection.cursor() as cursor:
        cursor.execute(query="SELECT a FROM t WHERE a < %s", params=(3,))
        cursor.executemany(query="INSERT INTO t VALUES (%s)", params_seq=[(1,), (2,)])
        assert len(list(cursor.stream(query="SELECT a AS d FROM t"))) == 12
        with cursor.copy(statement="COPY t TO STDOUT") as copy:
            assert len(list(copy.rows())) == 12
        with pytest.raises(TypeError, match="unexpected keyword argument"):
            cursor.execute("SELECT 1", nothing=1)
    assert list(observed.counts.values()) == [1] * 5


def test_transactions_and_failures(observed: Any, connection: Any) -> None:
    """Savepoints of nested blocks are not statements; a failing statement is, and its error passes."""
    with observed.phase():
        with connection.transaction(), connection.transaction():
            connection.execute("SELECT 1 AS one")
        with pytest.raises(psycopg.errors.UndefinedTable), connection.transaction():
            connection.execute("SELECT * FROM missing")
        connection.execute("SAVEPOINT by_hand")
    assert observed.counts == {"SELECT ? AS one": 1, "SELECT * FROM missing": 1}


def test_async_cursors_count_for_the_awaiting_task(observed: Any, postgres: Any) -> None:
    """Statements of concurrent tasks are all attributed, with the place that awaits them."""

    async def work() -> None:
        async with await psycopg.AsyncConnection.connect(postgres.url) as connection:
            for _ in range(3):
                await connection.execute("SELECT 1 AS one")

    async def both() -> None:
        await asyncio.gather(work(), work())

    with observed.phase() as recording:
        asyncio.run(both())
    (use,) = observed.summary.uses
    assert (use.count, use.rows, recording.unattributed) == (6, 6, 0)
    assert use.call_site.endswith(" in work")


def test_connections_from_before_are_seen_and_everything_is_restored(observed: Any, postgres: Any) -> None:
    """Classes are patched, so a connection from before counts; the methods are given back."""
    observed.recorder.uninstall()
    before = vars(psycopg.Cursor)["execute"], vars(psycopg.AsyncServerCursor)["execute"]
    with psycopg.connect(postgres.url) as connection:
        observed.recorder.install()
        with observed.phase():
            connection.execute("SELECT 1 AS one")
    observed.recorder.uninstall()
    assert observed.counts == {"SELECT ? AS one": 1}
    assert (vars(psycopg.Cursor)["execute"], vars(psycopg.AsyncServerCursor)["execute"]) == before


def test_below_sqlalchemy_a_statement_counts_once(observed: Any, postgres: Any) -> None:
    """SQLAlchemy's statement is the outermost; its pool's pings and the dialect's first look are the driver's."""
    sa = pytest.importorskip("sqlalchemy", minversion="2", reason="SQLAlchemy 2 is not installed")
    engine = sa.create_engine(f"postgresql+psycopg://{postgres.address}")
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
    with observed.phase(), engine.connect() as connection:
        for number in range(5):
            connection.execute(sa.text("SELECT generate_series(1, :n)"), {"n": number + 1}).all()
    engine.dispose()
    (use,) = observed.summary.uses
    assert (use.count, use.repeated, use.rows) == (5, 5, 15)


def test_below_sqlalchemy_pings_do_not_count_and_composed_texts_do(observed: Any, postgres: Any) -> None:
    """The pool's ping is housekeeping; a composed object reaches psycopg as it is."""
    sa = pytest.importorskip("sqlalchemy", minversion="2", reason="SQLAlchemy 2 is not installed")
    engine = sa.create_engine(f"postgresql+psycopg://{postgres.address}", pool_pre_ping=True)
    engine.connect().close()
    composed = psycopg.sql.SQL("SELECT 1 AS {}").format(psycopg.sql.Identifier("one"))
    with observed.phase():
        for _ in range(2):
            with engine.connect() as connection:
                assert connection.exec_driver_sql(composed).scalar() == 1
    engine.dispose()
    assert observed.counts == {'SELECT ? AS "one"': 2}


def test_below_django_a_statement_counts_once(observed: Any, postgres: Any, django_configured: Any) -> None:
    """Django's statement is the outermost, its rows are those the driver tells, and its savepoints do not count."""
    from django.db.utils import ConnectionHandler

    database = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "postgres",
        "USER": postgres.user,
        "HOST": "127.0.0.1",
        "PORT": str(postgres.port),
    }
    connection: Any = ConnectionHandler({"default": database})["default"]
    try:
        connection.ensure_connection()
        connection.set_autocommit(False)
        with observed.phase(), connection.cursor() as cursor:
            cursor.execute("SELECT generate_series(1, %s)", [7])
            assert len(cursor.fetchall()) == 7
            connection.savepoint_commit(connection.savepoint())
        connection.rollback()
    finally:
        connection.close()
    (use,) = observed.summary.uses
    assert (use.count, use.rows, observed.summary.transaction_control) == (1, 7, 2)
