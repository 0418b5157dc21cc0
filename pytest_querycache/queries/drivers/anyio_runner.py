"""anyio: its runner of tests, no driver, which lets one task execute the coroutines of many tests.

That task carries the context of the test that was the first to need it, and lives as long as an async fixture of a
module or session does; so each coroutine is told whose it is. Before version 4, each had a task of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

from ..attribution import SCOPE
from . import Undo
from .patches import Patches

_METHOD = "_call_in_runner_task"


def install(module: ModuleType) -> Undo:
    """Let the coroutines of tests and fixtures belong to whom the caller belongs to."""
    patches = Patches()
    original = vars(module.TestRunner).get(_METHOD)
    if original is not None:
        patches.put(module.TestRunner, _METHOD, _for_the_caller(original))
    return patches.undo


def _for_the_caller(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def call_in_runner_task(self: Any, function: Any, /, *args: Any, **named: Any) -> Any:
        scope = SCOPE.get()

        async def call(*args: Any, **named: Any) -> Any:
            SCOPE.set(scope)
            return await function(*args, **named)

        return original(self, call, *args, **named)

    return call_in_runner_task
