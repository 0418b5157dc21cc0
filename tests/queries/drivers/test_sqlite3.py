"""Statements of sqlite3, seen at connections and cursors of any class."""

from __future__ import annotations

import gc
import importlib
import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from contextvars import copy_context
from typing import Any

import pytest

from pytest_querycache.queries.drivers.sqlite3_script import script_statements
from pytest_querycache.queries.recorder import Recorder


@pytest.fixture
def connection(observed: Any) -> Iterator[sqlite3.Connection]:
    """A connection with a table of ten rows."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    connection.execute("CREATE TABLE t (a INTEGER, b TEXT)")
    connection.executemany("INSERT INTO t VALUES (?, 'x')", [(number,) for number in range(10)])
    connection.commit()
    yield connection
    connection.close()


def test_a_statement_counts_once_through_connection_or_cursor(observed: Any, connection: Any) -> None:
    """The connection's shortcut and the cursor's method are the same statement, executed twice."""
    with observed.phase():
        connection.execute("SELECT a FROM t")
        connection.cursor().execute("SELECT a FROM t")
    assert observed.counts == {"SELECT a FROM t": 2}


def test_executemany_is_one_statement_of_many_rows(observed: Any, connection: Any) -> None:
    """Ten thousand rows by executemany are one statement, ten thousand rows."""
    with observed.phase():
        connection.executemany("INSERT INTO t VALUES (?, ?)", [(n, "y") for n in range(10_000)])
    assert (observed.summary.count, observed.summary.rows) == (1, 10_000)


def test_a_script_counts_its_statements(observed: Any, connection: Any) -> None:
    """Every statement of a script counts, a trigger with its body as one."""
    with observed.phase():
        connection.executescript(
            "INSERT INTO t VALUES (1, 'a;b'); INSERT INTO t VALUES (2, 'c');"
            "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; SELECT 2; END;"
        )
    assert observed.summary.count == 3
    assert observed.counts["INSERT INTO t VALUES (?)"] == 2


def test_script_statements_drop_empty_pieces_and_keep_an_unfinished_one() -> None:
    """Lone semicolons and comments are no statements, and what lacks its semicolon is one."""
    script = ";; SELECT 1;\n ; -- only this;\n /* and this; */ ; SELECT 2 -- the last;"
    assert script_statements(script) == ["SELECT 1;", "SELECT 2 -- the last;"]
    assert script_statements(" -- nothing;\n") == []


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 'a;b''c;', \"d;\", `e;`, [f;];",
        "SELECT 1 -- it's; one\n;",
        "SELECT 1 /* it's; one */;",
        "-- before;\nSELECT 1;",
        "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT CASE 1 WHEN 1 THEN 2 END; SELECT '; END;'; END;",
        "create temp trigger g after insert on t begin select 1; end -- of it\n;",
    ],
)
def test_semicolons_inside_a_statement_do_not_end_it(statement: str) -> None:
    """Texts, names, comments and bodies of triggers hold semicolons; SQLite says the same."""
    assert sqlite3.complete_statement(statement)
    assert script_statements(f"SELECT 0; {statement} SELECT 3;") == ["SELECT 0;", statement, "SELECT 3;"]


def test_a_text_full_of_semicolons_is_read_once() -> None:
    """A dump may hold a long text; asking again at each of its semicolons would take minutes."""
    statement = f"INSERT INTO t VALUES ('{';' * 300_000}');"
    assert script_statements(statement * 3) == [statement] * 3


def test_a_failing_statement_counts_and_its_error_passes(observed: Any, connection: Any) -> None:
    """The database was asked, whatever it answered."""
    with observed.phase():
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            connection.execute("SELECT * FROM missing")
        connection.execute("SELECT a FROM t")
    assert observed.counts == {"SELECT * FROM missing": 1, "SELECT a FROM t": 1}


@pytest.mark.parametrize(
    "fetch",
    [
        pytest.param(lambda cursor: cursor.fetchall(), id="fetchall"),
        pytest.param(lambda cursor: [cursor.fetchmany(4), cursor.fetchmany(size=20)], id="fetchmany"),
        pytest.param(lambda cursor: list(iter(cursor.fetchone, None)), id="fetchone"),
        pytest.param(lambda cursor: list(cursor), id="iteration"),
    ],
)
def test_fetched_rows_count_however_they_are_fetched(observed: Any, connection: Any, fetch: Any) -> None:
    """The library does not tell a query's rows, so the fetched ones are counted, each once."""
    with observed.phase():
        fetch(connection.execute("SELECT a FROM t"))
    assert observed.summary.rows == 10


