"""Statements of asyncpg against a real server: connections, prepared statements, pools."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

asyncpg = pytest.importorskip("asyncpg", reason="asyncpg is not installed")


def run(postgres: Any, work: Callable[[Any], Awaitable[Any]]) -> Any:
    """Run a coroutine function with a connection."""

    async def connected() -> Any:
        connection = await asyncpg.connect(postgres.url)
        try:
            return await work(connection)
        finally:
            await connection.close()

    return asyncio.run(connected())


def test_every_way_to_execute_counts_once(observed: Any, postgres: Any) -> None:
    """Each public method is one statement, with the rows it tells."""

    async def work(connection: Any) -> None:
        await connection.execute("CREATE TEMP TABLE t (a int)")
        with observed.phase():
            await connection.executemany("INSERT INTO t VALUES ($1)", [(n,) for n in range(10)])
            await connection.execute("UPDATE t SET a = a")
            assert len(await connection.fetch("SELECT a FROM t")) == 10
            await connection.fetchrow("SELECT a AS b FROM t")
            await connection.fetchval("SELECT a AS c FROM t")
            async with connection.transaction():
                assert len([row async for row in connection.cursor("SELECT a AS d FROM t")]) == 10

    run(postgres, work)
    uses = {use.text: (use.count, use.rows) for use in observed.summary.uses}
    assert uses == {
        "INSERT INTO t VALUES (?)": (1, 10),
        "UPDATE t SET a = a": (1, 10),
        "SELECT a FROM t": (1, 10),
        "SELECT a AS b FROM t": (1, 1),
        "SELECT a AS c FROM t": (1, 1),
        "SELECT a AS d FROM t": (1, 0),
    }
    assert observed.summary.transaction_control == 2


def test_prepared_statements_count_at_each_execution(observed: Any, postgres: Any) -> None:
    """A prepared statement counts when it is executed, from the line that does."""

    async def work(connection: Any) -> None:
        statement = await connection.prepare("SELECT $1::int AS one")
        with observed.phase():
            for number in range(5):
                assert await statement.fetchval(number) == number

    run(postgres, work)
    (use,) = observed.summary.uses
    assert (use.count, use.repeated, use.text) == (5, 5, "SELECT ? AS one")
    assert use.call_site.endswith(" in work")


def test_copy_counts_with_its_rows(observed: Any, postgres: Any) -> None:
    """COPY in both directions is one statement each, whose text the driver writes."""

    async def sink(_: bytes) -> None:
        """Drop what is copied out."""

    async def work(connection: Any) -> None:
        await connection.execute("CREATE TEMP TABLE t (a int)")
        with observed.phase():
            await connection.copy_records_to_table("t", records=[(n,) for n in range(1_000)])
            await connection.copy_from_query("SELECT a FROM t WHERE a < 5", output=sink)

    run(postgres, work)
    uses = observed.summary.uses
    assert sorted((use.text.split()[0], use.count, use.rows) for use in uses) == [
        ("COPY", 1, 5),
        ("COPY", 1, 1_000),
    ]


def test_a_failure_counts_and_its_error_passes(observed: Any, postgres: Any) -> None:
    """The server was asked, whatever it answered."""

    async def work(connection: Any) -> None:
        with observed.phase(), pytest.raises(asyncpg.UndefinedTableError):
            await connection.fetch("SELECT * FROM missing")

    run(postgres, work)
    assert observed.counts == {"SELECT * FROM missing": 1}


def test_a_pools_housekeeping_does_not_count(observed: Any, postgres: Any) -> None:
    """Statements through a pool count; what the pool sends to reset a connection does not."""

    async def work(_: Any) -> None:
        async with asyncpg.create_pool(postgres.url, min_size=1, max_size=1) as pool:
            with observed.phase():
                for _number in range(3):
                    async with pool.acquire() as connection:
                        await connection.fetchval("SELECT 1 AS one")
                await pool.fetchval("SELECT 1 AS one")

    run(postgres, work)
    assert observed.counts == {"SELECT ? AS one": 4}


def test_below_sqlalchemy_a_statement_counts_once(observed: Any, postgres: Any) -> None:
    """SQLAlchemy's asyncio engine counts, asyncpg beneath it does not."""
    sa = pytest.importorskip("sqlalchemy", minversion="2", reason="SQLAlchemy 2 is not installed")
    pytest.importorskip("greenlet", reason="greenlet is not installed, which asyncio engines need")
    from sqlalchemy.ext.asyncio import create_async_engine

    async def work(_: Any) -> None:
        engine = create_async_engine(f"postgresql+asyncpg://{postgres.address}")
        async with engine.connect() as connection:
            await connection.execute(sa.text("SELECT 0"))
            with observed.phase():
                for number in range(5):
                    await connection.execute(sa.text("SELECT CAST(:n AS INTEGER) AS one"), {"n": number})
        await engine.dispose()

    run(postgres, work)
    (use,) = observed.summary.uses
    assert (use.count, use.repeated) == (5, 5)
    assert use.call_site.endswith(" in work")


def test_the_classes_are_as_they_were_once_the_recorder_is_gone(observed: Any) -> None:
    """Every patched method is given back."""
    observed.recorder.uninstall()
    before = vars(asyncpg.Connection)["fetch"], vars(asyncpg.Connection)["reset"]
    observed.recorder.install()
    during = vars(asyncpg.Connection)["fetch"]
    observed.recorder.uninstall()
    assert during is not before[0]
    assert (vars(asyncpg.Connection)["fetch"], vars(asyncpg.Connection)["reset"]) == before
