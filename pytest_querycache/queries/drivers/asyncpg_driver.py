"""asyncpg: the methods of its connections and prepared statements.

Its own query loggers are called after the statement, outside of the task's stack, so they know no call site.
What a pool sends to reset a connection is housekeeping and does not count. The rows of its cursors are not told.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from importlib import import_module
from types import ModuleType
from typing import Any

from ..attribution import enter, uncounted
from ..statement import Source
from ..tally import NO_ROWS
from . import Undo
from .patches import Patches

SOURCE = Source("asyncpg", "postgres")
_METHODS = ("execute", "executemany", "fetch", "fetchval", "fetchrow", "fetchmany")
# below the public methods for COPY, which write the statement themselves
_COPIES = ("_copy_in", "_copy_out")


def install(module: ModuleType) -> Undo:
    """Count in the classes of connections and prepared statements."""
    patches = Patches()
    prepared = import_module(f"{module.__name__}.prepared_stmt").PreparedStatement
    for kind, text_of in ((module.connection.Connection, _given), (prepared, _prepared)):
        for name in _METHODS:
            method = vars(kind).get(name)
            if method is not None:
                patches.put(kind, name, _counting(method, text_of))
        patches.put(kind, "cursor", _counted_at_call(vars(kind)["cursor"], text_of))
    connection = module.connection.Connection
    for name in _COPIES:
        if name in vars(connection):
            patches.put(connection, name, _counting(vars(connection)[name], _given))
    if "copy_records_to_table" in vars(connection):
        patches.put(
            connection, "copy_records_to_table", _counting(vars(connection)["copy_records_to_table"], _copied)
        )
    patches.put(connection, "reset", _not_counting(vars(connection)["reset"]))
    return patches.undo


def _given(connection: Any, args: tuple[Any, ...], named: dict[str, Any]) -> str:
    return str(args[0] if args else named.get("query", named.get("command", "")))


def _copied(connection: Any, args: tuple[Any, ...], named: dict[str, Any]) -> str:
    return f'COPY "{args[0] if args else named.get("table_name", "")}" FROM STDIN (FORMAT binary)'


def _prepared(statement: Any, args: tuple[Any, ...], named: dict[str, Any]) -> str:
    return str(statement.get_query())


TextOf = Callable[[Any, tuple[Any, ...], dict[str, Any]], str]


def _counting(original: Callable[..., Any], text_of: TextOf) -> Callable[..., Any]:
    is_many = original.__name__ == "executemany"

    @wraps(original)
    async def execute(self: Any, *args: Any, **named: Any) -> Any:
        opened = enter(SOURCE, text_of(self, args, named))
        if opened is None:
            return await original(self, *args, **named)
        rows = NO_ROWS
        try:
            answer = await original(self, *args, **named)
            rows = _sets(args, named) if is_many else _rows(answer)
        finally:
            opened.close(rows)
        return answer

    return execute


def _counted_at_call(original: Callable[..., Any], text_of: TextOf) -> Callable[..., Any]:
    @wraps(original)
    def begin(self: Any, *args: Any, **named: Any) -> Any:
        enter(SOURCE, text_of(self, args, named))
        return original(self, *args, **named)

    return begin


def _not_counting(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    async def reset(self: Any, *args: Any, **named: Any) -> Any:
        with uncounted():
            return await original(self, *args, **named)

    return reset


def _rows(answer: Any) -> int:
    """The rows of a list, of one record, or of a status such as ``INSERT 0 5``."""
    if isinstance(answer, list):
        return len(answer)
    if isinstance(answer, str):
        last = answer.rpartition(" ")[2]
        return int(last) if last.isdigit() else NO_ROWS
    return NO_ROWS if answer is None else 1


def _sets(args: tuple[Any, ...], named: dict[str, Any]) -> int:
    sets: Any = named.get("args", args[-1] if args else None)
    return len(sets) if hasattr(sets, "__len__") else NO_ROWS
