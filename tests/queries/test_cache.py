"""The cache in one thread: what it keeps, in which order it forgets, and what it refuses."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from types import SimpleNamespace

import pytest

from pytest_querycache.errors import ConfigurationError
from pytest_querycache.queries.cache import QueryCache
from pytest_querycache.queries.entry import LockedCount, exact_count


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def grow_old(self) -> bool:
        """Let everything expire."""
        self.now += 3600
        return True


@dataclass(frozen=True)
class Signature:
    """A signature as the cache sees one."""

    text: str
    schema: str = ""


def never() -> object:
    raise AssertionError("the factory ran although the value was there")


def fill(cache: QueryCache, *keys: object) -> None:
    for key in keys:
        cache.get_or_compile(key, lambda key=key: f"plan of {key}")


def test_a_second_look_up_is_answered_without_the_factory() -> None:
    """What was compiled once is handed out again, the same object."""
    cache = QueryCache()
    plan = cache.get_or_compile("q", object)
    assert cache.get_or_compile("q", never) is plan


def test_none_is_a_value() -> None:
    """A factory may make None, and None is kept like anything else."""
    cache = QueryCache()
    assert cache.get_or_compile("q", lambda: None) is None
    assert cache.get_or_compile("q", never) is None


def test_finding_is_a_hit_and_finding_nothing_is_nothing() -> None:
    """find() counts what it finds, makes it younger, and leaves no trace otherwise."""
    clock = Clock()
    cache = QueryCache(2, 10, clock=clock)
    fill(cache, "a", "b")
    assert cache.find("a") == "plan of a"
    assert cache.find("c") is None
    assert cache.signatures() == ["b", "a"]
    clock.now += 10
    assert cache.find("a") is None
    assert (cache.stats().lookups, cache.stats().hits) == (3, 1)


def test_the_least_recently_used_goes_first() -> None:
    """A hit makes an entry the youngest, so another one is evicted."""
    cache = QueryCache(2)
    fill(cache, "a", "b")
    cache.get_or_compile("a", never)
    fill(cache, "c")
    assert cache.signatures() == ["a", "c"]
    assert cache.stats().evictions == 1


def test_many_evictions_keep_the_order_exact() -> None:
    """Also after thousands of hits and evictions the one used longest ago is the one that goes."""
    cache = QueryCache(50)
    order: list[int] = []
    for step in range(4000):
        key = step * 7919 % 97
        cache.get_or_compile(key, lambda: 0)
        if key in order:
            order.remove(key)
        order.append(key)
        del order[:-50]
        assert cache.signatures() == order


def test_looking_whether_it_is_there_is_no_use() -> None:
    """``in`` neither counts as a look-up nor makes an entry younger."""
    cache = QueryCache(2)
    fill(cache, "a", "b")
    assert "a" in cache
    fill(cache, "c")
    assert "a" not in cache
    assert cache.stats().lookups == 3


def test_an_entry_expires_at_max_age_exactly() -> None:
    """One moment before max_age it is still handed out, at max_age it is not, however often it was used."""
    clock = Clock()
    cache = QueryCache(max_age=10, clock=clock)
    fill(cache, "q")
    clock.now += 9.999
    assert cache.get_or_compile("q", never) == "plan of q"
    clock.now = 1010.0
    assert "q" not in cache
    assert cache.get_or_compile("q", lambda: "newer") == "newer"
    assert cache.stats().expirations == 1


def test_expired_entries_make_room_before_fresh_ones_are_evicted() -> None:
    """An outdated entry does not push out a fresh one, even if it was used later."""
    clock = Clock()
    cache = QueryCache(2, 10, clock=clock)
    fill(cache, "old")
    clock.now += 5
    fill(cache, "young")
    cache.get_or_compile("old", never)
    clock.now += 5
    fill(cache, "new")
    assert cache.signatures() == ["young", "new"]
    assert (cache.stats().evictions, cache.stats().expirations) == (0, 1)


@pytest.mark.parametrize("max_age", [None, math.inf])
def test_without_max_age_the_clock_is_never_read(max_age: float | None) -> None:
    """Where nothing ages, nobody asks what time it is."""

    def clock() -> float:
        raise AssertionError("the clock was read")

    cache = QueryCache(max_age=max_age, clock=clock)
    fill(cache, "q")
    assert cache.get_or_compile("q", never) == "plan of q"
    assert cache.max_age is None


def test_nothing_is_kept_with_max_size_zero() -> None:
    """max_size=0 compiles every time, and says why."""
    cache = QueryCache(0)
    fill(cache, "q", "q")
    assert len(cache) == 0
    assert cache.stats().misses == 2
    assert str(cache.explain("q")).startswith("not kept: ")


def test_weights_are_bounded_together() -> None:
    """As many of the least recently used go as the new entry needs."""
    cache = QueryCache(max_weight=10, weigher=len)
    for value in ("aaaa", "bbb", "ccc", "dddddd"):
        cache.get_or_compile(value[0], lambda value=value: value)
    assert cache.signatures() == ["c", "d"]
    assert cache.stats().weight == 9


def test_what_is_too_heavy_alone_is_handed_out_but_not_kept() -> None:
    """An entry heavier than max_weight evicts nobody."""
    cache = QueryCache(max_weight=3, weigher=len)
    cache.get_or_compile("a", lambda: "aaa")
    assert cache.get_or_compile("b", lambda: "bbbb") == "bbbb"
    assert cache.signatures() == ["a"]


def test_a_weigher_that_fails_is_an_error_of_the_look_up() -> None:
    """A weight that is none reaches the caller, and nothing is kept."""
    cache = QueryCache(max_weight=3, weigher=lambda value: -1)
    with pytest.raises(
        ConfigurationError, match=r"the weigher answered -1 \(expected a whole number, 0 or more\)"
    ):
        cache.get_or_compile("a", lambda: "a")
    assert len(cache) == 0
    assert cache.stats().errors == 1


def test_an_exception_is_not_kept() -> None:
    """After a failure the next look-up tries again."""
    cache = QueryCache()
    with pytest.raises(ZeroDivisionError):
        cache.get_or_compile("q", lambda: 1 / 0)
    assert cache.get_or_compile("q", lambda: 1.0) == 1.0
    assert (cache.stats().misses, cache.stats().errors) == (2, 1)


def test_a_coroutine_is_not_kept() -> None:
    """A factory for asyncio given to the blocking look-up is refused: its coroutine could be awaited only once."""

    async def factory() -> int:
        return 1

    with pytest.raises(ConfigurationError, match="use aget_or_compile"):
        QueryCache().get_or_compile("q", factory)


def test_invalidation_by_tag_and_by_schema() -> None:
    """Entries leave that carry the tag, that were compiled for the schema, or both where both are given."""
    cache = QueryCache()
    for text in "ab":
        for schema in "xy":
            cache.get_or_compile(Signature(text, schema), object, tags=(text,))
    assert cache.invalidate(tag="a", schema="x") == 1
    assert cache.invalidate(schema="y") == 2
    assert cache.invalidate(tag="c") == 0
    assert cache.signatures() == [Signature("b", "x")]


def test_a_schema_can_be_given_as_it_is() -> None:
    """invalidate() takes the schema itself where the signature carries its digest."""
    from pytest_querycache.queries.schema import schema_digest

    mapping = {"t": {"a": "int"}}
    cache = QueryCache()
    cache.get_or_compile(Signature("q", schema_digest(mapping)), object)
    assert cache.invalidate(schema={"t": {"a": "text"}}) == 0
    assert cache.invalidate(schema=mapping) == 1


def test_invalidating_nothing_in_particular_is_refused() -> None:
    """Without tag and schema it would be clear(), which has its own name."""
    with pytest.raises(ConfigurationError, match="neither tag nor schema"):
        QueryCache().invalidate()


def test_discard_and_clear_take_entries_out() -> None:
    """discard() says whether the entry was there; clear() leaves the statistics alone."""
    cache = QueryCache()
    fill(cache, "a", "b")
    assert cache.discard("a")
    assert not cache.discard("a")
    cache.clear()
    assert len(cache) == 0
    assert cache.stats().misses == 2


def test_a_cache_is_true_when_it_is_empty() -> None:
    """``cache or other`` does not pass over a cache that holds nothing yet."""
    assert QueryCache()


@pytest.mark.parametrize(
    "lose",
    [
        lambda cache, clock: fill(cache, "b"),
        lambda cache, clock: cache.clear(),
        lambda cache, clock: cache.reset(),
        lambda cache, clock: cache.discard("a"),
        lambda cache, clock: len(cache) if clock.grow_old() else None,
        lambda cache, clock: cache.signatures() if clock.grow_old() else None,
        lambda cache, clock: cache.stats() if clock.grow_old() else None,
        lambda cache, clock: cache.find("a") if clock.grow_old() else None,
    ],
    ids=["evicted", "clear", "reset", "discard", "len", "signatures", "stats", "find"],
)
def test_values_are_let_go_of_at_once_and_outside_the_lock(
    lose: Callable[[QueryCache, Clock], object],
) -> None:
    """A value's finaliser runs when its entry leaves, and may use the cache, also from another thread."""
    clock = Clock()
    cache = QueryCache(1, 10, clock=clock)
    seen: list[int] = []

    class Plan:
        def __del__(self) -> None:
            asker = threading.Thread(target=lambda: seen.append(len(cache)), daemon=True)
            asker.start()
            asker.join(10)

    cache.get_or_compile("a", Plan)
    lose(cache, clock)
    assert seen == [len(cache)]


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"max_size": -1}, "QueryCache: max_size=-1 (expected a whole number, 0 or more)"),
        ({"max_size": True}, "QueryCache: max_size=True (expected a whole number, 0 or more)"),
        ({"max_size": 1.5}, "QueryCache: max_size=1.5 (expected a whole number, 0 or more)"),
        ({"max_age": -1}, "QueryCache: max_age=-1 (expected seconds, 0 or more, or None for no expiry)"),
        (
            {"max_age": math.nan},
            "QueryCache: max_age=nan (expected seconds, 0 or more, or None for no expiry)",
        ),
        (
            {"max_age": False},
            "QueryCache: max_age=False (expected seconds, 0 or more, or None for no expiry)",
        ),
        ({"max_age": "1h"}, "QueryCache: max_age='1h' (expected seconds, 0 or more, or None for no expiry)"),
        ({"max_weight": -5}, "QueryCache: max_weight=-5 (expected a whole number, 0 or more, or None)"),
        (
            {"max_weight": 5},
            "QueryCache: max_weight=5 without a weigher (expected weigher=, which gives the weight of a value)",
        ),
    ],
)
def test_nonsense_is_refused(keywords: dict[str, object], message: str) -> None:
    """A limit that cannot be meant is refused with what was given and what was expected."""
    with pytest.raises(ConfigurationError) as refused:
        QueryCache(**keywords)  # type: ignore[arg-type]
    assert str(refused.value) == message


