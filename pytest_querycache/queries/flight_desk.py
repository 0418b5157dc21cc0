"""Where look-ups board a flight and values arrive: every step of a compilation that needs the cache's lock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any

from .entry import Entry
from .flight import Flight
from .journal import is_heard, log_answer, log_departures
from .limits import Limits, checked_weight
from .shelf import Shelf


class FlightDesk:
    """What one cache keeps and what it is compiling, with the books that are held on both."""

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
