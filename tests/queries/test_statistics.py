"""The cache's figures: what they mean, how they are subtracted, shown and watched."""

from __future__ import annotations

import dataclasses

import pytest

from pytest_querycache.queries.cache import QueryCache
from pytest_querycache.queries.statistics import CacheStats


def test_efficiency_is_zero_before_the_first_look_up() -> None:
    """Nothing asked, nothing saved: 0.0, and no division by zero."""
    assert CacheStats().efficiency == 0.0


def test_efficiency_is_the_share_of_hits() -> None:
    """Coalesced look-ups and bypasses do not enter it."""
    assert CacheStats(hits=3, misses=1, coalesced=5, bypasses=7).efficiency == 0.75


def test_every_look_up_counts_once() -> None:
    """hits, misses, coalesced and bypasses add up to the look-ups."""
    assert CacheStats(hits=1, misses=2, coalesced=4, bypasses=8, errors=2, evictions=16).lookups == 15


def test_figures_cannot_be_changed() -> None:
    """A CacheStats is frozen."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        CacheStats().hits = 1  # type: ignore[misc]


def test_the_difference_of_two_moments() -> None:
    """later - earlier subtracts each figure."""
    later, earlier = CacheStats(hits=5, misses=3, size=2, saved_ns=50), CacheStats(hits=2, misses=3, size=4)
    assert later - earlier == CacheStats(hits=3, size=-2, saved_ns=50)
    with pytest.raises(TypeError):
        later - 1  # type: ignore[operator]


def test_the_figures_of_two_caches_together() -> None:
    """Adding sums each figure, and undoes a subtraction."""
    one, two = CacheStats(hits=5, misses=3, size=2, saved_ns=50), CacheStats(hits=2, errors=3, size=4)
    assert one + two == CacheStats(hits=7, misses=3, errors=3, size=6, saved_ns=50)
    assert one - two + two == one
    with pytest.raises(TypeError):
        one + 1  # type: ignore[operator]


def test_people_read_two_lines() -> None:
    """describe() leaves out what did not happen."""
    assert CacheStats(hits=3, misses=1, size=1, compile_ns=2_500_000, saved_ns=7_500_000).describe() == (
        "4 look-ups: 3 hits, 1 misses, 75.0% efficient\n1 entries, 2.5 ms spent compiling, 7.5 ms saved"
    )
    assert CacheStats(hits=1, misses=2, errors=1, evictions=4, size=3, weight=9).describe() == (
        "3 look-ups: 1 hits, 2 misses, 1 errors, 4 evictions, 33.3% efficient\n"
        "3 entries weighing 9, 0.0 ms spent compiling, 0.0 ms saved"
    )


def test_compile_time_and_time_saved() -> None:
    """compile_ns is what factories took, failing ones too; saved_ns what each hit would have taken."""
    now = [0]
    cache = QueryCache(timer=lambda: now[0])

    def make(cost: int) -> int:
        now[0] += cost
        return cost

    def fail(cost: int) -> None:
        make(cost)
        raise LookupError

    for _ in range(3):
        cache.get_or_compile("a", lambda: make(100))
    cache.get_or_compile("b", lambda: make(7))
    with pytest.raises(LookupError):
        cache.get_or_compile("c", lambda: fail(1000))
    assert cache.stats() == CacheStats(hits=2, misses=3, errors=1, size=2, compile_ns=1107, saved_ns=200)


def test_time_saved_by_what_has_left_stays_counted() -> None:
    """Hits of evicted and discarded entries are not forgotten with them."""
    cache = QueryCache(1, timer=iter(range(0, 1000, 10)).__next__)
    for key in ("a", "a", "a", "b", "b"):
        cache.get_or_compile(key, object)
    cache.clear()
    assert (cache.stats().hits, cache.stats().saved_ns) == (3, 30)


def test_bypasses_are_look_ups() -> None:
    """record_bypass() counts a compilation that did not ask the cache."""
    cache = QueryCache()
    cache.record_bypass()
    assert (cache.stats().bypasses, cache.stats().lookups) == (1, 1)


def test_a_block_can_be_watched_while_it_runs_and_after() -> None:
    """track() gives the change since the block began, and stands still when it has ended."""
    cache = QueryCache()
    cache.get_or_compile("a", object)
    with cache.track() as delta:
        assert delta.lookups == 0
        cache.get_or_compile("a", object)
        assert (delta.hits, delta.misses) == (1, 0)
        cache.get_or_compile("b", object)
        assert delta.size == 1
    cache.get_or_compile("a", object)
    assert (delta.hits, delta.misses, delta.efficiency) == (1, 1, 0.5)
    assert delta.stats.hits == 1
    assert delta.describe().startswith("2 look-ups")
    with pytest.raises(AttributeError):
        _ = delta.hit


def test_a_watched_block_that_fails_is_still_readable() -> None:
    """An exception ends the block, not the figures."""
    cache = QueryCache()
    delta = cache.track()
    with pytest.raises(ZeroDivisionError), delta:
        cache.get_or_compile("a", lambda: 1 / 0)
    cache.get_or_compile("a", object)
    assert (delta.misses, delta.hits) == (1, 0)


def test_a_reset_inside_a_watched_block_counts_from_there() -> None:
    """No figure goes below zero when the statistics are set to zero meanwhile."""
    cache = QueryCache()
    for _ in range(3):
        cache.get_or_compile("a", object)
    with cache.track() as delta:
        cache.reset()
        cache.get_or_compile("b", object)
    assert (delta.hits, delta.misses, delta.size) == (0, 1, 0)


def test_statistics_can_be_reset_alone() -> None:
    """reset_stats() counts from zero and keeps the entries."""
    cache = QueryCache()
    cache.get_or_compile("a", object)
    cache.get_or_compile("a", object)
    cache.reset_stats()
    assert cache.stats() == CacheStats(size=1)
    cache.get_or_compile("a", object)
    assert cache.stats().hits == 1


def test_a_compilation_that_ends_after_a_reset_counts_before_it() -> None:
    """What began before the statistics were reset does not appear in the new ones."""
    cache = QueryCache()
    with pytest.raises(LookupError):
        cache.get_or_compile("a", lambda: (cache.reset(), {}["a"]))
    assert cache.stats() == CacheStats()