@pytest.mark.parametrize("tags", ["users", (1,), {"users": 1}])
def test_tags_that_are_no_texts_are_refused(tags: object) -> None:
    """A bare string would become one tag for each letter."""
    with pytest.raises(ConfigurationError, match="expected several texts"):
        QueryCache().get_or_compile("q", object, tags=tags)  # type: ignore[arg-type]


def test_an_adaptive_cache_grows_where_it_helps() -> None:
    """Three queries in a circle miss a cache of two for ever, unless it may grow."""
    plain, adaptive = QueryCache(2), QueryCache(2, adaptive=True)
    for _ in range(10):
        fill(plain, "a", "b", "c")
        fill(adaptive, "a", "b", "c")
    assert plain.stats().hits == 0
    assert adaptive.capacity == 3
    assert adaptive.stats().misses == 4  # three at first, and a again, which makes room for all


def test_an_adaptive_cache_does_not_grow_for_new_queries() -> None:
    """A stream of queries that never come again is no reason to grow."""
    cache = QueryCache(5, adaptive=True)
    fill(cache, *range(1000))
    assert cache.capacity == 5


def test_an_adaptive_cache_does_not_grow_for_what_is_outdated() -> None:
    """An evicted entry that would have expired meanwhile would have been a miss in a larger cache too."""
    clock = Clock()
    cache = QueryCache(1, 10, clock=clock, adaptive=True)
    fill(cache, "a", "b")
    clock.now += 10
    fill(cache, "a")
    assert cache.capacity == 1


