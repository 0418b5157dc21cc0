"""The fixtures ``query_cache`` and ``query_cache_session``, the mark ``query_cache``, and a test's cache figures.

Nothing of the cache is imported before a test wants one.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ..errors import ConfigurationError
from .sql_recording import start_for_spy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..queries.cache import QueryCache
    from ..queries.statistics import CacheStats, Tracking
    from ..queries.store import PlanStore

QUERY_CACHE_MARK = (
    "query_cache(max_size=…, max_age=…, warm=[…], enabled=…): give the test a cache of compiled queries of its "
    "own, with these limits, warmed with these queries, or switched off"
)
CACHE_STATS_KEY: pytest.StashKey[CacheStats] = pytest.StashKey()
"""Where the figures of a test's call are left on the item, by ``cache_figures``."""

_OWN_KEY: pytest.StashKey[QueryCache] = pytest.StashKey()
_WATCH_KEY: pytest.StashKey[Tracking] = pytest.StashKey()
_SESSION_KEY: pytest.StashKey[CacheStats] = pytest.StashKey()
_MANAGER = "pytest_querycache.queries.manager"
_IN_FORCE = "_query_cache_session_in_force"
_KEYWORDS = ("max_size", "max_age", "warm", "enabled")


@pytest.fixture
def query_cache(request: pytest.FixtureRequest) -> Iterator[QueryCache]:
    """A cold cache of compiled queries, in force for this test and the threads it starts.

    The mark ``query_cache`` sets its limits, warms it before the test begins, or switches it off. Its
    statistics begin at zero after warming.
    """
    from ..queries.cache import QueryCache

    options = _marked_options(request.node)
    enabled, warm = options.pop("enabled", True), options.pop("warm", ())
    try:
        if not isinstance(enabled, bool):
            raise ConfigurationError(f"enabled={enabled!r} (expected True or False)")
        cache = QueryCache(**options)
        report = cache.warm(_beside(request.node, warm)) if warm else None
    except ConfigurationError as error:
        _refuse(request.node, str(error))
    if report is not None and report.failed:
        _refuse(request.node, f"warming failed: {report.describe()}")
    cache.reset_stats()
    yield from _in_force(request, cache, enabled=enabled)
    _add_to_session(request.config, cache)


@pytest.fixture(scope="session")
def query_cache_session(request: pytest.FixtureRequest) -> Iterator[QueryCache]:
    """One cache of compiled queries for all tests that ask for it, in force in each of them.

    With ``plan_store = true`` in the configuration its plans survive the session and are shared by xdist's workers.
    """
    from ..queries.cache import QueryCache

    store = _plan_store(request.config)
    cache = QueryCache(store=store)
    yield cache
    if store is not None:
        store.flush()
    _add_to_session(request.config, cache)


def _plan_store(config: pytest.Config) -> PlanStore | None:
    """The store in pytest's cache directory, if the project wants one and the directory is not switched off."""
    from .settings import read_configuration

    try:
        wanted = read_configuration(config).plan_store
    except ConfigurationError as error:
        raise pytest.UsageError(str(error)) from None
    cache_dir = getattr(config, "cache", None)
    if not wanted or cache_dir is None:
        return None
    from ..queries.store import PlanStore

    return PlanStore(cache_dir.mkdir("querycache-plans"))


