"""psycopg 3: its cursors, sync and async, on the client's and on the server's side.

What psycopg sends by itself (BEGIN, the savepoints of ``transaction()``) passes no cursor and is not seen.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from types import ModuleType
from typing import Any

from ..attribution import Open, enter
from ..statement import Source
from . import Undo
from .patches import Patches

SOURCE = Source("psycopg", "postgres")
_CLASSES = ("Cursor", "AsyncCursor", "ServerCursor", "AsyncServerCursor")
_NOT_TOLD = -1


def install(module: ModuleType) -> Undo:
    """Count in every class of cursors that executes by itself."""
    patches = Patches()
    for kind in (getattr(module, name) for name in _CLASSES):
        for name in ("execute", "executemany", "stream", "copy"):
            method = vars(kind).get(name)
            if method is None:
                continue
            if name in ("stream", "copy"):
                patches.put(kind, name, _counted_at_call(method))
            elif iscoroutinefunction(method):
                patches.put(kind, name, _counting_async(method))
            else:
                patches.put(kind, name, _counting(method))
    return patches.undo


def _counting(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def execute(self: Any, query: Any, *rest: Any, **named: Any) -> Any:
        opened = enter(SOURCE, text_of(query, self))
        if opened is None:
            return original(self, query, *rest, **named)
        try:
            return original(self, query, *rest, **named)
        finally:
            _close(opened, self, rest)

    return execute


def _counting_async(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    async def execute(self: Any, query: Any, *rest: Any, **named: Any) -> Any:
        opened = enter(SOURCE, text_of(query, self))
        if opened is None:
            return await original(self, query, *rest, **named)
        try:
            return await original(self, query, *rest, **named)
        finally:
            _close(opened, self, rest)

    return execute


def _counted_at_call(original: Callable[..., Any]) -> Callable[..., Any]:
    """For what goes on for as long as its rows are asked for: its time is not told."""

    @wraps(original)
    def begin(self: Any, query: Any, *rest: Any, **named: Any) -> Any:
        enter(SOURCE, text_of(query, self))
        return original(self, query, *rest, **named)

    return begin


def _close(opened: Open, cursor: Any, rest: tuple[Any, ...]) -> None:
    rows = cursor.rowcount
    opened.close(rows if type(rows) is int else _NOT_TOLD)


def text_of(query: Any, cursor: Any) -> str:
    """The text of a query in any form psycopg takes: text, bytes, or a composed object."""
    if type(query) is str:
        return query
    if isinstance(query, bytes):
        return query.decode("utf-8", "replace")
    if hasattr(query, "as_string"):
        composed: str = query.as_string(cursor)
        return composed
    # a template string of Python 3.14: its fixed parts, and a placeholder for each value
    return "%s".join(getattr(query, "strings", (str(query),)))
