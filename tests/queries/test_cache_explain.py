"""Why look-ups missed, and what the log says of them."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import pytest

from pytest_querycache.queries.cache import QueryCache
from pytest_querycache.queries.miss_reasons import MissReason


@dataclass(frozen=True)
class Signature:
    """A signature as the cache sees one."""

    text: str
    schema: str = "s1"
    dialect: str = "duckdb"
    version: str = "30.30/1"
    level: str = "tokens"
    extra: str = ""


Q = Signature("select 1")


def look_up(cache: QueryCache, *signatures: object) -> None:
    for signature in signatures:
        cache.get_or_compile(signature, object)


def reason(cache: QueryCache, signature: object) -> str | None:
    explained = cache.explain(signature)
    return explained and explained.reason


def test_a_query_never_asked_for_has_no_reason() -> None:
    """explain() of something that never missed says nothing."""
    assert QueryCache().explain(Q) is None


def test_the_first_look_up_is_new() -> None:
    """A first look-up misses because it is the first."""
    cache = QueryCache()
    look_up(cache, Q)
    assert cache.explain(Q) == MissReason(
        "new", "this query was not asked for before, as far as the cache remembers"
    )


@pytest.mark.parametrize(
    ("other", "word", "named"),
    [
        (replace(Q, schema="s2"), "schema changed", "under another schema"),
        (replace(Q, dialect="mysql"), "dialect", "under another dialect"),
        (replace(Q, version="30.31/1"), "version", "under another version"),
        (replace(Q, schema="s2", dialect="mysql"), "schema changed", "under another schema and dialect"),
    ],
)
def test_the_same_query_under_other_circumstances(other: Signature, word: str, named: str) -> None:
    """The same text compiled before under another schema, dialect or version is named as the reason."""
    cache = QueryCache()
    look_up(cache, Q, other)
    explained = cache.explain(other)
    assert explained is not None
    assert explained.reason == word
    assert explained.sentence.endswith(named)
    assert reason(cache, Q) == "new"


@pytest.mark.parametrize(
    "other", [replace(Q, text="select 2"), replace(Q, level="text", schema="s2"), replace(Q, extra="x")]
)
def test_other_queries_are_no_reason(other: Signature) -> None:
    """Another text, level or extra part makes another query, which is new."""
    cache = QueryCache()
    look_up(cache, Q, other)
    assert reason(cache, other) == "new"


def test_the_nearest_relative_explains() -> None:
    """Of several earlier versions of a query the one with the fewest differences is named."""
    cache = QueryCache()
    third = replace(Q, dialect="mysql", schema="s3")
    look_up(cache, Q, replace(Q, schema="s3"), third)
    assert reason(cache, third) == "dialect"


def test_why_a_value_left_is_remembered() -> None:
    """Evicted, expired, invalidated and failed values are each named when they are missed."""
    now = [0.0]
    cache = QueryCache(1, 10, clock=lambda: now[0])
    look_up(cache, "q", "other", "q")
    assert reason(cache, "q") == "evicted"
    now[0] += 10
    look_up(cache, "q")
    assert reason(cache, "q") == "expired"
    cache.clear()
    look_up(cache, "q")
    assert reason(cache, "q") == "invalidated"
    cache.clear()
    with pytest.raises(ZeroDivisionError):
        cache.get_or_compile("q", lambda: 1 / 0)
    look_up(cache, "q")
    assert str(cache.explain("q")) == (
        "failed: it had been tried, but compiling it did not succeed, and failures are not kept "
        "(ZeroDivisionError)"
    )


def test_a_hit_does_not_change_the_reason() -> None:
    """The reason is that of the last miss, whatever was hit since."""
    cache = QueryCache(1)
    look_up(cache, "q", "other", "q", "q", "q")
    assert reason(cache, "q") == "evicted"


def test_the_memory_is_bounded() -> None:
    """Only the last thousand signatures that missed are remembered."""
    cache = QueryCache(5)
    look_up(cache, *range(1001))
    assert cache.explain(0) is None
    assert reason(cache, 1) == "new"
    look_up(cache, 0)
    assert reason(cache, 0) == "new"


@pytest.fixture
def _listening(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "pytest_querycache")


@pytest.mark.usefixtures("_listening")
def test_hits_misses_and_departures_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Each look-up says what it found under the name it was given, and who had to go is named."""
    cache = QueryCache(1)
    cache.get_or_compile(Q, object, name="totals")
    cache.get_or_compile(Q, object, name="totals")
    cache.find(Q, name="found")
    cache.get_or_compile(replace(Q, schema="s2"), object)
    assert caplog.messages == [
        "totals: miss, new: this query was not asked for before, as far as the cache remembers",
        "totals: hit",
        "found: hit",
        "select 1: miss, schema changed: the same query was compiled before, under another schema",
        "select 1: evicted",
    ]


@pytest.mark.usefixtures("_listening")
def test_logged_hits_count_like_others() -> None:
    """Listening changes neither the figures nor the order of use."""
    cache = QueryCache(2)
    look_up(cache, "a", "b", "a", "a", "c")
    assert cache.signatures() == ["a", "c"]
    assert (cache.stats().hits, cache.stats().misses) == (2, 3)


@pytest.mark.usefixtures("_listening")
def test_long_texts_are_shortened_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """A query without a name is logged by the beginning of its text, on one line."""
    look_up(QueryCache(), "select\n  " + "a, " * 100)
    assert caplog.messages[0].startswith("select a, a, ")
    assert caplog.messages[0].index("…") == 79


def test_listening_may_begin_and_end_later(caplog: pytest.LogCaptureFixture) -> None:
    """Whether hits are logged is looked at with each miss and each reading of the statistics."""
    cache = QueryCache()
    look_up(cache, "a", "a")
    assert caplog.messages == []
    with caplog.at_level(logging.DEBUG, "pytest_querycache"):
        cache.stats()
        look_up(cache, "a")
        assert caplog.messages == ["a: hit"]
    look_up(cache, "a", "a", "a")
    assert caplog.messages == ["a: hit"]
    assert cache.stats().hits == 5


def test_the_log_ends_with_the_first_hit_that_nobody_hears() -> None:
    """After the level was raised, one hit takes the slow way, and the next ones are fast again."""
    logger = logging.getLogger("pytest_querycache")
    cache = QueryCache()
    before = logger.level
    logger.setLevel(logging.DEBUG)
    try:
        look_up(cache, "a", "a")
    finally:
        logger.setLevel(before)
    look_up(cache, "a")
    with cache._lock:
        entry = cache._entries["a"]
    assert entry.fast_until == entry.deadline