def test_an_adaptive_cache_stops_at_ten_times_its_size() -> None:
    """Without a weight limit the growth ends at ten times max_size."""
    cache = QueryCache(2, adaptive=True)
    for _ in range(60):
        fill(cache, *range(30))
    assert cache.capacity <= 20
    for _ in range(5):
        for width in range(2, 30):
            fill(cache, *range(width), *range(width))
    assert cache.capacity == 20


def test_an_adaptive_cache_with_a_weight_limit_is_bounded_by_it() -> None:
    """With max_weight the number of entries may grow past ten times max_size, the weight may not."""
    cache = QueryCache(1, adaptive=True, max_weight=15, weigher=lambda value: 1)
    for width in range(2, 16):
        fill(cache, *range(width), *range(width))
    assert cache.stats().weight == 15


def test_reset_makes_it_like_new() -> None:
    """reset() empties the cache, its statistics, its growth and its memory of misses."""
    cache = QueryCache(1, adaptive=True)
    fill(cache, "a", "b", "a", "b", "b")
    assert cache.capacity > 1
    cache.reset()
    assert cache.stats() == QueryCache().stats()
    assert cache.capacity == 1
    assert cache.explain("a") is None


def test_the_cache_loads_neither_pytest_nor_sqlglot_nor_asyncio() -> None:
    """Importing and using the cache costs nobody the import of what he does not need."""
    code = (
        "import sys\n"
        "from pytest_querycache.queries.manager import QueryCacheManager\n"
        "QueryCacheManager.instance.get_or_compile('q', object)\n"
        "print(sorted({'pytest', 'sqlglot', 'asyncio', 'psutil'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_without_the_interpreter_lock_counts_are_exact_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a free-threaded build each number is drawn once, by way of a lock."""
    monkeypatch.setattr("sysconfig.get_config_var", {"Py_GIL_DISABLED": 1}.get)
    cache = QueryCache(2)
    fill(cache, "a", "b", "a", "a", "c")
    assert cache.signatures() == ["a", "c"]
    assert cache.stats().hits == 2
    count = exact_count()
    drawn: list[int] = []
    threads = [threading.Thread(target=lambda: drawn.extend(islice(count, 2000))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert type(count) is LockedCount
    assert sorted(drawn) == list(range(16_000))


def test_any_hashable_value_is_a_signature() -> None:
    """Texts, tuples and objects with or without the attributes of a QuerySignature all serve as keys."""
    cache = QueryCache()
    keys = ["q", ("q", 1), 5, None, Signature("q")]
    fill(cache, *keys)
    assert [cache.get_or_compile(key, never) for key in keys] == [f"plan of {key}" for key in keys]
    with pytest.raises(TypeError):
        cache.get_or_compile([], object)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        cache.get_or_compile(SimpleNamespace(text="q"), object)  # type: ignore[arg-type]
