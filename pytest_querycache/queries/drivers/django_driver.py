"""Django: the cursors that every database backend wraps its own in, so that all connections are seen.

Django's savepoints pass here too and are recognised as transaction control; its commits never become statements.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

from ..attribution import SCOPE, ToldByOuter, enter
from ..statement import Source
from . import Undo
from .patches import Patches

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
_NOT_TOLD = -1


def install(module: ModuleType) -> Undo:
    """Count in ``execute``, ``executemany`` and ``callproc`` of the class of wrapped cursors."""
    patches = Patches()
    kind = module.CursorWrapper
    for name, many in (("execute", False), ("executemany", True), ("callproc", False)):
        patches.put(kind, name, _counting(vars(kind)[name], many=many))
    return patches.undo


def _counting(original: Callable[..., Any], *, many: bool) -> Callable[..., Any]:
    is_call = original.__name__ == "callproc"

    @wraps(original)
    def execute(self: Any, sql: Any, *rest: Any, **named: Any) -> Any:
        text = f"CALL {sql}" if is_call else sql if type(sql) is str else str(sql)
        cursor = self.cursor
        is_told = isinstance(cursor, ToldByOuter)
        if is_told and getattr(cursor, "_outer", None) is not None:
            return original(self, sql, *rest, **named)
        opened = enter(_SOURCES.get(self.db.vendor, _OTHER), text)
        if opened is None:
            return original(self, sql, *rest, **named)
        if is_told:
            cursor._outer = opened.execution
        else:
            SCOPE.set(opened.execution)
        try:
            return original(self, sql, *rest, **named)
        finally:
            if is_told:
                cursor._outer = None
            else:
                SCOPE.set(opened.scope)
            opened.close(_rows(cursor, rest, many=many))

    return execute


def _rows(cursor: Any, rest: tuple[Any, ...], *, many: bool) -> int:
    try:
        rows: int = cursor.rowcount
    except Exception:
        # a cursor that failed, or was closed by its server, may refuse
        return _NOT_TOLD
    if many and rows < 0 and rest and hasattr(rest[0], "__len__"):
        return len(rest[0])
    return rows
