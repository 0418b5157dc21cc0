"""The cache for asyncio: the same single-flight across tasks and threads, and a loop that goes on."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Coroutine
from typing import Any

import pytest

from pytest_querycache.queries.cache import QueryCache

PATIENCE = 20.0  # seconds after which something that should have come counts as lost


def run(main: Coroutine[Any, Any, Any]) -> Any:
    """Run a test's coroutine, and fail when it hangs."""

    async def bounded() -> Any:
        return await asyncio.wait_for(main, PATIENCE)

    return asyncio.run(bounded())


async def until_waiting(cache: QueryCache, waiters: int) -> None:
    for _ in range(20_000):
        if cache.stats().coalesced >= waiters:
            return
        await asyncio.sleep(0.001)
    raise AssertionError("waited in vain")


def test_tasks_that_miss_together_share_one_run() -> None:
    """A coroutine function as factory runs once for five tasks, and later for nobody."""
    cache, runs = QueryCache(), []

    async def factory() -> object:
        runs.append(1)
        await until_waiting(cache, 4)
        return object()

    async def main() -> None:
        plans = await asyncio.gather(*(cache.aget_or_compile("q", factory) for _ in range(5)))
        assert len(set(map(id, plans))) == 1
        assert await cache.aget_or_compile("q", factory) is plans[0]

    run(main())
    assert len(runs) == 1
    stats = cache.stats()
    assert (stats.misses, stats.coalesced, stats.hits) == (1, 4, 1)


def test_a_plain_factory_does_not_block_the_loop() -> None:
    """A factory that waits for something a task does later gets it."""
    cache, released = QueryCache(), threading.Event()

    def factory() -> bool:
        return released.wait(PATIENCE)

    async def release() -> None:
        released.set()

    async def main() -> None:
        compiling = asyncio.create_task(cache.aget_or_compile("q", factory))
        await asyncio.sleep(0)
        await release()
        assert await compiling is True

    run(main())


def test_a_plain_factory_may_return_a_coroutine() -> None:
    """``lambda: compile(…)`` with an async compile is awaited, and its value is what is kept."""
    cache = QueryCache()

    async def compile_slowly() -> str:
        await asyncio.sleep(0)
        return "plan"

    async def main() -> None:
        assert await cache.aget_or_compile("q", lambda: compile_slowly()) == "plan"

    run(main())
    assert cache.get_or_compile("q", lambda: "other") == "plan"


def test_a_thread_and_tasks_share_one_run() -> None:
    """Tasks wait for what a thread compiles, and a thread for what a task compiles."""
    cache = QueryCache()
    began, may_end = threading.Event(), threading.Event()

    def slow() -> str:
        began.set()
        assert may_end.wait(PATIENCE)
        return "by the thread"

    async def gentle() -> str:
        await until_waiting(cache, 3)
        return "by the task"

    async def main() -> None:
        thread = threading.Thread(target=lambda: cache.get_or_compile("q", slow), daemon=True)
        thread.start()
        assert await asyncio.to_thread(began.wait, PATIENCE)
        tasks = [asyncio.create_task(cache.aget_or_compile("q", gentle)) for _ in range(2)]
        await until_waiting(cache, 2)
        may_end.set()
        assert await asyncio.gather(*tasks) == ["by the thread"] * 2
        task = asyncio.create_task(cache.aget_or_compile("r", gentle))
        await asyncio.sleep(0)
        assert await asyncio.to_thread(cache.get_or_compile, "r", lambda: "never") == "by the task"
        assert await task == "by the task"

    run(main())
    assert (cache.stats().misses, cache.stats().coalesced) == (2, 3)