def test_iterating_gives_the_same_rows_and_leaves_the_rest(observed: Any, connection: Any) -> None:
    """A loop that ends early leaves the cursor where it stands."""
    with observed.phase():
        cursor = connection.execute("SELECT a FROM t ORDER BY a")
        assert next(iter(cursor)) == (0,)
        assert next(cursor) == (1,)
        assert cursor.fetchone() == (2,)


def test_transaction_control_is_not_counted(observed: Any, connection: Any) -> None:
    """BEGIN, savepoints and COMMIT touch no row; they are told apart from statements."""
    with observed.phase():
        connection.execute("BEGIN IMMEDIATE")
        connection.execute('SAVEPOINT "s123_x1"')
        connection.execute('RELEASE SAVEPOINT "s123_x1"')
        connection.execute("COMMIT")
    assert (observed.summary.count, observed.summary.transaction_control) == (0, 4)


def test_a_connection_opened_before_the_phase_is_seen(observed: Any, connection: Any) -> None:
    """What matters is that the recorder was there when the connection was opened, as in a session's fixture."""
    with observed.phase():
        connection.execute("SELECT 1")
    with observed.phase():
        connection.execute("SELECT 1")
    assert observed.summary.count == 1


def test_what_is_executed_outside_a_phase_is_nobodys(observed: Any, connection: Any) -> None:
    """Setup and teardown of a session's fixtures do not count for a test's call."""
    with observed.phase():
        pass
    connection.execute("SELECT 1")
    assert observed.summary.count == 0


class OwnConnection(sqlite3.Connection):
    """A project's own connection, with its own cursors."""

    def cursor(self, factory: Any = None) -> Any:
        """Make cursors of the project's class."""
        return super().cursor(OwnCursor)


class OwnCursor(sqlite3.Cursor):
    """A project's own cursor, which rewrites what it executes."""

    def execute(self, sql: str, *parameters: Any) -> Any:
        """Execute for another parameter style, as Django does."""
        return super().execute(sql.replace("%s", "?"), *parameters)


@pytest.mark.filterwarnings("ignore:Passing more than 1 positional argument:DeprecationWarning")
@pytest.mark.parametrize("positional", [False, True])
def test_a_projects_own_classes_are_kept_and_seen(observed: Any, positional: bool) -> None:
    """Own factories make instances of the own classes, and what these send to the library counts."""
    if positional:
        connection = sqlite3.connect(":memory:", 5.0, 0, "DEFERRED", True, OwnConnection)
    else:
        connection = sqlite3.connect(":memory:", factory=OwnConnection)
    with observed.phase():
        cursor = connection.cursor()
        rows = cursor.execute("SELECT %s", (7,)).fetchall()
    connection.close()
    assert isinstance(connection, OwnConnection)
    assert isinstance(cursor, OwnCursor)
    assert rows == [(7,)]
    assert (observed.summary.count, observed.summary.rows) == (1, 1)


def test_shortcuts_ask_for_an_own_cursor_where_the_library_does(observed: Any) -> None:
    """Before Python 3.11 they call an overridden ``cursor``, later they do not; recording changes neither."""

    class Noting(sqlite3.Connection):
        asked = 0

        def cursor(self, factory: Any = OwnCursor) -> Any:
            self.asked += 1
            return super().cursor(factory)

    def used(connection: Any) -> tuple[int, list[str]]:
        cursors = (
            connection.execute("CREATE TABLE t (a)"),
            connection.executemany("INSERT INTO t VALUES (?)", [(1,)]),
            connection.executescript("SELECT 1;"),
        )
        connection.close()
        return connection.asked, [type(cursor).__name__ for cursor in cursors]

    with observed.phase():
        recorded = used(sqlite3.connect(":memory:", factory=Noting))
    assert recorded == used(Noting(":memory:"))
    assert observed.summary.count == 3


