"""Django: the cursors that every database backend wraps its own in, so that all connections are seen.

Django's savepoints pass here too and are recognised as transaction control; its commits never become statements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from types import ModuleType
from typing import Any

from ..attribution import SCOPE, ToldByOuter, enter, uncounted
from ..statement import Source
from ..tally import NO_ROWS, rows_of
from . import Undo
from .patches import Patches
from .query_text import text_of

_SOURCES = {
    vendor: Source("django", dialect)
    for vendor, dialect in (
        ("sqlite", "sqlite"),
        ("postgresql", "postgres"),
        ("mysql", "mysql"),
        ("oracle", "oracle"),
        ("microsoft", "tsql"),
    )
}
_OTHER = Source("django")


def install(module: ModuleType) -> Undo:
    """Count in ``execute``, ``executemany`` and ``callproc`` of the class of wrapped cursors."""
    patches = Patches()
    kind = module.CursorWrapper
    for name, many in (("execute", False), ("executemany", True), ("callproc", False)):
        patches.put(kind, name, _counting(vars(kind)[name], many=many))
    return patches.undo


def _counting(original: Callable[..., Any], *, many: bool) -> Callable[..., Any]:
    name = "procname" if original.__name__ == "callproc" else "sql"

    @wraps(original)
    def execute(self: Any, /, *args: Any, **named: Any) -> Any:
        cursor = self.cursor
        is_told = isinstance(cursor, ToldByOuter)
        if SCOPE.get().is_inside or (is_told and getattr(cursor, "_outer", None) is not None):
            return original(self, *args, **named)
        given = args[0] if args else named.get(name, "")
        text = given if type(given) is str else text_of(given, cursor)
        opened = enter(_SOURCES.get(self.db.vendor, _OTHER), f"CALL {text}" if name == "procname" else text)
        if opened is None:
            with uncounted(cursor):
                return original(self, *args, **named)
        if is_told:
            cursor._outer = opened.execution
        else:
            SCOPE.set(opened.execution)
        try:
            return original(self, *args, **named)
        finally:
            if is_told:
                cursor._outer = None
            else:
                SCOPE.set(opened.scope)
            rows = rows_of(cursor)
            opened.close(_sets(args, named) if many and rows < 0 else rows)

    return execute


def _sets(args: tuple[Any, ...], named: Mapping[str, Any]) -> int:
    """How many sets of parameters were handed to ``executemany``, for a backend that does not tell."""
    sets: Any = args[1] if len(args) > 1 else named.get("param_list")
    return len(sets) if hasattr(sets, "__len__") else NO_ROWS