def test_two_loops_in_two_threads_share_one_run() -> None:
    """A task waits for a task of another loop without either loop standing still."""
    cache, values = QueryCache(), []

    async def factory() -> str:
        await until_waiting(cache, 1)
        return "plan"

    def loop() -> None:
        values.append(run(cache.aget_or_compile("q", factory)))

    threads = [threading.Thread(target=loop, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert values == ["plan", "plan"]
    assert (cache.stats().misses, cache.stats().coalesced) == (1, 1)


def test_a_cancelled_waiter_disturbs_nobody() -> None:
    """The others get the value; the cancelled look-up counts as one that waited."""
    cache = QueryCache()
    may_end: list[bool] = []

    async def factory() -> str:
        while not may_end:
            await asyncio.sleep(0)
        return "plan"

    async def main() -> None:
        tasks = [asyncio.create_task(cache.aget_or_compile("q", factory)) for _ in range(3)]
        await until_waiting(cache, 2)
        tasks[1].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[1]
        may_end.append(True)
        assert await asyncio.gather(tasks[0], tasks[2]) == ["plan", "plan"]

    run(main())
    assert (cache.stats().misses, cache.stats().coalesced) == (1, 2)


@pytest.mark.parametrize("blocking", [False, True], ids=["coroutine", "thread"])
def test_a_cancelled_leader_is_relieved(blocking: bool) -> None:
    """When the task that compiles is cancelled, one of those who wait compiles, and all are served."""
    cache, released = QueryCache(), threading.Event()
    runs: list[int] = []

    async def hanging() -> str:
        runs.append(1)
        if len(runs) == 1:
            await asyncio.sleep(3600)
        return "plan"

    def stuck() -> str:
        runs.append(1)
        if len(runs) == 1:
            assert released.wait(PATIENCE)
            return "too late"
        return "plan"

    async def main() -> None:
        factory: Any = stuck if blocking else hanging
        tasks = [asyncio.create_task(cache.aget_or_compile("q", factory)) for _ in range(4)]
        await until_waiting(cache, 3)
        while not runs:
            await asyncio.sleep(0)
        tasks[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]
        assert await asyncio.gather(*tasks[1:]) == ["plan"] * 3
        released.set()

    run(main())
    assert len(runs) == 2
    stats = cache.stats()
    assert (stats.misses, stats.errors, stats.hits + stats.misses + stats.coalesced) == (2, 1, 4)


def test_everybody_may_be_cancelled() -> None:
    """When leader and waiters are cancelled together, the key is free again."""
    cache = QueryCache()

    async def main() -> None:
        tasks = [
            asyncio.create_task(cache.aget_or_compile("q", lambda: asyncio.sleep(3600))) for _ in range(3)
        ]
        await until_waiting(cache, 2)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert await cache.aget_or_compile("q", lambda: "plan") == "plan"

    run(main())


def test_an_exception_reaches_every_task_as_its_own() -> None:
    """One factory run fails, each task gets an exception of its own, and nothing is kept."""
    cache = QueryCache()

    async def factory() -> str:
        await until_waiting(cache, 2)
        raise LookupError("no table")

    async def main() -> None:
        errors = await asyncio.gather(
            *(cache.aget_or_compile("q", factory) for _ in range(3)), return_exceptions=True
        )
        assert [repr(error) for error in errors] == ["LookupError('no table')"] * 3
        assert len(set(map(id, errors))) == 3
        with pytest.raises(ZeroDivisionError):
            await cache.aget_or_compile("q", lambda: 1 / 0)

    run(main())
    assert cache.stats().errors == 2


def test_a_factory_may_ask_for_its_own_key() -> None:
    """Directly, through another key, from a task it starts, or from its worker thread."""
    cache = QueryCache()

    async def inner() -> str:
        return await cache.aget_or_compile("a", lambda: "a")

    async def through_b() -> str:
        return "b" + await cache.aget_or_compile("b", inner)

    async def through_a_task() -> str:
        return "t" + await asyncio.create_task(inner())

    def in_its_thread() -> str:
        return "w" + cache.get_or_compile("a", lambda: "a")

    async def main() -> None:
        for factory, made in ((through_b, "ba"), (through_a_task, "ta"), (in_its_thread, "wa")):
            assert await cache.aget_or_compile("a", factory) == made
            cache.clear()

    run(main())


def test_tasks_that_wait_crosswise_come_back() -> None:
    """A → B in one task and B → A in another do not wait for each other."""
    cache = QueryCache()

    async def cross(here: str, there: str) -> str:
        async def factory() -> str:
            while cache.stats().misses < 2:
                await asyncio.sleep(0)
            return here + await cache.aget_or_compile(there, lambda: there)

        return await cache.aget_or_compile(here, factory)

    async def main() -> list[str]:
        return await asyncio.gather(cross("a", "b"), cross("b", "a"))

    assert sorted(run(main())) in (["aba", "ba"], ["ab", "bab"])


def test_a_task_and_a_thread_that_wait_crosswise_come_back() -> None:
    """A → B in a task and B → A in a thread do not wait for each other."""
    cache = QueryCache()
    both = threading.Barrier(2)

    def in_thread() -> str:
        def factory() -> str:
            both.wait(PATIENCE)
            return "b" + cache.get_or_compile("a", lambda: "a")

        return cache.get_or_compile("b", factory)

    async def main() -> None:
        async def factory() -> str:
            await asyncio.to_thread(both.wait, PATIENCE)
            return "a" + await cache.aget_or_compile("b", lambda: "b")

        thread = asyncio.create_task(asyncio.to_thread(in_thread))
        made = await cache.aget_or_compile("a", factory), await thread
        assert made in (("aba", "ba"), ("ab", "bab"))

    run(main())


def test_a_blocking_look_up_on_the_loops_thread_does_not_wait_for_its_own_loop() -> None:
    """It would keep the loop from ever finishing what it waits for, so it compiles directly."""
    cache = QueryCache()

    async def main() -> None:
        began, may_end = asyncio.Event(), asyncio.Event()

        async def factory() -> str:
            began.set()
            await may_end.wait()
            return "by the task"

        task = asyncio.create_task(cache.aget_or_compile("q", factory))
        await began.wait()
        assert cache.get_or_compile("q", lambda: "directly") == "directly"
        may_end.set()
        assert await task == "by the task"

    run(main())
    assert cache.stats().misses == 2
    assert cache.get_or_compile("q", lambda: "other") == "by the task"


def test_a_thread_does_not_wait_for_a_loop_that_waits_for_it() -> None:
    """A blocking look-up holds up its loop's other tasks, so whom it waits for must not wait for those."""
    cache, made = QueryCache(), []

    def in_thread() -> str:
        def factory() -> str:
            # The loop's thread waits for this factory now, and with it the task that compiles "a".
            for _ in range(20_000):
                if cache.stats().coalesced == 1:
                    break
                threading.Event().wait(0.001)
            return "b" + cache.get_or_compile("a", lambda: "a directly")

        return cache.get_or_compile("b", factory)

    async def main() -> None:
        may_end = asyncio.Event()

        async def gentle() -> str:
            await may_end.wait()
            return "a"

        task = asyncio.create_task(cache.aget_or_compile("a", gentle))
        await asyncio.sleep(0)
        thread = threading.Thread(target=in_thread, daemon=True)
        thread.start()
        while cache.stats().misses < 2:
            await asyncio.sleep(0)
        made.append(cache.get_or_compile("b", lambda: "never"))
        may_end.set()
        made.append(await task)

    loop = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    loop.start()
    loop.join(PATIENCE)
    assert made == ["ba directly", "a"]


def test_a_loop_that_was_closed_strands_nobody() -> None:
    """A loop that ends while its task compiles leaves the key free for others."""
    cache = QueryCache()

    async def hanging() -> None:
        await asyncio.sleep(3600)

    loop = asyncio.new_event_loop()
    task = loop.create_task(cache.aget_or_compile("q", hanging))
    loop.run_until_complete(asyncio.sleep(0))
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    assert cache.get_or_compile("q", lambda: "plan") == "plan"


@pytest.mark.parametrize("closing", [False, True], ids=["cancelled", "loop closed"])
def test_a_coroutine_that_comes_too_late_is_closed(closing: bool) -> None:
    """What a worker thread makes for a task that is gone is closed, without Python's warning of it."""
    cache, released = QueryCache(), threading.Event()
    made: list[Any] = []

    async def compile_slowly() -> str:
        return "plan"

    def factory() -> Any:
        assert released.wait(PATIENCE)
        made.append(compile_slowly())
        return made[0]

    async def until_closed() -> None:
        for _ in range(20_000):
            if made and inspect.getcoroutinestate(made[0]) == inspect.CORO_CLOSED:
                return
            await asyncio.sleep(0.001)
        raise AssertionError("the coroutine was left open")

    async def main() -> None:
        task = asyncio.create_task(cache.aget_or_compile("q", factory))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not closing:
            released.set()
            await until_closed()

    run(main())
    released.set()
    run(until_closed())


def test_a_coroutine_nobody_finishes_leaves_the_key_free() -> None:
    """Closing the look-up from outside is an interruption of its leader, not a failure of the query."""
    cache = QueryCache()

    async def hanging() -> None:
        await asyncio.sleep(0)

    look_up = cache.aget_or_compile("q", hanging)
    look_up.send(None)
    look_up.close()
    assert cache.get_or_compile("q", lambda: "plan") == "plan"
    assert cache.stats().errors == 1
