"""psycopg 3: its cursors, sync and async, on the client's and on the server's side.

What psycopg sends by itself (BEGIN, the savepoints of ``transaction()``) passes no cursor and is not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from inspect import iscoroutinefunction
from types import ModuleType
from typing import Any

from ..attribution import Open, enter
from ..statement import Source
from ..tally import rows_of
from . import Undo
from .patches import Patches
from .query_text import text_of

SOURCE = Source("psycopg", "postgres")
_CLASSES = ("Cursor", "AsyncCursor", "ServerCursor", "AsyncServerCursor")


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
    def execute(self: Any, /, *args: Any, **named: Any) -> Any:
        opened = enter(SOURCE, _given(self, args, named))
        if opened is None:
            return original(self, *args, **named)
        try:
            return original(self, *args, **named)
        finally:
            _close(opened, self)

    return execute


def _counting_async(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    async def execute(self: Any, /, *args: Any, **named: Any) -> Any:
        opened = enter(SOURCE, _given(self, args, named))
        if opened is None:
            return await original(self, *args, **named)
        try:
            return await original(self, *args, **named)
        finally:
            _close(opened, self)

    return execute


def _counted_at_call(original: Callable[..., Any]) -> Callable[..., Any]:
    """For what goes on for as long as its rows are asked for: its time is not told."""

    @wraps(original)
    def begin(self: Any, /, *args: Any, **named: Any) -> Any:
        enter(SOURCE, _given(self, args, named))
        return original(self, *args, **named)

    return begin


def _given(cursor: Any, args: tuple[Any, ...], named: Mapping[str, Any]) -> str:
    """The text that was handed over, by its place or by its name, which is another one for ``copy``."""
    return text_of(args[0] if args else named.get("query", named.get("statement", "")), cursor)


def _close(opened: Open, cursor: Any) -> None:
    opened.close(rows_of(cursor))
