"""What a cache counted: the frozen figures, their differences, and a block that is watched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStats:
    """The figures of a cache at one moment, or the change between two moments (``later - earlier``).

    Every look-up counts exactly once, so ``lookups == hits + misses + coalesced + bypasses``:

    - ``hits``: the value was in the cache;
    - ``misses``: it was not, and this look-up ran the factory itself, so misses are factory runs. A look-up
      that compiles directly because waiting could never end (a factory asking for its own key) is one too,
      and so is one that takes over after the thread or task compiling first was interrupted;
    - ``coalesced``: it was not, and this look-up waited for a factory run of another one, whatever came of
      it: the value, the exception, or the end of its own patience (a cancelled task);
    - ``bypasses``: somebody compiled without asking the cache and said so (``record_bypass``).

    ``errors`` are the misses whose factory raised. ``evictions`` left for want of room, ``expirations`` by
    age. ``size`` is in entries, ``weight`` in the weigher's unit. ``compile_ns`` is the time spent in
    factories, ``saved_ns`` the compile time of an entry for each of its hits, both in nanoseconds.
    """

    hits: int = 0
    misses: int = 0
    coalesced: int = 0
    evictions: int = 0
    expirations: int = 0
    bypasses: int = 0
    errors: int = 0
    size: int = 0
    weight: int = 0
    compile_ns: int = 0
    saved_ns: int = 0

    @property
    def lookups(self) -> int:
        """How often the cache was asked, or was passed by on purpose."""
        return self.hits + self.misses + self.coalesced + self.bypasses

    @property
    def efficiency(self) -> float:
        """The share of hits among hits and misses, from 0.0 to 1.0; 0.0 before the first look-up."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else 0.0

    def __sub__(self, earlier: CacheStats) -> CacheStats:
        if not isinstance(earlier, CacheStats):
            return NotImplemented
        return CacheStats(**{name: getattr(self, name) - getattr(earlier, name) for name in _FIELDS})

    def __add__(self, other: CacheStats) -> CacheStats:
        """Return the figures of two caches, or of two stretches of time, together."""
        if not isinstance(other, CacheStats):
            return NotImplemented
        return CacheStats(**{name: getattr(self, name) + getattr(other, name) for name in _FIELDS})

    def describe(self) -> str:
        """Return the figures as a line or two for people."""
        first = f"{self.lookups} look-ups: {self.hits} hits, {self.misses} misses"
        rare = [
            f"{getattr(self, name)} {name}"
            for name in ("coalesced", "bypasses", "errors", "evictions", "expirations")
            if getattr(self, name)
        ]
        held = f"{self.size} entries" + (f" weighing {self.weight}" if self.weight else "")
        return (
            f"{', '.join([first, *rare])}, {self.efficiency:.1%} efficient\n"
            f"{held}, {_milliseconds(self.compile_ns)} spent compiling, {_milliseconds(self.saved_ns)} saved"
        )


_FIELDS = tuple(field.name for field in fields(CacheStats))


def _milliseconds(nanoseconds: int) -> str:
    return f"{nanoseconds / 1e6:,.1f} ms"


class Account:
    """The running counts of a cache, written only under its lock."""

    __slots__ = (
        "bypasses",
        "coalesced",
        "compile_ns",
        "errors",
        "evictions",
        "expirations",
        "hits",
        "misses",
        "saved_ns",
    )

    def __init__(self) -> None:
        self.hits = self.misses = self.coalesced = self.bypasses = self.errors = 0
        self.evictions = self.expirations = 0
        self.compile_ns = self.saved_ns = 0

    def stats(self, *, size: int, weight: int) -> CacheStats:
        """Return the counts as a frozen value."""
        return CacheStats(size=size, weight=weight, **{name: getattr(self, name) for name in self.__slots__})


class Tracking:
    """What a cache did since a block began, readable inside the block and after it.

    Carries every figure of CacheStats under its own name (``delta.hits``, ``delta.efficiency``, …); ``stats``
    is the whole as a frozen value. Inside the block the figures go on moving; they stand still when it ends.
    ``size`` and ``weight`` are changes too, so they may be negative. When the statistics are reset inside the
    block, the figures count from there.
    """

    def __init__(self, read: Callable[[], tuple[CacheStats, object]]) -> None:
        self._read = read
        self._begin, self._account = read()
        self._end: CacheStats | None = None

    def __enter__(self) -> Tracking:
        self._begin, self._account = self._read()
        self._end = None
        return self

    def __exit__(self, *_: object) -> None:
        self._end = self.stats

    @property
    def stats(self) -> CacheStats:
        """The figures since the block began, as a frozen value."""
        if self._end is not None:
            return self._end
        now, account = self._read()
        if account is not self._account:
            return now - CacheStats(size=self._begin.size, weight=self._begin.weight)
        return now - self._begin

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.stats, name)

    def __repr__(self) -> str:
        return f"<Tracking {self.stats!r}>"
