"""SQLAlchemy: the methods by which every dialect hands a statement to its driver.

They are part of the interface dialects are written against, and are reached by sync and async engines alike; what
the driver's own adapter would see of a statement does not count again. SQLAlchemy's events would do as well, but
once anybody listens to them, each statement takes five microseconds more.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from importlib import import_module
from sys import _getframe
from types import ModuleType
from typing import Any

from ..attribution import INSIDE, current_recording
from ..statement import Source
from . import Undo
from .patches import Patches

_METHODS = ("do_execute", "do_executemany", "do_execute_no_params")
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
_NOT_TOLD = -1


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
            for name in _METHODS:
                if name in vars(each):
                    patches.put(each, name, _counting(vars(each)[name]))

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
    inside_of, set_inside = INSIDE.get, INSIDE.set
    source_of = _SOURCES.get

    @wraps(original)
    def execute(self: Any, cursor: Any, statement: str, *rest: Any, **named: Any) -> Any:
        recording = None if inside_of() is not None else current_recording()
        if recording is None:
            return original(self, cursor, statement, *rest, **named)
        source = source_of(self.name) or _new_source(self.name)
        execution = recording.enter(source, statement, _getframe(1))
        set_inside(execution)
        clock = recording.clock
        started = clock()
        try:
            return original(self, cursor, statement, *rest, **named)
        finally:
            elapsed = clock() - started
            set_inside(None)
            rows = cursor.rowcount
            if is_many and rows < 0 and rest and hasattr(rest[0], "__len__"):
                rows = len(rest[0])
            execution.leave(elapsed, rows)

    return execute


def _new_source(name: str) -> Source:
    source = _SOURCES[name] = Source("sqlalchemy", _DIALECTS.get(name))
    return source