def test_a_registry_of_the_projects_classes_does_not_see_ours(observed: Any) -> None:
    """``__init_subclass__`` may register, ask for keywords or refuse: our class is not one of the project's."""
    registered: list[str] = []

    class Registered(sqlite3.Connection):
        def __init_subclass__(cls, *, name: str) -> None:
            registered.append(name)

    class Chosen(Registered, name="chosen"):
        pass

    connection = sqlite3.connect(":memory:", factory=Chosen)
    with observed.phase():
        connection.execute("SELECT 1")
    connection.close()
    assert isinstance(connection, Chosen)
    assert (registered, observed.summary.count) == (["chosen"], 1)


class Sealed(type):
    """A metaclass that admits no class derived from its own."""

    def __new__(cls, name: str, bases: tuple[type, ...], attributes: dict[str, Any]) -> Any:
        """Refuse what has more than one base."""
        if len(bases) > 1:
            raise RuntimeError("sealed")
        return super().__new__(cls, name, bases, attributes)


def test_classes_that_cannot_be_made_to_count_go_on_working_and_are_said(observed: Any) -> None:
    """The suite gets what it asked for; what is not counted is told by the name of the class."""

    class SealedConnection(sqlite3.Connection, metaclass=Sealed):
        pass

    class SlottedCursor(sqlite3.Cursor):
        __slots__ = ("note",)

    plain, connection = sqlite3.connect(":memory:", factory=SealedConnection), sqlite3.connect(":memory:")
    with observed.phase():
        assert plain.execute("SELECT 1").fetchall() == [(1,)]
        assert connection.cursor(SlottedCursor).execute("SELECT 2").fetchall() == [(2,)]
    plain.close()
    connection.close()
    first, second = (said for said in observed.recorder.unseen if said.startswith("statements of the class"))
    assert "SealedConnection are not counted: sealed" in first
    assert "SlottedCursor are not counted: " in second
    assert observed.summary.count == 0


def test_row_factories_and_context_managers_still_work(observed: Any, connection: Any) -> None:
    """A counted connection behaves as one that is not."""
    connection.row_factory = sqlite3.Row
    with observed.phase(), connection:
        row = connection.execute("SELECT a, b FROM t WHERE a = :a", {"a": 3}).fetchone()
    assert (row["a"], row["b"]) == (3, "x")
    assert type(connection).__name__ == "Connection"


def test_a_cursor_used_in_another_thread_without_context_is_unattributed(
    observed: Any, connection: Any
) -> None:
    """A plain thread carries no context, so nobody can say whose statement it is; that is said."""
    cursor = connection.cursor()
    with observed.phase() as recording:
        thread = threading.Thread(target=cursor.execute, args=("SELECT a FROM t",))
        thread.start()
        thread.join()
    assert (observed.summary.count, recording.unattributed) == (0, 1)


