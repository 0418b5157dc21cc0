"""DuckDB: the methods of its connections that take SQL, and the functions of the module that do.

A text with several statements is one, as it is one call. A relation counts when its SQL is handed over, not when
it is evaluated; relations built by methods alone have no text and are not seen. DuckDB does not tell how many rows a
query has. Nothing lies below it that is watched, so no layer has to be told.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

from ..attribution import SCOPE, recording_without
from ..statement import Source
from . import Undo
from .patches import Patches

SOURCE = Source("duckdb", "duckdb")
_METHODS = ("execute", "executemany", "sql", "query", "from_query")


def install(module: ModuleType) -> Undo:
    """Count in the class of connections and, for the default connection, in the module."""
    patches = Patches()
    kind = module.DuckDBPyConnection
    for name in _METHODS:
        if hasattr(kind, name):
            # as an instance finds it, for the binding's methods are no functions
            patches.put(kind, name, _counting(getattr(kind, name), first=1, many=name == "executemany"))
        if callable(getattr(module, name, None)):
            patches.put(module, name, _counting(getattr(module, name), first=0, many=name == "executemany"))
    return patches.undo


def _counting(original: Callable[..., Any], *, first: int, many: bool) -> Callable[..., Any]:
    scope_of = SCOPE.get

    @wraps(original)
    def execute(*args: Any, **named: Any) -> Any:
        scope = scope_of()
        sql = args[first] if len(args) > first else named.get("query")
        text = sql if isinstance(sql, str) else getattr(sql, "query", None)
        recording = scope.recording or recording_without(scope, text)
        if recording is None or not isinstance(text, str):
            return original(*args, **named)
        execution = recording.enter(SOURCE, text)
        clock = recording.clock
        started = clock()
        try:
            return original(*args, **named)
        finally:
            execution.duration_ns += clock() - started
            if many:
                execution.rows += _sets(args[first + 1 :], named)

    return execute


def _sets(rest: tuple[Any, ...], named: dict[str, Any]) -> int:
    """How many sets of parameters were handed to ``executemany``."""
    sets: Any = rest[0] if rest else named.get("parameters")
    return len(sets) if hasattr(sets, "__len__") else 0
