"""sqlite3: connections and cursors of classes of our own, which the library makes through its factories.

The classes of the library are immutable, so ``sqlite3.connect`` is replaced. Ours stand between a project's own
classes and those of the library, where ``super()`` finds them. What is not seen: connections that exist already,
connections made by calling ``sqlite3.Connection`` itself, a ``connect`` that was taken out of the module before,
and cursors made by a factory that is no class.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import wraps
from types import ModuleType
from typing import Any

from . import Undo
from .patches import Patches
from .sqlite3_classes import CountingClasses, counting_connection

_FACTORY_POSITION = 5


def install(module: ModuleType) -> Undo:
    """Let ``sqlite3.connect`` make connections that count."""
    patches = Patches()
    wanted = [True]
    connect = _counting_connect(module, wanted)
    for place in (module, module.dbapi2):
        patches.put(place, "connect", connect)

    def undo() -> None:
        # a suite's own replacement may have kept ours, and put it back after we are gone
        wanted.clear()
        patches.undo()

    return undo


def _counting_connect(library: Any, wanted: Collection[object]) -> Callable[..., Any]:
    """``sqlite3.connect`` with a factory of ours in the place of the given one, while that is ``wanted``."""
    original = library.connect
    counting_of = CountingClasses(library.Connection, counting_connection(library))

    @wraps(original)
    def connect(*args: Any, **options: Any) -> Any:
        if not wanted:
            return original(*args, **options)
        if len(args) > _FACTORY_POSITION:
            factory = counting_of(args[_FACTORY_POSITION])
            args = (*args[:_FACTORY_POSITION], factory, *args[_FACTORY_POSITION + 1 :])
        else:
            options["factory"] = counting_of(options.get("factory", library.Connection))
        return original(*args, **options)

    return connect
