"""The cache under many threads at once: everybody is served, nothing runs twice, and the figures add up."""

from __future__ import annotations

import random
import sys
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from pytest_querycache.queries.cache import QueryCache

THREADS = 32
KEYS = 300
LOOKUPS = 1500
PATIENCE = 60.0  # seconds after which a thread that should have come back counts as lost
COST_NS = 10


class Clock:
    """A clock that any thread may move on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Timer(threading.local):
    """Gives each thread times of its own, so that every compilation costs the same."""

    time_ns = 0

    def __call__(self) -> int:
        self.time_ns += COST_NS
        return self.time_ns


class Storm:
    """Threads that look up, fail, age, evict and invalidate, and note what they saw."""

    def __init__(self, *, invalidating: bool) -> None:
        self.clock = Clock()
        self.invalidating = invalidating
        self.cache = QueryCache(
            60, 50, max_weight=100, weigher=lambda value: value % 4, clock=self.clock, timer=Timer()
        )
        self.running: Counter[int] = Counter()
        self.lock = threading.Lock()
        self.runs = self.failures = self.served = self.raised = 0
        self.wrong: list[str] = []

    def make(self, key: int) -> int:
        with self.lock:
            self.runs += 1
            self.running[key] += 1
            if self.running[key] > 1 and not self.invalidating:
                self.wrong.append(f"{key} was compiled twice at once")
        for _ in range(key % 5 * 20):
            pass
        with self.lock:
            self.running[key] -= 1
            if key % 11 == 0:
                self.failures += 1
                raise LookupError(key)
        return key

    def work(self, seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(LOOKUPS):
            key = min(int(chance.expovariate(0.02)), KEYS - 1)
            if key % 2 and self.cache.find(key) is not None:
                with self.lock:
                    self.served += 1
                continue
            try:
                if (
                    self.cache.get_or_compile(key, lambda key=key: self.make(key), tags=(str(key % 3),))
                    != key
                ):
                    self.wrong.append(f"{key} got another's value")
                with self.lock:
                    self.served += 1
            except LookupError as error:
                if error.args != (key,):
                    self.wrong.append(f"{key} got another's exception")
                with self.lock:
                    self.raised += 1
            event = chance.random()
            if event < 0.05:
                self.clock.now += 1
            elif event < 0.07 and self.invalidating:
                self.cache.invalidate(tag="1")
            elif event < 0.08 and self.invalidating:
                self.cache.discard(key)
            elif event < 0.1:
                stats = self.cache.stats()
                if stats.size > 60 or stats.weight > 100:
                    self.wrong.append(f"{stats.size} entries weighing {stats.weight}")

    def blow(self) -> None:
        threads = [threading.Thread(target=self.work, args=(seed,), daemon=True) for seed in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert not any(thread.is_alive() for thread in threads), "a thread was never woken"


@pytest.fixture(autouse=True)
def _restless() -> Iterator[None]:
    """Let the interpreter change threads as often as it can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.parametrize("invalidating", [False, True], ids=["plain", "invalidating"])
def test_a_storm_of_threads_is_served_and_counted(invalidating: bool) -> None:
    """Of 32 threads each gets what it asked for, no key compiles twice at once, and no count is lost."""
    storm = Storm(invalidating=invalidating)
    storm.blow()
    assert storm.wrong == []
    stats = storm.cache.stats()
    assert storm.served + storm.raised == THREADS * LOOKUPS
    assert stats.hits + stats.misses + stats.coalesced == stats.lookups == THREADS * LOOKUPS
    assert stats.misses == storm.runs
    assert stats.errors == storm.failures
    assert stats.compile_ns == stats.misses * COST_NS
    assert stats.saved_ns == stats.hits * COST_NS
    assert stats.evictions > 0
    assert stats.expirations > 0
    assert stats.hits > 0
    assert stats.coalesced > 0
    if not invalidating:
        assert stats.misses - stats.errors == stats.size + stats.evictions + stats.expirations
    assert stats.weight == sum(key % 4 for key in storm.cache.signatures())


def test_each_epoch_of_misses_compiles_once() -> None:
    """Threads that all miss at the same moment, again and again, run the factory once each time."""
    cache, runs = QueryCache(), []
    rounds = 40
    together = threading.Barrier(THREADS, action=cache.clear, timeout=PATIENCE)

    def work() -> None:
        for number in range(rounds):
            together.wait()
            cache.get_or_compile("q", lambda number=number: runs.append(number))

    threads = [threading.Thread(target=work, daemon=True) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert runs == list(range(rounds))
    stats = cache.stats()
    assert (stats.misses, stats.lookups) == (rounds, rounds * THREADS)


def test_factories_that_look_each_other_up_all_come_back() -> None:
    """Threads whose factories ask for one another's keys at random never wait in a circle."""
    cache = QueryCache(8)
    served: list[int] = []

    def work(seed: int) -> None:
        chance = random.Random(seed)

        def look_up(depth: int) -> int:
            key = chance.randrange(12)
            return cache.get_or_compile(key, lambda: look_up(depth - 1) if depth else key)

        for _ in range(60):
            look_up(4)
        served.append(seed)

    threads = [threading.Thread(target=work, args=(seed,), daemon=True) for seed in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(served) == list(range(16))
    stats = cache.stats()
    assert stats.hits + stats.misses + stats.coalesced == stats.lookups