def test_a_thread_that_carries_the_context_counts_for_the_test(observed: Any, connection: Any) -> None:
    """Threads that copy the context, as asyncio.to_thread does, are attributed; counts add up over threads."""
    with observed.phase() as recording:
        connection.execute("SELECT a FROM t")
        threads = [
            threading.Thread(target=copy_context().run, args=(connection.execute, "SELECT a FROM t"))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (observed.counts, recording.unattributed) == ({"SELECT a FROM t": 5}, 0)


def test_the_call_site_is_the_line_of_the_users_code(observed: Any, connection: Any) -> None:
    """A statement that repeats is told with the line that executes it most often."""

    def load(number: int) -> Any:
        return connection.execute("SELECT b FROM t WHERE a = ?", (number,)).fetchone()

    with observed.phase():
        for number in range(6):
            load(number)
        connection.execute("SELECT b FROM t WHERE a = ?", (1,))
    (use,) = observed.summary.uses
    line = load.__code__.co_firstlineno + 1
    assert (use.count, use.repeated, use.call_site) == (7, 6, f"test_sqlite3.py:{line} in load")


@pytest.mark.parametrize("times", [1, 2, 3])
def test_what_the_users_function_drops_is_gone_at_once(observed: Any, connection: Any, times: int) -> None:
    """Looking for the call site keeps no frame alive: a dropped connection would go on locking its database."""

    def work() -> Any:
        local = set[int]()
        for _ in range(times):
            connection.execute("SELECT a FROM t").fetchone()
        return weakref.ref(local)

    gc.disable()
    try:
        with observed.phase():
            left = [work()() for _ in range(times)]
    finally:
        gc.enable()
    assert left == [None] * times


class Marked(str):
    """A text of a class of its own, as templates make them."""

    __slots__ = ("note",)


def test_texts_of_a_class_of_their_own_count(observed: Any, connection: Any) -> None:
    """They are the statements they read as, and are not kept alive themselves."""
    with observed.phase():
        connection.execute(Marked("SELECT a FROM t"))
        connection.cursor().execute(Marked("SELECT a FROM t"))
        connection.executemany(Marked("INSERT INTO t VALUES (?, ?)"), [(1, "x")])
        connection.executescript(Marked("SELECT a FROM t;"))
    assert observed.counts == {"SELECT a FROM t": 3, "INSERT INTO t VALUES (?)": 1}


def test_the_library_reloaded_is_watched_again(observed: Any) -> None:
    """A reload gives the module its own ``connect`` back."""
    importlib.reload(sqlite3)
    connection = sqlite3.connect(":memory:")
    with observed.phase():
        connection.execute("SELECT 1 AS one")
    connection.close()
    assert observed.counts == {"SELECT ? AS one": 1}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_childs_statements_are_its_own(observed: Any) -> None:
    """A child goes on with a copy of the recording, and changes nothing in its parent's."""
    with observed.phase() as recording:
        child = os.fork()
        if not child:
            status = 1
            try:
                connection = sqlite3.connect(":memory:")
                for _ in range(5):
                    connection.execute("SELECT 1")
                status = 0 if recording.count() == 5 else 2
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert observed.summary.count == 0


def test_literals_written_into_the_text_are_one_statement(observed: Any, connection: Any) -> None:
    """Texts that differ in their values have one fingerprint, and their repetition is found."""
    with observed.phase():
        for number in range(6):
            connection.execute(f"SELECT b FROM t WHERE a = {number} AND b <> 'n{number}'")
    (use,) = observed.summary.uses
    assert (use.count, use.repeated) == (6, 6)
    assert use.call_site.endswith("in test_literals_written_into_the_text_are_one_statement")


def test_the_library_is_as_it_was_once_the_recorder_is_gone() -> None:
    """Everything is restored, and connections made meanwhile go on working."""
    before = sqlite3.connect
    recorder, second = Recorder(["sqlite3"]), Recorder(["sqlite3"])
    recorder.install()
    second.install()
    during = sqlite3.connect
    connection = sqlite3.connect(":memory:")
    recorder.uninstall()
    shared = sqlite3.connect
    second.uninstall()
    assert during is not before
    assert shared is during
    assert sqlite3.connect is before
    assert sqlite3.dbapi2.connect is before
    assert connection.execute("SELECT 1").fetchall() == [(1,)]
    connection.close()


def test_a_replacement_by_the_suite_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a suite put over ours stays when we go, and ours, put back by it later, passes everything through."""
    recorder = Recorder(["sqlite3"])
    before = sqlite3.connect
    recorder.install()
    ours = sqlite3.connect
    with monkeypatch.context() as patching:
        patching.setattr(sqlite3, "connect", lambda *args: ours(*args))
        theirs = sqlite3.connect
        recorder.uninstall()
        assert sqlite3.connect is theirs
    assert sqlite3.connect is ours
    connection = sqlite3.connect(":memory:")
    connection.close()
    sqlite3.connect = before
    assert type(connection) is sqlite3.Connection
