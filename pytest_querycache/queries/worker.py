"""A thread of its own for one blocking factory that a task asked for."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")


async def made_by(factory: Callable[[], T | Awaitable[T]]) -> T:
    """Return what a factory of either kind makes, without blocking the event loop.

    A coroutine function is awaited in the calling task. Anything else is called in a thread of its own, in a
    copy of the caller's context, and when that gives an awaitable (``lambda: compile(…)``), it is awaited in
    the calling task. A thread of its own and not the loop's pool: a factory may look up other queries and
    wait for them, and threads of a bounded pool that wait for work queued behind them would wait forever.

    When the calling task is cancelled, the thread runs to its end and what it made is dropped.
    """
    if inspect.iscoroutinefunction(factory):
        made: T = await factory()
        return made
    value, error = await _outcome(factory)
    if error is not None:
        raise error
    if inspect.isawaitable(value):
        awaited: T = await value
        return awaited
    return value  # type: ignore[return-value]


async def _outcome(factory: Callable[[], object]) -> tuple[object, BaseException | None]:
    import asyncio  # only here: who never awaits need not load it

    loop, context = asyncio.get_running_loop(), copy_context()
    future: asyncio.Future[tuple[object, BaseException | None]] = loop.create_future()

    def settle(value: object, error: BaseException | None) -> None:
        if not future.done():
            future.set_result((value, error))
        elif inspect.iscoroutine(value):
            value.close()  # its task is gone; closing says so to Python, which would warn of it

    def work() -> None:
        value: object = None
        failure: BaseException | None = None
        try:
            value = context.run(factory)
        except BaseException as error:  # SystemExit too: it is for the task to end, not for this thread
            failure = error
        try:
            loop.call_soon_threadsafe(settle, value, failure)
        except RuntimeError:
            if inspect.iscoroutine(value):
                value.close()  # the loop was closed meanwhile

    threading.Thread(target=work, name="querycache-factory", daemon=True).start()
    return await future
