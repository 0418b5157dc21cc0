"""Statements of SQLAlchemy's engines, sync and async, over drivers that are watched themselves."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

sa = pytest.importorskip("sqlalchemy", minversion="2", reason="SQLAlchemy 2 is not installed")

from .stand_ins import ROWCOUNTS, StandIn  # noqa: E402


@pytest.fixture
def engine(observed: Any) -> Iterator[Any]:
    """An engine over sqlite3 with a table of ten rows, its dialect initialised."""
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE t (a INTEGER, b TEXT)"))
        connection.execute(sa.text("INSERT INTO t VALUES (:a, 'x')"), [{"a": n} for n in range(10)])
    yield engine
    engine.dispose()


def test_a_statement_through_two_layers_counts_once(observed: Any, engine: Any) -> None:
    """SQLAlchemy sends its statement to sqlite3, where it is not counted again."""
    with observed.phase(), engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT a FROM t WHERE a < :a"), {"a": 4}).all()
    (use,) = observed.summary.uses
    assert (use.count, use.rows, len(rows)) == (1, 4, 4)


def test_after_a_statement_the_driver_itself_counts_again(observed: Any, engine: Any) -> None:
    """What SQLAlchemy had counted ends with it: plain connections are seen afterwards, also after a failure."""
    plain = sqlite3.connect(":memory:")
    with observed.phase(), engine.connect() as connection:
        with pytest.raises(sa.exc.OperationalError):
            connection.execute(sa.text("SELECT * FROM missing"))
        plain.execute("SELECT 1 AS plain")
        connection.execute(sa.text("SELECT a FROM t"))
        plain.execute("SELECT 1 AS plain")
    plain.close()
    assert observed.counts == {"SELECT * FROM missing": 1, "SELECT ? AS plain": 2, "SELECT a FROM t": 1}


def test_executemany_is_one_statement_of_many_rows(observed: Any, engine: Any) -> None:
    """A list of parameters is one statement."""
    with observed.phase(), engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO t VALUES (:a, 'y')"), [{"a": n} for n in range(10_000)])
    assert (observed.summary.count, observed.summary.rows) == (1, 10_000)


@pytest.mark.skipif(
    sqlite3.sqlite_version_info < (3, 35), reason="SQLite returns no inserted rows before 3.35"
)
def test_an_insert_in_batches_is_as_many_statements(observed: Any, engine: Any) -> None:
    """SQLAlchemy sends the batches of one insert through one cursor; each is a statement."""
    table = sa.Table("u", sa.MetaData(), sa.Column("a", sa.Integer, primary_key=True))
    with engine.begin() as connection:
        table.create(connection)
        with observed.phase():
            connection.execute(table.insert().returning(table.c.a), [{"a": n} for n in range(2_500)]).all()
    assert (observed.summary.count, len(observed.summary.uses)) == (3, 1)


def test_nested_transactions_are_not_counted(observed: Any, engine: Any) -> None:
    """Savepoints of nested transactions are transaction control."""
    with observed.phase(), engine.begin() as connection:
        for _ in range(3):
            with connection.begin_nested():
                connection.execute(sa.text("SELECT a FROM t"))
    assert observed.counts == {"SELECT a FROM t": 3}
    assert observed.summary.transaction_control == 6


def test_connections_and_pools_from_before_are_seen(observed: Any) -> None:
    """Dialects are watched as a class, so that what was opened before the recorder counts too."""
    observed.recorder.uninstall()
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    connection = engine.connect()
    connection.execute(sa.text("SELECT 1 AS before"))
    observed.recorder.install()
    with observed.phase():
        connection.execute(sa.text("SELECT 2 AS held"))
        with engine.connect() as pooled:
            pooled.execute(sa.text("SELECT 3 AS pooled"))
    connection.close()
    engine.dispose()
    assert observed.counts == {"SELECT ? AS held": 1, "SELECT ? AS pooled": 1}


def test_dialects_are_as_they_were_once_the_recorder_is_gone(observed: Any) -> None:
    """Every patched method is given back, and no event was switched on."""
    from sqlalchemy.engine.default import DefaultDialect

    observed.recorder.uninstall()
    before = vars(DefaultDialect)["do_execute"], DefaultDialect.__init__, sa.engine.Engine._has_events
    observed.recorder.install()
    during = vars(DefaultDialect)["do_execute"]
    observed.recorder.uninstall()
    assert during is not before[0]
    assert (
        vars(DefaultDialect)["do_execute"],
        DefaultDialect.__init__,
        sa.engine.Engine._has_events,
    ) == before


def test_a_dialect_that_executes_in_its_own_way_is_seen(observed: Any) -> None:
    """A dialect imported later, with methods of its own, counts once for each statement."""
    from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

    class OwnDialect(SQLiteDialect_pysqlite):  # type: ignore[misc]
        supports_statement_cache = True

        def do_execute(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
            cursor.execute(statement, parameters)

        def do_executemany(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
            super().do_executemany(cursor, statement, parameters, context)

    sa.dialects.registry.impls["sqlite.own"] = lambda: OwnDialect
    try:
        engine = sa.create_engine("sqlite+own://")
    finally:
        del sa.dialects.registry.impls["sqlite.own"]
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE t (a INTEGER)"))
        with observed.phase():
            connection.execute(sa.text("INSERT INTO t VALUES (:a)"), [{"a": 1}, {"a": 2}])
            connection.execute(sa.text("SELECT a FROM t")).all()
    engine.dispose()
    assert {use.text: (use.count, use.rows) for use in observed.summary.uses} == {
        "INSERT INTO t VALUES (?)": (1, 2),
        "SELECT a FROM t": (1, 2),
    }


def test_lazy_loading_repeats_in_step_and_names_its_place(observed: Any) -> None:
    """The N+1 of an object mapper is the user's line that touches the attribute."""
    orm = pytest.importorskip("sqlalchemy.orm")
    base = orm.declarative_base()

    class Author(base):  # type: ignore[misc,valid-type]
        __tablename__ = "author"
        id = sa.Column(sa.Integer, primary_key=True)

    class Book(base):  # type: ignore[misc,valid-type]
        __tablename__ = "book"
        id = sa.Column(sa.Integer, primary_key=True)
        author_id = sa.Column(sa.ForeignKey("author.id"))
        author = orm.relationship(Author)

    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    base.metadata.create_all(engine)
    with orm.Session(engine) as session:
        session.add_all([Book(id=n, author=Author(id=n)) for n in range(1, 9)])
        session.commit()

    def list_books(session: Any) -> list[int]:
        return [book.author.id for book in session.scalars(sa.select(Book))]

    with observed.phase(), orm.Session(engine) as session:
        assert sorted(list_books(session)) == list(range(1, 9))
    engine.dispose()
    worst = observed.summary.uses[0]
    assert (worst.count, worst.repeated) == (8, 8)
    assert f"test_sqlalchemy.py:{list_books.__code__.co_firstlineno + 1} in " in worst.call_site
    assert worst.call_site.endswith("in list_books") or sys.version_info < (3, 11)
    assert any(use.rows == 8 and use.count == 1 for use in observed.summary.uses)


