"""aiosqlite: executes in a thread of its own, so the caller's context is sent along.

Nothing is counted here: the statements are seen at sqlite3, and with the context they find their owner, and
learn that SQLAlchemy has counted them already. The caller's place is sent along too, as the thread's stack does
not hold it.
"""

from __future__ import annotations

from contextvars import copy_context
from functools import wraps
from sys import _getframe
from types import ModuleType
from typing import Any

from ..attribution import SCOPE
from ..call_site import CALLER
from . import Undo
from .patches import Patches


def install(module: ModuleType) -> Undo:
    """Let functions sent to the connection's thread run in the context of the caller."""
    patches = Patches()
    original = module.Connection._execute

    @wraps(original)
    async def execute(self: Any, function: Any, *args: Any, **named: Any) -> Any:
        context = copy_context()
        recording = SCOPE.get().recording
        if recording is not None:
            context.run(CALLER.set, recording.own_frame(_getframe(1)))
        return await original(self, context.run, function, *args, **named)

    patches.put(module.Connection, "_execute", execute)
    return patches.undo
