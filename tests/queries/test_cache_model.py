"""The cache against a plain dictionary with the same rules, under random operations."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pytest_querycache.queries.cache import QueryCache
from pytest_querycache.queries.statistics import CacheStats

KEYS = st.integers(0, 7)
TAGS = ("even", "odd")
COST_NS = 1000


class Model:
    """The rules of the cache, written with one dictionary in the order of use and no thought of speed."""

    def __init__(self, max_size: int, max_age: float, max_weight: float, *, adaptive: bool) -> None:
        self.max_size, self.max_age, self.max_weight, self.adaptive = max_size, max_age, max_weight, adaptive
        self.capacity = max_size
        self.now = 0.0
        self.kept: dict[int, tuple[int, float]] = {}  # key → (weight, deadline), the oldest use first
        self.evicted: list[int] = []  # the keys evicted since the last invalidation, in order
        self.gone: dict[int, str] = {}  # why the last value of a key is not there any more
        self.would_be_fresh_until: dict[int, float] = {}
        self.causes: dict[int, str] = {}
        self.count = dict.fromkeys(("hits", "misses", "evictions", "expirations", "errors"), 0)

    def expire(self) -> None:
        for key in [key for key, (_, deadline) in self.kept.items() if self.now >= deadline]:
            del self.kept[key]
            self.gone[key] = "expired"
            self.count["expirations"] += 1

    def look_up(self, key: int, weight: int, *, fails: bool) -> bool:
        """Say whether it is a hit."""
        self.expire()
        if key in self.kept:
            self.kept[key] = self.kept.pop(key)
            self.count["hits"] += 1
            return True
        self.count["misses"] += 1
        self.grow(key)
        self.causes[key] = self.gone.pop(key, "new")
        if fails:
            self.count["errors"] += 1
            self.gone[key] = "failed"
        elif self.capacity == 0 or weight > self.max_weight:
            self.gone[key] = "not kept"
        else:
            self.kept[key] = (weight, self.now + self.max_age)
            while len(self.kept) > self.capacity or self.weight() > self.max_weight:
                self.evict(next(iter(self.kept)))
        return False

    def grow(self, key: int) -> None:
        limit = 10 * self.max_size if self.max_weight == math.inf else math.inf
        if (
            self.adaptive
            and self.capacity < limit
            and self.gone.get(key) == "evicted"
            and self.capacity > 0
            and key in self.evicted[-self.capacity :]
            and self.now < self.would_be_fresh_until[key]
        ):
            self.capacity += 1

    def evict(self, key: int) -> None:
        self.would_be_fresh_until[key] = self.kept.pop(key)[1]
        self.evicted.append(key)
        self.gone[key] = "evicted"
        self.count["evictions"] += 1

    def take_out(self, keys: list[int]) -> int:
        self.expire()
        taken = [key for key in keys if key in self.kept]
        for key in taken:
            del self.kept[key]
            self.gone[key] = "invalidated"
        return len(taken)

    def weight(self) -> int:
        return sum(weight for weight, _ in self.kept.values())


class CacheAgainstModel(RuleBasedStateMachine):
    """Does the same to both and compares what can be seen of them after each step."""

    @initialize(
        max_size=st.integers(0, 4),
        max_age=st.sampled_from([None, 0, 5]),
        max_weight=st.sampled_from([None, 9]),
        adaptive=st.booleans(),
    )
    def begin(self, max_size: int, max_age: float | None, max_weight: int | None, adaptive: bool) -> None:
        self.model = Model(
            max_size,
            math.inf if max_age is None else max_age,
            math.inf if max_weight is None else max_weight,
            adaptive=adaptive,
        )
        self.time_ns = 0
        self.cache = QueryCache(
            max_size,
            max_age,
            max_weight=max_weight,
            weigher=lambda weight: weight,
            clock=lambda: self.model.now,
            timer=self.tick,
            adaptive=adaptive,
        )

    def tick(self) -> int:
        """Read twice for each compilation, so that each costs the same."""
        self.time_ns += COST_NS
        return self.time_ns

    @rule(key=KEYS, weight=st.integers(0, 10), fails=st.sampled_from([False, False, False, True]))
    def look_up(self, key: int, weight: int, fails: bool) -> None:
        ran = []

        def factory() -> Any:
            ran.append(key)
            if fails:
                raise LookupError(key)
            return weight

        try:
            self.cache.get_or_compile(key, factory, tags=(TAGS[key % 2],))
        except LookupError:
            assert fails
        assert self.model.look_up(key, weight, fails=fails) is (not ran)

    @rule(key=KEYS)
    def find(self, key: int) -> None:
        self.model.expire()
        expected = self.model.kept[key][0] if key in self.model.kept else None
        assert self.cache.find(key) == expected
        if expected is not None:
            assert self.model.look_up(key, 0, fails=False)

    @rule(seconds=st.integers(0, 6))
    def wait(self, seconds: int) -> None:
        self.model.now += seconds

    @rule(key=KEYS)
    def discard(self, key: int) -> None:
        assert self.cache.discard(key) is bool(self.model.take_out([key]))

    @rule(parity=st.integers(0, 1))
    def invalidate(self, parity: int) -> None:
        taken = self.model.take_out([key for key in range(8) if key % 2 == parity])
        assert self.cache.invalidate(tag=TAGS[parity]) == taken
        self.model.evicted.clear()

    @rule()
    def clear(self) -> None:
        self.cache.clear()
        self.model.take_out(list(range(8)))
        self.model.evicted.clear()

    @rule()
    def count_from_zero(self) -> None:
        self.model.expire()
        self.cache.stats()
        self.cache.reset_stats()
        self.model.count = dict.fromkeys(self.model.count, 0)

    @rule(key=KEYS)
    def contains(self, key: int) -> None:
        self.model.expire()
        assert (key in self.cache) is (key in self.model.kept)

    @rule(key=KEYS)
    def explain(self, key: int) -> None:
        reason = self.cache.explain(key)
        assert (reason and reason.reason) == self.model.causes.get(key)

    @rule()
    def look_at_everything(self) -> None:
        self.model.expire()
        assert self.cache.signatures() == list(self.model.kept)
        assert len(self.cache) == len(self.model.kept)
        count = self.model.count
        assert self.cache.stats() == CacheStats(
            **count,
            size=len(self.model.kept),
            weight=self.model.weight(),
            compile_ns=count["misses"] * COST_NS,
            saved_ns=count["hits"] * COST_NS,
        )

    @invariant()
    def same_capacity(self) -> None:
        if hasattr(self, "cache"):
            assert self.cache.capacity == self.model.capacity


TestCacheAgainstModel = CacheAgainstModel.TestCase
TestCacheAgainstModel.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
