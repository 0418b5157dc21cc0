"""sqlite3: connections and cursors of classes of our own, which the library makes through its factories.

The classes of the library are immutable, so ``sqlite3.connect`` is replaced. Ours stand between a project's own
classes and those of the library, where ``super()`` finds them. Modules that have taken ``connect`` by its name before
get ours in its place.

What is not seen: connections that exist already, and classes that admit no second base, such as a cursor's with
filled ``__slots__``, both of which is said; connections made by calling ``sqlite3.Connection`` itself, cursors made
by calling ``sqlite3.Cursor`` or a class derived from it, as a ``cursor()`` of a project's own may do; a ``connect``
that was put away elsewhere than in a module, and cursors made by a factory that is no class. A script counts all its
statements, also those behind one that fails.

What differs for the suite: of a cursor whose rows are counted, ``iter(cursor)`` is an iterator of its own, which
stays empty once it has ended, also when the cursor executes again. Counting in ``__next__`` would make every row
cost more, recorded or not.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Collection
from functools import wraps
from types import ModuleType
from typing import Any

from . import Undo
from .counting_classes import CountingClasses
from .patches import Patches
from .sqlite3_classes import counting_connection

_FACTORY_POSITION = 5
_NOTICED: dict[str, None] = {}


def install(module: ModuleType) -> Undo:
    """Let ``sqlite3.connect`` make connections that count."""
    _NOTICED.clear()
    patches = Patches()
    wanted = [True]
    connect = _counting_connect(module, wanted)
    for place, name in _holders(module.connect):
        patches.put(place, name, connect)

    def undo() -> None:
        # a suite's own replacement may have kept ours, and put it back after we are gone
        wanted.clear()
        patches.undo()

    return undo


def unseen(module: ModuleType) -> list[str]:
    """Say how many connections are open that were made before, whose class is the library's own."""
    # asked of the type, because objects may answer for their class by executing something
    found = sum(type(each) is module.Connection and _is_open(each) for each in gc.get_objects())
    if not found:
        return []
    are = "connections of sqlite3 were" if found > 1 else "connection of sqlite3 was"
    return [
        f"{found} {are} opened before recording began, by a plugin or an import; their statements are not counted"
    ]


def noticed() -> list[str]:
    """Say which of the project's own classes could not be made to count."""
    return list(_NOTICED)


def _is_open(connection: Any) -> bool:
    try:
        connection.total_changes  # noqa: B018
    except Exception:
        return False
    return True


def _holders(connect: object) -> list[tuple[ModuleType, str]]:
    """The modules that hold a function, and under which names."""
    return [
        (holder, name)
        for holder in list(sys.modules.values())
        if type(holder) is ModuleType
        for name, value in list(vars(holder).items())
        if value is connect and holder.__name__ != "_sqlite3"
    ]


def _counting_connect(library: Any, wanted: Collection[object]) -> Callable[..., Any]:
    """``sqlite3.connect`` with a factory of ours in the place of the given one, while that is ``wanted``."""
    original = library.connect
    counting_of = CountingClasses(library.Connection, counting_connection(library, _NOTICED), _NOTICED)

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
