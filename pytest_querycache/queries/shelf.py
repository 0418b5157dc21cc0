"""What a cache holds: entries, their order and weight, and who has to go."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from typing import Any

from .entry import Entry, exact_count
from .limits import Limits
from .miss_reasons import MissMemory
from .recency import Recency
from .statistics import Account

_REMEMBERED = 1000  # signatures whose misses can be explained, at least; twice the capacity if that is more
_MOST_GROWTH = 10  # an adaptive cache without a weight limit grows to this many times its max_size


class Shelf:
    """The entries of one cache under the rules for keeping them; every method needs the cache's lock.

    An entry is fresh while the clock is before the moment it was stored plus ``max_age``. Storing first
    drops what has expired, then whoever was used longest ago until both limits hold; the new entry counts as
    used by being stored. ``entries`` is read by hits without the lock and is therefore never replaced.
    """

    __slots__ = (
        "_adaptive",
        "_earliest_deadline",
        "_limits",
        "_recency",
        "account",
        "capacity",
        "departed",
        "entries",
        "logs_hits",
        "memory",
        "ticks",
        "weight",
    )

    def __init__(self, limits: Limits, *, adaptive: bool) -> None:
        self.entries: dict[Hashable, Entry] = {}
        self.ticks = exact_count()
        self.account = Account()
        self.memory = MissMemory()
        self.capacity = limits.max_size
        self.weight = 0
        self.departed: list[Entry] = []  # to be logged, and let go of, when the lock is free again
        self.logs_hits = False
        self._limits = limits
        self._adaptive = adaptive
        self._recency = Recency()
        self._earliest_deadline = math.inf

    def fresh(self, signature: Hashable, now: float) -> Entry | None:
        """Return the entry if there is one and it has not expired; one that has leaves."""
        entry = self.entries.get(signature)
        if entry is not None and now >= entry.deadline:
            self.remove(entry, "expired")
            return None
        return entry

    def miss(self, signature: Hashable, now: float) -> None:
        """Count and note a miss; an adaptive cache grows by one if one place more could have spared it."""
        self.account.misses += 1
        if (
            self._adaptive
            and self.capacity < self._most()
            and self.memory.haunts(signature, among=self.capacity, now=now)
        ):
            self.capacity += 1
        self.memory.miss(signature, bound=max(_REMEMBERED, 2 * self.capacity))

    def _most(self) -> float:
        return math.inf if self._limits.max_weight is not None else _MOST_GROWTH * self._limits.max_size

    def put(
        self,
        signature: Hashable,
        value: Any,
        *,
        tags: frozenset[str],
        weight: int,
        compile_ns: int,
        now: float,
    ) -> None:
        """Store a value that is not there yet, if it may be kept at all."""
        self.sweep(now)
        max_weight = self._limits.max_weight
        if self.capacity == 0 or (max_weight is not None and weight > max_weight):
            self.memory.left(signature, "not kept")
            return
        max_age = self._limits.max_age
        entry = Entry(
            signature,
            value,
            tags=tags,
            weight=weight,
            compile_ns=compile_ns,
            deadline=math.inf if max_age is None else now + max_age,
            used=next(self.ticks),
            account=self.account,
        )
        if self.logs_hits:
            entry.fast_until = -math.inf
        self.entries[signature] = entry
        self.weight += weight
        self._earliest_deadline = min(self._earliest_deadline, entry.deadline)
        self._recency.add(entry)
        while len(self.entries) > self.capacity or (max_weight is not None and self.weight > max_weight):
            self.remove(self._recency.oldest(), "evicted")

    def sweep(self, now: float) -> None:
        """Drop every expired entry. They stand in front: what was stored first expires first."""
        if now < self._earliest_deadline:
            return
        expired = []
        self._earliest_deadline = math.inf
        for entry in self.entries.values():
            if now < entry.deadline:
                self._earliest_deadline = entry.deadline
                break
            expired.append(entry)
        for entry in expired:
            self.remove(entry, "expired")

    def remove(self, entry: Entry, reason: str) -> None:
        """Take an entry out, book its last hits, and remember why it left."""
        del self.entries[entry.signature]
        self.weight -= entry.weight
        self._recency.remove(entry)
        entry.leave(reason)
        if reason == "evicted":
            self.account.evictions += 1
        elif reason == "expired":
            self.account.expirations += 1
        self.memory.left(entry.signature, reason, deadline=entry.deadline)
        self.departed.append(entry)

    def remove_where(self, condition: Callable[[Entry], bool]) -> int:
        """Take out every entry that meets a condition, as invalidated, and return how many."""
        leaving = [entry for entry in self.entries.values() if condition(entry)]
        for entry in leaving:
            self.remove(entry, "invalidated")
        self.memory.lay_ghosts()
        return len(leaving)

    def oldest_first(self) -> list[Hashable]:
        """Return the signatures in the order of last use."""
        return [entry.signature for entry in sorted(self.entries.values(), key=lambda entry: entry.used)]

    def settle(self) -> None:
        """Book all hits so far."""
        for entry in self.entries.values():
            entry.settle()

    def open_account(self) -> None:
        """Count from zero again; hits so far stay with the old account."""
        self.settle()
        self.account = Account()
        for entry in self.entries.values():
            entry.account = self.account

    def hear_hits(self, heard: bool) -> bool:
        """Send hits the slow way while somebody listens to them in the log, and the fast way again after."""
        if heard is not self.logs_hits:
            self.logs_hits = heard
            for entry in self.entries.values():
                entry.fast_until = -math.inf if heard else entry.deadline
        return heard
