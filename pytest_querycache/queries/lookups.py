"""How a look-up is answered: by a hit without a lock, by waiting for another one, or by compiling."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Awaitable, Callable, Collection, Hashable
from typing import Any, TypeVar

from ..errors import ConfigurationError
from .entry import Entry
from .flight import Flight
from .journal import is_heard, log_answer, log_departures
from .limits import Limits, checked_tags, checked_weight
from .shelf import Shelf
from .worker import made_by

T = TypeVar("T")


class Lookups:
    """The half of QueryCache that answers look-ups, from any thread or task."""

    __slots__ = (
        "_clock",
        "_entries",
        "_flights",
        "_limits",
        "_lock",
        "_shelf",
        "_ticks",
        "_timer",
        "_weigher",
    )

    def __init__(
        self,
        limits: Limits,
        *,
        weigher: Callable[[Any], int] | None,
        clock: Callable[[], float],
        timer: Callable[[], int],
        adaptive: bool,
    ) -> None:
        self._limits = limits
        self._weigher = weigher
        # Where nothing ages, a clock that stands still will do: reading a real one is a third of a hit's cost.
        self._clock: Callable[[], float] = float if limits.max_age is None else clock
        self._timer = timer
        # Re-entrant, because the collector may run a finaliser, and the system a signal handler, while it is
        # held, and those may look something up.
        self._lock = threading.RLock()
        self._flights: dict[Hashable, Flight] = {}
        self._shelf = Shelf(limits, adaptive=adaptive)
        self._entries = self._shelf.entries
        self._ticks = self._shelf.ticks

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

    def _hit(self, signature: Hashable, drawn: Entry | None, now: float) -> Entry | None:
        """Return the entry if it is fresh, counting a hit unless it was drawn already; needs the lock.

        A hit drawn from an entry that has left or expired is taken back.
        """
        if drawn is not None and (drawn.left or now >= drawn.deadline):
            drawn.take_back()
        entry = self._shelf.fresh(signature, now)
        if entry is not None and entry is not drawn:
            next(entry.draws)
            entry.used = next(self._ticks)
        return entry

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

    def _board(self, flight: Flight, drawn: Entry | None, name: str | None) -> Entry | Flight:
        """Find what answers a look-up: the entry, somebody else's flight to wait for, or its own, to fly."""
        signature = flight.signature
        found: Entry | Flight | None
        reason = None
        with self._lock:
            shelf = self._shelf
            logged = shelf.hear_hits(is_heard())
            flight.account = shelf.account
            now = self._clock()
            found = self._hit(signature, drawn, now)
            if found is None:
                found = self._flights.get(signature)
                if found is not None:
                    flight.account.coalesced += 1
                else:
                    found = self._flights[signature] = flight
                    shelf.miss(signature, now)
                    reason = shelf.memory.explain(signature) if logged else None
        if logged:
            log_answer(signature, name, found, reason)
        self._let_go()
        return found

    def _go_alone(self, flight: Flight) -> Flight:
        """Turn a look-up that was to wait into a miss that compiles for itself and keeps nothing."""
        with self._lock:
            flight.account.coalesced -= 1
            flight.account.misses += 1
        return flight

    def _ask_again(self, flight: Flight) -> None:
        """Uncount a look-up that waited for somebody who was interrupted: it is counted when it is answered."""
        with self._lock:
            flight.account.coalesced -= 1

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

    def _arrive(self, flight: Flight, value: Any) -> None:
        """Keep a compiled value, unless it was taken out while it was still compiling, and hand it to all."""
        assert flight.started_ns is not None
        compile_ns = self._timer() - flight.started_ns
        weight = 0 if self._weigher is None else checked_weight(self._weigher(value))
        with self._lock:
            flight.account.compile_ns += compile_ns
            if self._flights.get(flight.signature) is flight:
                del self._flights[flight.signature]
                self._shelf.put(
                    flight.signature,
                    value,
                    tags=flight.tags,
                    weight=weight,
                    compile_ns=compile_ns,
                    now=self._clock(),
                )
        flight.land(value)
        self._let_go()

    def _fail(self, flight: Flight, error: BaseException) -> None:
        """Book a failed factory run and hand the exception to all; nothing is kept of it but its name."""
        with self._lock:
            if flight.started_ns is not None:
                flight.account.errors += 1
                flight.account.compile_ns += self._timer() - flight.started_ns
            if self._flights.get(flight.signature) is flight:
                del self._flights[flight.signature]
                self._shelf.memory.left(flight.signature, "failed", detail=type(error).__name__)
        flight.fail(error)

    def _let_go(self) -> None:
        """Log who left and drop the last references, outside the lock: values may have finalisers."""
        if not self._shelf.departed:
            return
        with self._lock:
            departed, self._shelf.departed = self._shelf.departed, []
        if is_heard():
            log_departures(departed)
