"""SQLAlchemy: the methods by which every dialect hands a statement to its driver.

They are part of the interface dialects are written against, and are reached by sync and async engines alike; what
the driver's own adapter would see of a statement does not count again. SQLAlchemy's events would do as well, but
once anybody listens to them, each statement takes five microseconds more. What its pool sends to see whether a
connection is still alive (``pool_pre_ping``) is housekeeping and does not count.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from importlib import import_module
from types import ModuleType
from typing import Any

from ..attribution import SCOPE, ToldByOuter, enter, recording_without, uncounted
from ..statement import Source
from ..tally import rows_of
from . import Undo
from .patches import Patches
from .query_text import text_of

_DIALECTS = {
    "postgresql": "postgres",
    "mariadb": "mysql",
    "mssql": "tsql",
    **{
        name: name
        for name in ("bigquery", "clickhouse", "databricks", "duckdb", "hive", "mysql", "oracle", "redshift")
    },
    **{name: name for name in ("snowflake", "sqlite", "trino")},
}
_SOURCES: dict[str, Source] = {}


def install(module: ModuleType) -> Undo:
    """Count in the class that dialects derive from, and in those that execute in their own way."""
    # imported by name, because the type checker may run where SQLAlchemy is not installed
    base = import_module(f"{module.__name__}.engine.default").DefaultDialect
    patches = Patches()
    known: set[type[Any]] = set()

    def watch(kind: type[Any]) -> None:
        for each in kind.__mro__:
            if each in known or not issubclass(each, base):
                continue
            known.add(each)
            for name, counting in _METHODS.items():
                if name in vars(each):
                    patches.put(each, name, counting(vars(each)[name]))

    def watch_all(kind: type[Any]) -> None:
        watch(kind)
        for derived in kind.__subclasses__():
            watch_all(derived)

    original = base.__init__

    @wraps(original)
    def made(self: Any, *args: Any, **named: Any) -> None:
        # a dialect that was imported since
        watch(type(self))
        original(self, *args, **named)

    watch_all(base)
    patches.put(base, "__init__", made)
    return patches.undo


def _counting(original: Callable[..., Any]) -> Callable[..., Any]:
    is_many = original.__name__ == "do_executemany"
    scope_of, set_scope = SCOPE.get, SCOPE.set
    source_of = _SOURCES.get

    @wraps(original)
    def execute(self: Any, cursor: Any, statement: Any, parameters: Any, context: Any = None) -> Any:
        scope = scope_of()
        is_told = isinstance(cursor, ToldByOuter)
        if scope.is_inside or (is_told and getattr(cursor, "_outer", None) is not None):
            return original(self, cursor, statement, parameters, context)
        text = statement if type(statement) is str else text_of(statement, cursor)
        recording = scope.recording or recording_without(scope, text)
        if recording is None:
            with uncounted(cursor):
                return original(self, cursor, statement, parameters, context)
        execution = recording.enter(source_of(self.name) or _new_source(self.name), text)
        if is_told:
            cursor._outer = execution
        else:
            set_scope(execution)
        clock = recording.clock
        started = clock()
        try:
            return original(self, cursor, statement, parameters, context)
        finally:
            execution.duration_ns += clock() - started
            if is_told:
                cursor._outer = None
            else:
                set_scope(scope)
            rows = rows_of(cursor)
            if is_many and rows < 0 and hasattr(parameters, "__len__"):
                rows = len(parameters)
            if rows >= 0:
                execution.rows += rows

    return execute


def _counting_without_parameters(original: Callable[..., Any]) -> Callable[..., Any]:
    """For the method whose dialects take no parameters; the same, but rare."""

    @wraps(original)
    def execute(self: Any, cursor: Any, statement: Any, context: Any = None) -> Any:
        if SCOPE.get().is_inside:
            return original(self, cursor, statement, context)
        opened = enter(_SOURCES.get(self.name) or _new_source(self.name), text_of(statement, cursor))
        if opened is None:
            with uncounted():
                return original(self, cursor, statement, context)
        SCOPE.set(opened.execution)
        try:
            return original(self, cursor, statement, context)
        finally:
            SCOPE.set(opened.scope)
            opened.close(rows_of(cursor))

    return execute


def _not_counting(original: Callable[..., Any]) -> Callable[..., Any]:
    """For what the pool sends to see whether a connection is alive: only where it is used again."""

    @wraps(original)
    def ping(self: Any, /, *args: Any, **named: Any) -> Any:
        if SCOPE.get().is_inside:
            return original(self, *args, **named)
        with uncounted():
            return original(self, *args, **named)

    return ping


def _new_source(name: str) -> Source:
    source = _SOURCES[name] = Source("sqlalchemy", _DIALECTS.get(name))
    return source


_METHODS = {
    "do_execute": _counting,
    "do_executemany": _counting,
    "do_execute_no_params": _counting_without_parameters,
    "do_ping": _not_counting,
}