def test_places_at_different_heights_are_kept_apart(observed: Any, engine: Any) -> None:
    """The same text comes through more or fewer of the library's frames, and through a helper, taking turns."""
    orm = pytest.importorskip("sqlalchemy.orm")
    statement = sa.text("SELECT a FROM t")

    def helper(connection: Any) -> None:
        connection.execute(statement).all()

    with observed.phase() as recording, engine.connect() as connection, orm.Session(engine) as session:
        for _ in range(5):
            session.execute(statement).all()
            connection.execute(statement).all()
            helper(connection)
    (tally,) = (tally for tally in recording._tallies if not tally.control)
    places = {recording._call_sites.shown(site): times for site, times in tally.sites.items()}
    first = test_places_at_different_heights_are_kept_apart.__code__.co_firstlineno + 10
    assert places == {
        f"test_sqlalchemy.py:{first} in test_places_at_different_heights_are_kept_apart": 4,
        f"test_sqlalchemy.py:{first + 1} in test_places_at_different_heights_are_kept_apart": 5,
        f"test_sqlalchemy.py:{helper.__code__.co_firstlineno + 1} in helper": 5,
    }


def test_what_the_users_function_drops_is_gone_at_once(observed: Any, engine: Any) -> None:
    """Looking for the call site through the library's frames keeps none of them alive."""

    def work(connection: Any) -> Any:
        local = set[int]()
        for _ in range(3):
            connection.execute(sa.text("SELECT a FROM t")).all()
        return weakref.ref(local)

    gc.disable()
    try:
        with observed.phase(), engine.connect() as connection:
            left = [work(connection)() for _ in range(3)]
    finally:
        gc.enable()
    assert left == [None] * 3


@pytest.mark.parametrize("rowcount", ROWCOUNTS, ids=["none", "text", "refused", "mock"])
@pytest.mark.parametrize("method", ["do_execute", "do_executemany", "do_execute_no_params"])
def test_a_cursor_that_does_not_tell_its_rows_disturbs_nobody(
    observed: Any, engine: Any, method: str, rowcount: Any
) -> None:
    """Neither a result nor the suite's own error is replaced by one of ours."""
    arguments = ("SELECT 1",) if method == "do_execute_no_params" else ("SELECT 1", None)
    with observed.phase():
        getattr(engine.dialect, method)(StandIn(rowcount), *arguments)
        with pytest.raises(ZeroDivisionError):
            getattr(engine.dialect, method)(StandIn(rowcount, ZeroDivisionError()), *arguments)
    assert (observed.summary.count, observed.summary.rows) == (2, 0)


