"""How a look-up is answered: by a hit without a lock, by waiting for another one, or by compiling."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Collection, Hashable
from typing import Any, TypeVar

from ..errors import ConfigurationError
from .entry import Entry
from .flight import Flight
from .flight_desk import FlightDesk
from .journal import is_heard, log_answer
from .limits import checked_tags
from .worker import made_by

T = TypeVar("T")


class Lookups(FlightDesk):
    """The half of QueryCache that answers look-ups, from any thread or task."""

    __slots__ = ()

    def get_or_compile(
        self,
        signature: Hashable,
        factory: Callable[[], T],
        *,
        tags: Collection[str] = (),
        name: str | None = None,
    ) -> T:
        """Return the value kept for the signature, or let the factory make it and keep that.

        Of those who miss the same signature together, one runs his factory and all get its value, or its
        exception (each a copy of his own; exceptions are never kept). A factory may look up further queries,
        its own among them: whoever would wait for himself, also through others, runs his factory directly,
        and that value is not kept. ``tags`` are kept with the entry, for ``invalidate``; those of a look-up
        that did not compile are not. ``name`` stands for the query in the log.
        """
        entry: Entry | None
        try:  # costs a hit less than get() does
            entry = self._entries[signature]
        except KeyError:
            entry = None
        else:
            # Nothing here may be reordered: see Entry for how this stays exact without a lock.
            next(entry.draws)
            entry.used = next(self._ticks)
            if self._clock() < entry.fast_until:
                kept: T = entry.value
                return kept
        return self._answer(signature, factory, tags, name, entry)

    async def aget_or_compile(
        self,
        signature: Hashable,
        factory: Callable[[], T | Awaitable[T]],
        *,
        tags: Collection[str] = (),
        name: str | None = None,
    ) -> T:
        """Like get_or_compile, for asyncio: waiting for another thread or task does not block the loop.

        The factory may be a coroutine function, which runs in the calling task, or a plain one, which runs
        in a thread of its own; what either kind of look-up compiles serves both. When the task that compiles
        is cancelled, those who wait ask again and one of them takes over; when one that waits is cancelled,
        nobody else notices.
        """
        entry = self._entries.get(signature)
        if entry is not None:
            next(entry.draws)
            entry.used = next(self._ticks)
            if self._clock() < entry.fast_until:
                kept: T = entry.value
                return kept
        drawn = entry
        while True:
            flight = Flight(signature, checked_tags(tags), self._shelf.account)
            found: Entry | Flight | None = None
            try:
                found = self._board(flight, drawn, name)
                if isinstance(found, Entry):
                    return found.value  # type: ignore[no-any-return]
                if found is not flight and not await found.join():
                    found = self._go_alone(flight)
                if found is flight:
                    return await self._acompile(flight, factory)
            except BaseException as error:
                self._fail(flight, error)
                del flight, found  # the traceback holds this frame: no circle for the collector
                raise
            if not found.abandoned:
                return found.result()  # type: ignore[no-any-return]
            self._ask_again(flight)
            drawn = None

    def find(self, signature: Hashable, *, name: str | None = None) -> Any:
        """Return the value kept for the signature, which is a hit, or None, which counts as nothing.

        For hot paths: what a factory needs has to be put together only when there is nothing to be found.
        Go on with get_or_compile then, which counts the look-up. A kept None cannot be told from nothing.
        """
        entry = self._entries.get(signature)
        if entry is None:
            return None
        next(entry.draws)
        entry.used = next(self._ticks)
        if self._clock() < entry.fast_until:
            return entry.value
        with self._lock:
            logged = self._shelf.hear_hits(is_heard())
            found = self._hit(signature, entry, self._clock())
        if logged and found is not None:
            log_answer(signature, name, found, None)
        self._let_go()
        return None if found is None else found.value

    def _answer(
        self,
        signature: Hashable,
        factory: Callable[[], T],
        tags: Collection[str],
        name: str | None,
        drawn: Entry | None,
    ) -> T:
        """Answer a look-up that was no plain hit; ``drawn`` is the entry it already drew a hit from."""
        while True:
            flight = Flight(signature, checked_tags(tags), self._shelf.account)
            found: Entry | Flight | None = None
            try:
                found = self._board(flight, drawn, name)
                if isinstance(found, Entry):
                    return found.value  # type: ignore[no-any-return]
                if found is not flight and not found.wait():
                    found = self._go_alone(flight)
                if found is flight:
                    return self._compile(flight, factory)
            except BaseException as error:
                self._fail(flight, error)
                del flight, found  # the traceback holds this frame: no circle for the collector
                raise
            if not found.abandoned:
                return found.result()  # type: ignore[no-any-return]
            self._ask_again(flight)
            drawn = None

    def _compile(self, flight: Flight, factory: Callable[[], T]) -> T:
        token = flight.enter()
        flight.started_ns = self._timer()
        try:
            value = factory()
            if inspect.iscoroutine(value):
                value.close()
                raise ConfigurationError(
                    "QueryCache.get_or_compile: the factory returned a coroutine, which can be awaited only "
                    "once (expected a value; use aget_or_compile)"
                )
            self._arrive(flight, value)
            return value
        finally:
            flight.leave(token)
            del flight  # as in _answer

    async def _acompile(self, flight: Flight, factory: Callable[[], T | Awaitable[T]]) -> T:
        token = flight.enter()
        flight.started_ns = self._timer()
        try:
            value = await made_by(factory)
            self._arrive(flight, value)
            return value
        finally:
            flight.leave(token)
            del flight  # as in _answer
