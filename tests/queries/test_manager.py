"""Which cache is in force: the process's, a block's, and what threads and tasks see of a block."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_querycache.queries.cache import QueryCache
from pytest_querycache.queries.manager import QueryCacheManager, active_cache


@pytest.fixture(autouse=True)
def _own_cache() -> Iterator[None]:
    """Keep the process's own cache and switch out of these tests."""
    instance, enabled = QueryCacheManager.instance, QueryCacheManager.is_enabled
    QueryCacheManager.is_enabled = True
    yield
    assert QueryCacheManager.instance is instance, "a block was left open"
    QueryCacheManager.is_enabled = enabled


def in_thread(call: Callable[[], Any]) -> Any:
    """Return what a plain new thread sees."""
    seen: list[Any] = []
    thread = threading.Thread(target=lambda: seen.append(call()), daemon=True)
    thread.start()
    thread.join(20)
    return seen[0]


def instance() -> QueryCache:
    return QueryCacheManager.instance


def test_it_is_enabled_unless_switched_off() -> None:
    """The switch is on by default, readable and assignable on the class."""
    assert QueryCacheManager.is_enabled is True
    QueryCacheManager.is_enabled = False
    assert QueryCacheManager.is_enabled is False
    assert in_thread(lambda: QueryCacheManager.is_enabled) is False
    assert active_cache() is None
    QueryCacheManager.is_enabled = True
    assert active_cache() is QueryCacheManager.instance


def test_the_instance_is_one_and_cannot_be_replaced() -> None:
    """Everybody gets the same cache with the documented limits."""
    assert QueryCacheManager.instance is in_thread(instance)
    assert (QueryCacheManager.instance.max_size, QueryCacheManager.instance.max_age) == (100, 3600)
    with pytest.raises(AttributeError):
        QueryCacheManager.instance = QueryCache()  # type: ignore[misc]


def test_there_are_no_managers() -> None:
    """The class is not to be instantiated."""
    with pytest.raises(TypeError, match="everything is on the class"):
        QueryCacheManager()


def test_reset_empties_the_cache_and_its_statistics() -> None:
    """reset() works on the cache in force and leaves the others and the switch alone."""
    outer, inner = QueryCache(), QueryCache()
    outer.get_or_compile("q", object)
    with QueryCacheManager.using(outer), QueryCacheManager.using(inner):
        inner.get_or_compile("q", object)
        QueryCacheManager.is_enabled = False
        QueryCacheManager.reset()
        assert not QueryCacheManager.is_enabled
    assert (len(inner), inner.stats().lookups) == (0, 0)
    assert (len(outer), outer.stats().lookups) == (1, 1)


def test_the_innermost_block_wins() -> None:
    """using() and disabled() can stand inside each other, and each ends with its block."""
    one, two = QueryCache(), QueryCache()
    with QueryCacheManager.using(one) as given:
        assert given is one
        with QueryCacheManager.disabled():
            assert active_cache() is None
            assert QueryCacheManager.instance is one
            with QueryCacheManager.using(two):
                assert active_cache() is two
            assert active_cache() is None
        assert active_cache() is one
        with QueryCacheManager.using(two, enabled=False):
            assert active_cache() is None
            assert QueryCacheManager.instance is two


def test_an_assignment_inside_a_block_ends_with_it() -> None:
    """A test that switches caching off in its own block switches nobody else's off."""
    with QueryCacheManager.using(QueryCache()):
        QueryCacheManager.is_enabled = False
        assert not QueryCacheManager.is_enabled
    assert QueryCacheManager.is_enabled


def test_a_block_that_fails_is_closed() -> None:
    """An exception ends a block like anything else."""
    before = QueryCacheManager.instance
    with pytest.raises(LookupError), QueryCacheManager.using(QueryCache(), adopt_threads=True):
        raise LookupError
    assert QueryCacheManager.instance is before
    assert in_thread(instance) is before


def test_other_threads_do_not_notice_a_block() -> None:
    """A plain block is a matter of its own context: threads see the process's cache and switch."""
    process = QueryCacheManager.instance
    with QueryCacheManager.using(QueryCache()), QueryCacheManager.disabled():
        assert in_thread(instance) is process
        assert in_thread(lambda: QueryCacheManager.is_enabled)


def test_tasks_started_inside_a_block_are_in_it_and_others_are_not() -> None:
    """asyncio tasks take the context they are started in, and change nobody else's."""
    one, two = QueryCache(), QueryCache()

    async def see() -> QueryCache:
        await asyncio.sleep(0)
        return QueryCacheManager.instance

    async def with_own(cache: QueryCache) -> bool:
        with QueryCacheManager.using(cache):
            for _ in range(5):
                await asyncio.sleep(0)
                assert QueryCacheManager.instance is cache
            return await asyncio.create_task(see()) is cache

    async def main() -> None:
        outside = QueryCacheManager.instance
        assert await asyncio.gather(with_own(one), with_own(two), see()) == [True, True, outside]
        with QueryCacheManager.using(one):
            assert await asyncio.to_thread(instance) is one

    asyncio.run(main())


def test_a_test_s_block_adopts_the_threads_it_starts() -> None:
    """With adopt_threads the cache also holds for plain threads, as long as the block is open."""
    process, cache = QueryCacheManager.instance, QueryCache()
    with QueryCacheManager.using(cache, adopt_threads=True):
        assert in_thread(active_cache) is cache
        inner = QueryCache()
        with QueryCacheManager.using(inner, adopt_threads=True):
            assert in_thread(active_cache) is inner
        assert in_thread(active_cache) is cache
        with QueryCacheManager.using(inner, adopt_threads=True, enabled=False):
            assert in_thread(active_cache) is None
    assert in_thread(active_cache) is process


def test_two_blocks_at_once_adopt_nobody() -> None:
    """Where tests run side by side in threads, nobody can tell whose a third thread is, so it is nobody's."""
    process, one, two = QueryCacheManager.instance, QueryCache(), QueryCache()
    opened, may_close = threading.Event(), threading.Event()

    def other_test() -> QueryCache:
        with QueryCacheManager.using(two, adopt_threads=True):
            opened.set()
            assert may_close.wait(20)
            return QueryCacheManager.instance

    with QueryCacheManager.using(one, adopt_threads=True):
        seen: list[QueryCache] = []
        thread = threading.Thread(target=lambda: seen.append(other_test()), daemon=True)
        thread.start()
        assert opened.wait(20)
        assert in_thread(instance) is process
        assert QueryCacheManager.instance is one
        may_close.set()
        thread.join(20)
        assert seen == [two]
        assert in_thread(instance) is one


def test_a_disabled_block_inside_a_test_stays_in_its_thread() -> None:
    """disabled() adopts nobody: the threads of the test go on with the test's cache."""
    cache = QueryCache()
    with QueryCacheManager.using(cache, adopt_threads=True), QueryCacheManager.disabled():
        assert active_cache() is None
        assert in_thread(active_cache) is cache


def test_the_process_cache_is_made_once_by_whoever_comes_first() -> None:
    """Threads that want the process's cache at the same moment get the same one."""
    from pytest_querycache.queries.manager import _Scope

    for _ in range(20):
        scope = _Scope(None, enabled=True, outer=None)
        together = threading.Barrier(8)
        seen: list[QueryCache] = []

        def want(scope: Any = scope, together: Any = together, seen: Any = seen) -> None:
            together.wait(20)
            seen.append(scope.cache)

        threads = [threading.Thread(target=want, daemon=True) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert len(seen) == 8
        assert len(set(map(id, seen))) == 1