class Composed:
    """A text made of parts, as psycopg has them, which cannot be hashed."""

    __hash__ = None  # type: ignore[assignment]

    def as_string(self, context: object) -> str:
        """The text as the server gets it."""
        return "SELECT 1 AS composed"


def test_a_statement_that_is_no_plain_text_is_passed_on_as_it_is(observed: Any, engine: Any) -> None:
    """Composed objects and bytes reach the driver, and count as what they read as."""
    cursor, composed = StandIn(-1), Composed()
    with observed.phase():
        engine.dialect.do_execute(cursor, composed, ())
        engine.dialect.do_execute(cursor, b"SELECT 2 AS bytes", ())
        engine.dialect.do_execute_no_params(cursor, composed)
    assert cursor.asked == [composed, b"SELECT 2 AS bytes", composed]
    assert observed.counts == {"SELECT ? AS composed": 2, "SELECT ? AS bytes": 1}


def test_the_pools_pings_do_not_count(observed: Any, tmp_path: Any) -> None:
    """Whether a connection is used again depends on the tests before; statements behind the ping count."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'ping.db'}", pool_pre_ping=True, poolclass=sa.QueuePool)
    engine.connect().close()
    pinged: list[str] = []
    original = engine.dialect.do_ping
    engine.dialect.do_ping = lambda connection: pinged.append("ping") or original(connection)
    with observed.phase():
        for _ in range(3):
            with engine.connect() as connection:
                connection.execute(sa.text("SELECT 1 AS one"))
    engine.dispose()
    assert pinged == ["ping"] * 3
    assert observed.counts == {"SELECT ? AS one": 3}


def test_what_belongs_to_no_test_is_told_once_however_many_layers_it_passes(observed: Any) -> None:
    """A thread without the test's context: the driver below says nothing of what SQLAlchemy has told."""
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool, connect_args={"check_same_thread": False})
    engine.connect().close()
    arguments = [{"n": 1}, {"n": 2}]

    def work() -> None:
        with engine.connect() as connection, connection.begin_nested():
            connection.execute(sa.text("CREATE TABLE t (a INTEGER)"))
            connection.execute(sa.text("INSERT INTO t VALUES (:n)"), arguments)
            connection.connection.cursor().execute("SELECT 3")

    with observed.phase() as recording:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    engine.dispose()
    assert (observed.summary.count, recording.unattributed) == (0, 3)


def _async_engine() -> Any:
    pytest.importorskip("greenlet", reason="greenlet is not installed, which asyncio engines need")
    pytest.importorskip("aiosqlite", reason="aiosqlite is not installed")
    from sqlalchemy.ext.asyncio import create_async_engine

    return create_async_engine("sqlite+aiosqlite://")


def test_an_asyncio_engine_counts_once_with_its_call_site(observed: Any) -> None:
    """The statement crosses a greenlet and a thread, and is counted once, for the coroutine that awaits it."""
    engine = _async_engine()

    async def work() -> None:
        async with engine.begin() as connection:
            await connection.execute(sa.text("CREATE TABLE t (a INTEGER)"))
            with observed.phase():
                for _ in range(6):
                    (await connection.execute(sa.text("SELECT a FROM t"))).all()
        await engine.dispose()

    asyncio.run(work())
    (use,) = observed.summary.uses
    assert (use.count, use.repeated) == (6, 6)
    assert use.call_site.endswith(" in work")


def test_a_cancelled_statement_does_not_hide_the_next(observed: Any) -> None:
    """A task that is torn out of its statement leaves nothing behind that keeps others from counting."""
    engine = _async_engine()

    async def work() -> None:
        async with engine.connect() as connection:
            await connection.execute(sa.text("SELECT 1 AS first"))
            with observed.phase():
                task = asyncio.ensure_future(connection.execute(sa.text("SELECT 2 AS cancelled")))
                await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                plain = sqlite3.connect(":memory:")
                plain.execute("SELECT 3 AS plain")
                plain.close()
        await engine.dispose()

    asyncio.run(work())
    assert observed.counts["SELECT ? AS plain"] == 1


def test_plain_aiosqlite_counts_for_the_awaiting_test(observed: Any) -> None:
    """aiosqlite executes in a thread of its own, to which the context and the call site are sent along."""
    aiosqlite = pytest.importorskip("aiosqlite", reason="aiosqlite is not installed")
    observed.recorder.look()

    async def work() -> None:
        async with aiosqlite.connect(":memory:") as connection:
            for _ in range(3):
                await connection.execute("SELECT 1 AS one")

    with observed.phase() as recording:
        asyncio.run(work())
    (use,) = observed.summary.uses
    assert (use.count, recording.unattributed) == (3, 0)
    assert use.call_site.endswith(" in work")
