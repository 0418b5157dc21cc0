"""The query cache: compile once, hand out many times, from any thread or task."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError
from .entry import Entry
from .flight import Flight
from .journal import is_heard
from .limits import Limits
from .lookups import Lookups
from .miss_reasons import MissReason
from .statistics import CacheStats, Tracking

if TYPE_CHECKING:
    from .warming import WarmReport


class QueryCache(Lookups):
    """A thread-safe cache of compiled queries that forgets the least recently used and the outdated.

    Parameters: ``max_size`` entries are kept at most (0: none, but those who miss together still share one
    factory run). ``max_age`` is in seconds from the moment a value was stored; an entry as old as that is
    not handed out any more (None: no expiry, and hits never read the clock). ``weigher(value)`` gives the
    weight of a value in a unit of your own, ``max_weight`` bounds the sum; what is heavier alone is handed
    out but not kept. ``clock`` gives seconds and never goes back, ``timer`` gives nanoseconds for
    ``compile_ns``. ``adaptive`` lets the cache grow by one place for each miss that one place more could
    have spared, up to ``max_weight`` or else ten times ``max_size``. ``store`` is the persistent store whose
    counts ``warm(top=…)`` asks. Raises ConfigurationError for limits that cannot be meant.

    A signature may be any hashable value. A hit takes no lock. Values are shared between all callers, so
    they should be immutable.
    """

    __slots__ = ("__weakref__", "store")

    def __init__(
        self,
        max_size: int = 100,
        max_age: float | None = 3600,
        *,
        max_weight: int | None = None,
        weigher: Callable[[Any], int] | None = None,
        clock: Callable[[], float] = time.monotonic,
        timer: Callable[[], int] = time.perf_counter_ns,
        adaptive: bool = False,
        store: Any = None,
    ) -> None:
        limits = Limits(max_size, max_age, max_weight)
        if max_weight is not None and weigher is None:
            raise ConfigurationError(
                f"QueryCache: max_weight={max_weight!r} without a weigher "
                "(expected weigher=, which gives the weight of a value)"
            )
        super().__init__(limits, weigher=weigher, clock=clock, timer=timer, adaptive=adaptive)
        self.store = store

    # -- taking out ----------------------------------------------------------------------------------------

    def invalidate(self, *, tag: str | None = None, schema: object = None) -> int:
        """Take out every entry that carries the tag and was compiled for the schema; return how many.

        One of the two may be left out. A schema is whatever ``query_signature`` takes as one, by its present
        content, or what stands in the signatures as ``schema``. A value that is being compiled meanwhile is
        handed to those who already wait for it, but neither kept nor given to anybody who asks from now on.
        Raises ConfigurationError when both are left out: ``clear()`` takes out everything.
        """
        if tag is None and schema is None:
            raise ConfigurationError(
                "QueryCache.invalidate: neither tag nor schema given (clear() takes out all)"
            )
        wanted = _digest_of(schema)

        def matches(held: Entry | Flight) -> bool:
            return (tag is None or tag in held.tags) and (
                schema is None or getattr(held.signature, "schema", None) == wanted
            )

        return self._take_out(matches)

    def discard(self, signature: Hashable) -> bool:
        """Take out one entry; return whether it was there."""
        with self._lock:
            self._shelf.sweep(self._clock())
            entry = self._entries.get(signature)
            if entry is not None:
                self._shelf.remove(entry, "invalidated")
            self._ground(lambda flight: flight.signature == signature)
        self._let_go()
        return entry is not None

    def clear(self) -> None:
        """Take out every entry; the statistics stay."""
        self._take_out(lambda held: True)

    def reset(self) -> None:
        """Take out every entry, count from zero, and forget why look-ups missed: like a new cache."""
        with self._lock:
            self._shelf.remove_where(lambda entry: True)
            self._ground(lambda flight: True)
            self._shelf.open_account()
            self._shelf.memory.forget()
            self._shelf.capacity = self._limits.max_size
        self._let_go()

    def _take_out(self, matches: Callable[[Entry | Flight], bool]) -> int:
        with self._lock:
            self._shelf.sweep(self._clock())
            taken = self._shelf.remove_where(matches)
            self._ground(matches)
        self._let_go()
        return taken

    def _ground(self, matches: Callable[[Flight], bool]) -> None:
        """Take flights off the board: they will land, but not be kept, and who asks now starts a new one."""
        for flight in [flight for flight in self._flights.values() if matches(flight)]:
            del self._flights[flight.signature]
            self._shelf.memory.left(flight.signature, "invalidated")

    # -- looking at it -------------------------------------------------------------------------------------

    @property
    def max_size(self) -> int:
        """How many entries the cache was told to keep at most."""
        return self._limits.max_size

    @property
    def capacity(self) -> int:
        """How many entries it keeps at most at present: more than max_size once an adaptive cache has grown."""
        return self._shelf.capacity

    @property
    def max_age(self) -> float | None:
        """After how many seconds an entry expires; None: never."""
        return self._limits.max_age

    @property
    def max_weight(self) -> int | None:
        """How heavy the entries may be together; None: as heavy as they are."""
        return self._limits.max_weight

    def __len__(self) -> int:
        """Return how many entries are fresh."""
        with self._lock:
            self._shelf.sweep(self._clock())
            size = len(self._entries)
        self._let_go()
        return size

    def __bool__(self) -> bool:
        """A cache is a cache, also when it is empty: ``cache or other`` must not pass it over."""
        return True

    def __contains__(self, signature: Hashable) -> bool:
        """Say whether a look-up would be a hit, without counting as one or as a use."""
        entry = self._entries.get(signature)
        return entry is not None and not entry.left and self._clock() < entry.deadline

    def signatures(self) -> list[Hashable]:
        """Return the signatures of the fresh entries, the one used longest ago first."""
        with self._lock:
            self._shelf.sweep(self._clock())
            oldest_first = self._shelf.oldest_first()
        self._let_go()
        return oldest_first

    def explain(self, signature: Hashable) -> MissReason | None:
        """Say why the last look-up that missed the signature did; None when no such miss is remembered.

        At least the last thousand signatures that missed are remembered, or twice the capacity. Look-ups
        that waited for another's compilation have that one's reason.
        """
        with self._lock:
            return self._shelf.memory.explain(signature)

    def stats(self) -> CacheStats:
        """Return the figures so far; exact for all look-ups that have returned."""
        return self._read()[0]

    def reset_stats(self) -> None:
        """Count from zero; the entries stay."""
        with self._lock:
            self._shelf.open_account()

    def track(self) -> Tracking:
        """Watch what happens during a block: ``with cache.track() as delta: …; delta.hits``."""
        return Tracking(self._read)

    def record_bypass(self) -> None:
        """Count a query that was compiled without asking the cache, on purpose."""
        with self._lock:
            self._shelf.account.bypasses += 1

    def _read(self) -> tuple[CacheStats, object]:
        with self._lock:
            shelf = self._shelf
            shelf.hear_hits(is_heard())
            shelf.sweep(self._clock())
            shelf.settle()
            stats = shelf.account.stats(size=len(self._entries), weight=shelf.weight)
            account = shelf.account
        self._let_go()
        return stats, account

    def warm(
        self,
        queries: Iterable[Any] | str | Path | None = None,
        *,
        top: int | None = None,
        schema: Any = None,
        dialect: Any = None,
    ) -> WarmReport:
        """Compile queries before they are asked for; see ``warming.warm`` for what may be given."""
        from .warming import warm  # imported late: it loads sqlglot

        return warm(self, queries, top=top, schema=schema, dialect=dialect)

    def __repr__(self) -> str:
        return f"<QueryCache {len(self)} of {self.capacity} entries>"


def _digest_of(schema: object) -> object:
    """Return what signatures carry for a schema."""
    if schema is None or isinstance(schema, str):
        return schema
    from .schema import schema_digest  # imported late: it loads sqlglot

    try:
        return schema_digest(schema)  # type: ignore[arg-type]
    except TypeError:
        return schema  # no schema of sqlglot's kind, but it may be one of the caller's own signatures