@pytest.fixture
def _query_cache_session_in_force(
    request: pytest.FixtureRequest, query_cache_session: QueryCache
) -> Iterator[QueryCache]:
    """Puts the shared cache in force for one test; added to every test that asks for the shared one."""
    yield from _in_force(request, query_cache_session, enabled=True)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give a marked test its own cache, and one that asks for the shared cache that one, without being asked."""
    names = getattr(item, "fixturenames", None)
    if not isinstance(names, list):
        return  # an item of another plugin's kind, which takes no fixtures
    if "query_cache_session" in names and _IN_FORCE not in names:
        names.insert(0, _IN_FORCE)
    if "query_cache" not in names and item.get_closest_marker("query_cache") is not None:
        # In front, so that the cache is in force for the other fixtures of the test too.
        names.insert(0, "query_cache")
    start_for_spy(item)


def begin_cache_figures(item: pytest.Item) -> None:
    """Count from here for a test: called right before its call phase, so that fixtures do not count."""
    cache = item.stash.get(_OWN_KEY, None)
    if cache is None:
        manager = sys.modules.get(_MANAGER)
        if manager is None:
            return  # nobody has used a cache so far
        cache = manager.QueryCacheManager.instance
    item.stash[_WATCH_KEY] = cache.track()


def cache_figures(item: pytest.Item) -> CacheStats | None:
    """Return what the cache in force did for a test, and leave it on the item under ``CACHE_STATS_KEY``.

    Called right after the call phase. The figures count from ``begin_cache_figures``, or without that from
    when the test's cache was put in force. None for a test without a cache of its own that looked nothing up.
    """
    watch = item.stash.get(_WATCH_KEY, None)
    if watch is not None:
        stats: CacheStats = watch.stats
    else:
        manager = sys.modules.get(_MANAGER)
        if manager is None:
            return None
        stats = manager.QueryCacheManager.instance.stats()  # made during the call, so all of it is the test's
    if _OWN_KEY not in item.stash and not stats.lookups:
        return None
    item.stash[CACHE_STATS_KEY] = stats
    return stats


def session_figures(config: pytest.Config) -> CacheStats | None:
    """Return the figures of all caches of this process's session together; None when none was used.

    Called at the end of the session, when the fixtures are torn down.
    """
    stats = config.stash.get(_SESSION_KEY, None)
    manager = sys.modules.get(_MANAGER)
    if manager is not None:
        own = manager.QueryCacheManager.instance.stats()
        stats = own if stats is None else stats + own
    return stats if stats is not None and stats.lookups else None


def _in_force(request: pytest.FixtureRequest, cache: QueryCache, *, enabled: bool) -> Iterator[QueryCache]:
    from ..queries.manager import QueryCacheManager

    stash = request.node.stash
    outer_cache, outer_watch = stash.get(_OWN_KEY, None), stash.get(_WATCH_KEY, None)
    with QueryCacheManager.using(cache, enabled=enabled, adopt_threads=True):
        stash[_OWN_KEY] = cache
        stash[_WATCH_KEY] = cache.track()
        yield cache
    if outer_cache is None or outer_watch is None:
        del stash[_OWN_KEY], stash[_WATCH_KEY]
    else:
        stash[_OWN_KEY], stash[_WATCH_KEY] = outer_cache, outer_watch


def _add_to_session(config: pytest.Config, cache: QueryCache) -> None:
    stats = cache.stats()
    so_far = config.stash.get(_SESSION_KEY, None)
    config.stash[_SESSION_KEY] = stats if so_far is None else so_far + stats


def _marked_options(item: pytest.Item) -> dict[str, Any]:
    """Return the keywords of the item's marks, the closest mark winning key by key."""
    options: dict[str, Any] = {}
    for mark in item.iter_markers("query_cache"):
        unknown = [*map(repr, mark.args), *(name for name in mark.kwargs if name not in _KEYWORDS)]
        if unknown:
            _refuse(item, f"unknown: {', '.join(unknown)} (known keywords: {', '.join(_KEYWORDS)})")
        options = {**mark.kwargs, **options}
    return options


def _beside(item: pytest.Item, warm: Any) -> Any:
    """Take the path of a .sql file as one beside the test's own file, so that it means the same everywhere."""
    if isinstance(warm, (str, Path)) and str(warm).endswith(".sql"):
        return item.path.parent / warm
    return warm


def _refuse(item: pytest.Item, message: str) -> Any:
    # A failure of this test and not a UsageError: it reads the same under xdist, and the others still run.
    pytest.fail(f"{item.nodeid}: @pytest.mark.query_cache: {message}", pytrace=False)
