"""The classes of sqlite3's connections and cursors that count, beside those of the library and of the project."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from ..attribution import SCOPE, ToldByOuter, recording_without
from ..statement import Source
from ..tally import Execution, Tally, leave
from .counting_classes import CountingClasses
from .sqlite3_script import script_statements

SOURCE = Source("sqlite3", "sqlite")
_SHORTCUTS_ASK = sys.version_info < (3, 11)
"""Whether ``execute`` of a connection asks it for its ``cursor``, which may be the project's own."""


def counting_connection(library: Any, noticed: dict[str, None]) -> type[Any]:
    """A class of connections that count; ``noticed`` takes what is said of cursors that cannot."""
    base: Any = library.Connection
    base_cursor = base.cursor
    counting_cursor = _counting_cursor(library)
    execute_at = _executing(library)
    counting_of = CountingClasses(library.Cursor, counting_cursor, noticed)

    class Connection(base):  # type: ignore[misc]
        __slots__ = ()

        def cursor(self, factory: Any = None) -> Any:
            if factory is not None:
                return base_cursor(self, counting_of(factory))
            cursor = base_cursor(self, counting_cursor)
            # they are found faster than missed
            cursor._outer = cursor._counted_in = None
            return cursor

        # the library's own shortcuts make a plain cursor, and execute without asking for another
        def execute(self, sql: Any, /, *parameters: Any) -> Any:
            if _SHORTCUTS_ASK and type(self) is not Connection:
                cursor = self.cursor()
                cursor.execute(sql, *parameters)
                return cursor
            return execute_at(base_cursor(self, counting_cursor), sql, parameters)

        def executemany(self, sql: Any, parameters: Any, /) -> Any:
            cursor = shortcut(self)
            cursor.executemany(sql, parameters)
            return cursor

        def executescript(self, script: Any, /) -> Any:
            cursor = shortcut(self)
            cursor.executescript(script)
            return cursor

    def shortcut(connection: Any) -> Any:
        if _SHORTCUTS_ASK and type(connection) is not Connection:
            return connection.cursor()
        return base_cursor(connection, counting_cursor)

    return _named_like(Connection, base)


def _executing(library: Any) -> Callable[..., Any]:
    """What the cursor's ``execute`` does, without a second look for the method."""
    base_execute = library.Cursor.execute
    scope_of = SCOPE.get

    def execute_at(cursor: Any, sql: Any, parameters: tuple[Any, ...]) -> Any:
        scope = scope_of()
        recording = scope.recording
        if recording is None and not scope.is_inside:
            recording = recording_without(scope, sql)
        if recording is None or not isinstance(sql, str):
            cursor._counted_in = scope if scope.is_inside else None
            return base_execute(cursor, sql, *parameters)
        execution = cursor._counted_in = recording.enter(SOURCE, sql)
        clock = recording.clock
        started = clock()
        try:
            return base_execute(cursor, sql, *parameters)
        finally:
            execution.duration_ns += clock() - started
            rows = cursor.rowcount
            if rows >= 0:
                execution.rows += rows

    return execute_at


def _counting_cursor(library: Any) -> type[Any]:
    base: Any = library.Cursor
    base_execute, base_executemany = base.execute, base.executemany
    base_executescript = base.executescript
    base_iter, base_next = base.__iter__, base.__next__
    base_fetchone, base_fetchmany, base_fetchall = base.fetchone, base.fetchmany, base.fetchall
    scope_of = SCOPE.get

    class Cursor(base, ToldByOuter):  # type: ignore[misc]
        # no dictionary, which the library's own do not have either
        __slots__ = ("_counted_in", "_outer")
        _counted_in: Tally | Execution | None

        def execute(self, sql: Any, /, *parameters: Any) -> Any:
            outer = getattr(self, "_outer", None)
            if outer is not None:
                self._counted_in = outer
                return base_execute(self, sql, *parameters)
            scope = scope_of()
            recording = scope.recording
            if recording is None and not scope.is_inside:
                recording = recording_without(scope, sql)
            if recording is None or not isinstance(sql, str):
                self._counted_in = scope if scope.is_inside else None  # type: ignore[assignment]
                return base_execute(self, sql, *parameters)
            execution = self._counted_in = recording.enter(SOURCE, sql)
            clock = recording.clock
            started = clock()
            try:
                return base_execute(self, sql, *parameters)
            finally:
                execution.duration_ns += clock() - started
                rows = self.rowcount
                if rows >= 0:
                    execution.rows += rows

        def executemany(self, sql: Any, parameters: Any, /) -> Any:
            self._counted_in = None
            if getattr(self, "_outer", None) is not None:
                return base_executemany(self, sql, parameters)
            scope = scope_of()
            recording = scope.recording or recording_without(scope, sql)
            if recording is None or not isinstance(sql, str):
                return base_executemany(self, sql, parameters)
            execution = recording.enter(SOURCE, sql)
            started = recording.clock()
            try:
                return base_executemany(self, sql, parameters)
            finally:
                leave(execution, recording.clock() - started, self.rowcount)

        def executescript(self, script: Any, /) -> Any:
            self._counted_in = None
            if getattr(self, "_outer", None) is not None:
                return base_executescript(self, script)
            scope = scope_of()
            recording = scope.recording or recording_without(scope, script)
            if recording is None or not isinstance(script, str):
                return base_executescript(self, script)
            pieces = script_statements(script)
            executions = [recording.enter(SOURCE, piece) for piece in pieces]
            started = recording.clock()
            try:
                return base_executescript(self, script)
            finally:
                elapsed = recording.clock() - started
                for execution in executions:
                    leave(execution, elapsed // len(executions), -1)

        def fetchone(self) -> Any:
            row = base_fetchone(self)
            execution = getattr(self, "_counted_in", None)
            if row is not None and execution is not None and self.rowcount < 0:
                execution.rows += 1
            return row

        def fetchmany(self, *size: Any, **named: Any) -> Any:
            rows = base_fetchmany(self, *size, **named)
            execution = getattr(self, "_counted_in", None)
            if rows and execution is not None and self.rowcount < 0:
                execution.rows += len(rows)
            return rows

        def fetchall(self) -> Any:
            rows = base_fetchall(self)
            execution = getattr(self, "_counted_in", None)
            # a statement that changes rows has told their number
            if rows and execution is not None and self.rowcount < 0:
                execution.rows += len(rows)
            return rows

        def __iter__(self) -> Any:
            execution = getattr(self, "_counted_in", None)
            if execution is None or self.rowcount >= 0:
                return base_iter(self)
            return _counted_rows(partial(base_next, self), execution)

    return _named_like(Cursor, base)


def _named_like(kind: type[Any], base: type[Any]) -> type[Any]:
    kind.__qualname__, kind.__module__, kind.__doc__ = base.__qualname__, base.__module__, base.__doc__
    return kind


def _counted_rows(following: Callable[[], Any], execution: Tally | Execution) -> Iterator[Any]:
    number = 0
    try:
        while True:
            try:
                row = following()
            except StopIteration:
                return
            number += 1
            yield row
    finally:
        execution.rows += number
