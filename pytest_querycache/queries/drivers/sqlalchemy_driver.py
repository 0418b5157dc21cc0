"""SQLAlchemy: its events, listened to on the class ``Engine``, so that every engine is seen, old and new.

What an engine sends to its driver counts; what the driver's own adapter would see of it does not.
"""

from __future__ import annotations

from importlib import import_module
from sys import _getframe
from types import ModuleType
from typing import Any

from ..attribution import INSIDE, Open, current_recording
from ..statement import Source
from . import Undo

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
    """Listen to every engine."""
    # imported by name, because the type checker may run where SQLAlchemy is not installed
    event, engine = import_module("sqlalchemy.event"), import_module("sqlalchemy.engine")
    target = engine.Engine
    listeners = (
        ("before_cursor_execute", _before),
        ("after_cursor_execute", _after),
        ("handle_error", _failed),
    )
    # a listener on the class switches the events of all engines on; removing it does not switch them off
    switches = [(kind, getattr(kind, "_has_events", None)) for kind in (target, engine.Dialect)]
    for name, listener in listeners:
        event.listen(target, name, listener)

    def undo() -> None:
        for name, listener in listeners:
            event.remove(target, name, listener)
        for kind, switch in switches:
            if switch is not None and not _is_listened_to(kind):
                kind._has_events = switch

    return undo


def _is_listened_to(kind: Any) -> bool:
    """Whether somebody else listens on the class as well; if that cannot be seen, somebody might."""
    try:
        return any(getattr(kind.dispatch, name)._clslevel.get(kind) for name in kind.dispatch._event_names)
    except AttributeError:
        return True


def _source_of(dialect: Any) -> Source:
    name = dialect.name
    source = _SOURCES.get(name)
    if source is None:
        source = _SOURCES[name] = Source("sqlalchemy", _DIALECTS.get(name))
    return source


def _before(
    connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
) -> None:
    inside = INSIDE.get()
    # one of SQLAlchemy's own was torn out of its course, by a cancelled task for example
    if inside is not None and inside.source.driver != "sqlalchemy":
        return
    recording = current_recording()
    if recording is None:
        if inside is not None:
            INSIDE.set(None)
        return
    source = _source_of(connection.dialect)
    INSIDE.set(Open(source, recording, recording.enter(source, statement, _getframe(1))))


def _after(
    connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
) -> None:
    inside = INSIDE.get()
    if inside is None or inside.source.driver != "sqlalchemy":
        return
    INSIDE.set(None)
    rows = getattr(cursor, "rowcount", _NOT_TOLD)
    if executemany and rows < 0 and hasattr(parameters, "__len__"):
        rows = len(parameters)
    inside.close(rows)


def _failed(context: Any) -> None:
    inside = INSIDE.get()
    if inside is not None and inside.source.driver == "sqlalchemy":
        INSIDE.set(None)
        inside.close(_NOT_TOLD)
