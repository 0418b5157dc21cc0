"""Single-flight in threads: one factory run, everybody served, nobody waiting for himself."""

from __future__ import annotations

import contextvars
import gc
import sys
import threading
import traceback
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from pytest_querycache.queries.cache import QueryCache

PATIENCE = 20.0  # seconds after which a thread that should have come back counts as lost


def until(condition: Callable[[], bool]) -> None:
    """Wait for something other threads do; fail if it does not come."""
    pause = threading.Event()
    for _ in range(int(PATIENCE * 1000)):
        if condition():
            return
        pause.wait(0.001)
    raise AssertionError("waited in vain")


class Caller(threading.Thread):
    """A thread that calls something and keeps what it returned or raised."""

    def __init__(self, call: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.call, self.value, self.error = call, None, None
        self.start()

    def run(self) -> None:
        try:
            self.value = self.call()
        except BaseException as error:
            self.error = error

    def outcome(self) -> Any:
        self.join(PATIENCE)
        assert not self.is_alive(), "the thread never came back"
        return self.error if self.error is not None else self.value


def held_up(cache: QueryCache, waiters: int, then: Callable[[], Any]) -> Callable[[], Any]:
    """A factory that waits until so many look-ups wait for it."""

    def factory() -> Any:
        until(lambda: cache.stats().coalesced == waiters)
        return then()

    return factory


def test_who_misses_together_shares_one_factory_run() -> None:
    """Of sixteen threads one compiles and fifteen are served by it."""
    cache, runs = QueryCache(), []
    factory = held_up(cache, 15, lambda: runs.append(1) or object())
    callers = [Caller(lambda: cache.get_or_compile("q", factory)) for _ in range(16)]
    outcomes = {id(caller.outcome()) for caller in callers}
    assert len(runs) == len(outcomes) == 1
    stats = cache.stats()
    assert (stats.misses, stats.coalesced, stats.hits, stats.lookups) == (1, 15, 0, 16)


def test_single_flight_works_where_nothing_is_kept() -> None:
    """With max_size=0 those who miss together still share one run."""
    cache, runs = QueryCache(0), []
    factory = held_up(cache, 3, lambda: runs.append(1))
    for caller in [Caller(lambda: cache.get_or_compile("q", factory)) for _ in range(4)]:
        caller.outcome()
    assert len(runs) == 1
    assert len(cache) == 0


def test_an_exception_reaches_everybody_as_his_own() -> None:
    """Each waiter gets an equal exception of his own that shows where the factory failed."""
    cache = QueryCache()

    def break_down() -> None:
        raise LookupError("no table", 7)

    factory = held_up(cache, 3, break_down)
    callers = [Caller(lambda: cache.get_or_compile("q", factory)) for _ in range(4)]
    errors = [caller.outcome() for caller in callers]
    assert len({id(error) for error in errors}) == 4
    for error in errors:
        assert type(error) is LookupError
        assert error.args == ("no table", 7)
        assert any(frame.name == "break_down" for frame in traceback.extract_tb(error.__traceback__))
    stats = cache.stats()
    assert (stats.misses, stats.errors, stats.coalesced) == (1, 1, 3)
    assert cache.get_or_compile("q", lambda: "now") == "now"


class Stubborn(Exception):
    """An exception that cannot be copied: its constructor wants what it does not keep."""

    def __init__(self, *, table: str) -> None:
        super().__init__(f"no table {table}")


def test_an_exception_that_does_not_copy_is_shared_without_growing() -> None:
    """The same object reaches everybody, and its traceback is as long after five waiters as after one."""

    def length_after(waiters: int) -> int:
        cache = QueryCache()

        def break_down() -> None:
            raise Stubborn(table="t")

        factory = held_up(cache, waiters, break_down)
        callers = [Caller(lambda: cache.get_or_compile("q", factory)) for _ in range(waiters + 1)]
        errors = [caller.outcome() for caller in callers]
        assert len({id(error) for error in errors}) == 1
        return len(traceback.extract_tb(errors[0].__traceback__))

    assert length_after(5) == length_after(1)


def test_an_interrupted_leader_is_relieved() -> None:
    """KeyboardInterrupt is for the thread it hit: it is raised there, and a waiter compiles instead."""
    cache, runs = QueryCache(), []

    def interrupted() -> str:
        runs.append(1)
        if len(runs) == 1:
            until(lambda: cache.stats().coalesced == 3)
            raise KeyboardInterrupt
        return "plan"

    callers = [Caller(lambda: cache.get_or_compile("q", interrupted)) for _ in range(4)]
    outcomes = [caller.outcome() for caller in callers]
    assert outcomes.count("plan") == 3
    assert sum(isinstance(outcome, KeyboardInterrupt) for outcome in outcomes) == 1
    stats = cache.stats()
    assert (stats.misses, stats.errors, len(runs)) == (2, 1, 2)
    assert stats.hits + stats.misses + stats.coalesced == 4


def test_a_failure_leaves_no_circle_for_the_collector() -> None:
    """What a failing factory held is freed when its exception is, without a garbage collection."""

    class Witness:
        pass

    cache, seen = QueryCache(), []

    def break_down() -> None:
        witness = Witness()
        seen.append(weakref.ref(witness))
        raise LookupError

    gc.disable()
    try:
        with pytest.raises(LookupError) as caught:
            cache.get_or_compile("q", break_down)
        assert seen[0]() is not None
        del caught
        assert seen[0]() is None
    finally:
        gc.enable()


def test_a_factory_may_ask_for_its_own_key() -> None:
    """The inner look-up compiles directly; its value is not kept, the outer one's is."""
    cache = QueryCache()
    made = cache.get_or_compile("q", lambda: ["outer", cache.get_or_compile("q", lambda: "inner")])
    assert made == ["outer", "inner"]
    assert cache.get_or_compile("q", list) is made
    stats = cache.stats()
    assert (stats.misses, stats.coalesced, stats.hits) == (2, 0, 1)


def test_a_factory_may_ask_for_its_own_key_through_another() -> None:
    """A → B → A compiles the inner A directly and keeps A and B."""
    cache = QueryCache()

    def make_b() -> str:
        return "B of " + cache.get_or_compile("a", lambda: "inner A")

    assert (
        cache.get_or_compile("a", lambda: "A of " + cache.get_or_compile("b", make_b)) == "A of B of inner A"
    )
    assert cache.signatures() == ["b", "a"]


@pytest.mark.parametrize("size", [2, 3, 5])
def test_a_ring_of_threads_does_not_wait_for_ever(size: int) -> None:
    """Threads that each compile what the one before waits for come back, all of them."""
    cache = QueryCache()
    ready = threading.Barrier(size)

    def look_up(position: int) -> str:
        def factory() -> str:
            ready.wait(PATIENCE)
            follower = (position + 1) % size
            return f"{position}→" + cache.get_or_compile(follower, lambda: f"{follower} directly")

        return cache.get_or_compile(position, factory)

    callers = [Caller(lambda position=position: look_up(position)) for position in range(size)]
    outcomes = [caller.outcome() for caller in callers]
    assert all(outcome.startswith(f"{position}→") for position, outcome in enumerate(outcomes))
    assert sum(outcome.endswith("directly") for outcome in outcomes) == size
    assert sorted(cache.signatures()) == list(range(size))
    stats = cache.stats()
    assert stats.misses + stats.coalesced == stats.lookups == 2 * size


def test_a_ring_through_two_caches_does_not_wait_for_ever() -> None:
    """The waits of all caches are seen together."""
    one, two = QueryCache(), QueryCache()
    ready = threading.Barrier(2)

    def cross(here: QueryCache, there: QueryCache) -> str:
        def factory() -> str:
            ready.wait(PATIENCE)
            return there.get_or_compile("q", lambda: "directly")

        return here.get_or_compile("q", factory)

    callers = [Caller(lambda: cross(one, two)), Caller(lambda: cross(two, one))]
    assert [caller.outcome() for caller in callers] == ["directly", "directly"]


def test_a_factory_in_an_empty_context_is_still_known() -> None:
    """Code that runs in another context on the leader's thread is not taken for somebody else."""
    cache = QueryCache()

    def inner() -> str:
        return contextvars.Context().run(cache.get_or_compile, "q", lambda: "inner")

    caller = Caller(lambda: cache.get_or_compile("q", inner))
    assert caller.outcome() == "inner"


@pytest.mark.parametrize(
    "take_out",
    [
        lambda cache: cache.clear(),
        lambda cache: cache.invalidate(tag="users"),
        lambda cache: cache.discard("q"),
        lambda cache: cache.reset(),
    ],
    ids=["clear", "invalidate", "discard", "reset"],
)
def test_what_was_taken_out_while_compiling_does_not_come_in(take_out: Callable[[QueryCache], Any]) -> None:
    """The old value goes to those who waited before; who asks afterwards gets a new one, and that is kept."""
    cache = QueryCache()
    began, may_end = threading.Event(), threading.Event()

    def slow() -> str:
        began.set()
        assert may_end.wait(PATIENCE)
        return "old"

    leader = Caller(lambda: cache.get_or_compile("q", slow, tags=("users",)))
    assert began.wait(PATIENCE)
    waiter = Caller(lambda: cache.get_or_compile("q", lambda: "never"))
    until(lambda: cache.stats().coalesced == 1)
    take_out(cache)
    assert "q" not in cache
    assert cache.get_or_compile("q", lambda: "new") == "new"
    may_end.set()
    assert (leader.outcome(), waiter.outcome()) == ("old", "old")
    assert cache.get_or_compile("q", lambda: "newer") == "new"


def test_an_invalidation_of_others_does_not_touch_a_running_compilation() -> None:
    """A tag the running look-up does not carry leaves it alone."""
    cache = QueryCache()

    def factory() -> str:
        cache.invalidate(tag="orders")
        return "plan"

    cache.get_or_compile("q", factory, tags=("users",))
    assert "q" in cache


def test_hits_under_threads_are_counted_without_losing_one() -> None:
    """Eight threads that hit the same entries, switched as often as possible, lose no count."""
    cache = QueryCache(timer=iter(range(0, 10**9, 500)).__next__)
    for key in range(3):
        cache.get_or_compile(key, object)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def hit() -> None:
        for step in range(3000):
            cache.get_or_compile(step % 3, object)

    try:
        for caller in [Caller(hit) for _ in range(8)]:
            caller.outcome()
    finally:
        sys.setswitchinterval(interval)
    assert cache.stats().hits == 24_000
    assert cache.stats().saved_ns == 24_000 * 500


def test_a_hit_takes_no_lock() -> None:
    """A hit returns while another thread holds the cache's lock."""
    cache = QueryCache()
    cache.get_or_compile("q", lambda: "plan")
    with cache._lock:
        assert Caller(lambda: cache.get_or_compile("q", object)).outcome() == "plan"
