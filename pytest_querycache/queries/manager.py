"""Which cache is in force: one for the process, and others for as long as a block lasts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from .cache import QueryCache


class _Scope:
    """What is in force somewhere: a cache, whether it is to be used, and the scope around."""

    __slots__ = ("_cache", "enabled", "outer")

    def __init__(self, cache: QueryCache | None, *, enabled: bool, outer: _Scope | None) -> None:
        self._cache = cache
        self.enabled = enabled
        self.outer = outer

    @property
    def cache(self) -> QueryCache:
        """The scope's cache, made when it is first wanted."""
        with _changing:
            if self._cache is None:
                self._cache = QueryCache()
            return self._cache


_changing = threading.RLock()
_process = _Scope(None, enabled=True, outer=None)
_adopting: list[_Scope] = []  # the innermost of the open blocks that adopt threads, one for each context
_elsewhere = _process  # what holds for threads without a block of their own: see QueryCacheManager
_here: ContextVar[_Scope | None] = ContextVar("pytest_querycache_scope", default=None)


def _in_force() -> _Scope:
    return _here.get() or _elsewhere


def active_cache() -> QueryCache | None:
    """Return the cache in force, or None when caching is switched off: both in one step, for hot paths."""
    scope = _here.get()
    if scope is None:
        scope = _elsewhere
    if scope.enabled:
        cache = scope._cache
        return scope.cache if cache is None else cache
    return None


class _ManagerType(type):
    """Gives the manager its properties on the class itself."""

    @property
    def is_enabled(cls) -> bool:
        """Whether queries are compiled through the cache; true unless switched off.

        Assigning changes what is in force here: inside a block of ``using`` or ``disabled`` that block, and
        with it ends the change; elsewhere the whole process.
        """
        return _in_force().enabled

    @is_enabled.setter
    def is_enabled(cls, enabled: bool) -> None:
        _in_force().enabled = bool(enabled)

    @property
    def instance(cls) -> QueryCache:
        """The cache in force, also while it is switched off; the process's own is made when first wanted."""
        return _in_force().cache


class QueryCacheManager(metaclass=_ManagerType):
    """Says which cache is in force, and whether it is used; everything is on the class.

    The process has one cache and one switch. ``using`` and ``disabled`` put others in force for a block, and
    the innermost block wins. A block is a context variable, so it holds for the code inside it and for the
    asyncio tasks started there, and other threads and tasks notice nothing.

    A plain thread starts with an empty context (Python offers otherwise only from 3.14), so it does not see
    the block it was started in; the process's cache holds there. For a test's own cache that would be
    wrong: threads started by the test should count to it. So ``using(cache, adopt_threads=True)`` also holds
    for every thread without a block of its own, as long as it is the only such block open in the process.
    With two of them open at once, tests running side by side in threads, nobody can tell whose such a
    thread is, and guessing would let one test count into the other: the process's cache holds again.
    Blocks inside one another, in the same context, are one: the innermost speaks for the outer ones.
    """

    def __new__(cls) -> QueryCacheManager:
        raise TypeError("QueryCacheManager has no instances: everything is on the class")

    @classmethod
    def reset(cls) -> None:
        """Empty the cache in force and set its statistics to zero; the switch stays as it is."""
        cls.instance.reset()

    @classmethod
    @contextmanager
    def using(
        cls, cache: QueryCache, *, enabled: bool = True, adopt_threads: bool = False
    ) -> Iterator[QueryCache]:
        """Put a cache in force, and in use, for a block; the class says what ``adopt_threads`` adds."""
        with _opened(_Scope(cache, enabled=enabled, outer=_here.get()), adopt_threads=adopt_threads):
            yield cache

    @classmethod
    @contextmanager
    def disabled(cls) -> Iterator[None]:
        """Let queries be compiled without the cache for a block."""
        with _opened(_Scope(cls.instance, enabled=False, outer=_here.get()), adopt_threads=False):
            yield


@contextmanager
def _opened(scope: _Scope, *, adopt_threads: bool) -> Iterator[None]:
    token = _here.set(scope)
    spoken_for = _adopt(scope) if adopt_threads else None
    try:
        yield
    finally:
        if adopt_threads:
            _release(scope, spoken_for)
        try:
            _here.reset(token)
        except ValueError:
            pass  # closed from another context, as a generator nobody finished is: that one was never changed


def _adopt(scope: _Scope) -> _Scope | None:
    """Let a block hold elsewhere too, in the place of the one around it, which is returned."""
    with _changing:
        around = scope.outer
        while around is not None and around not in _adopting:
            around = around.outer
        if around is not None:
            _adopting.remove(around)
        _adopting.append(scope)
        _choose_elsewhere()
    return around


def _release(scope: _Scope, spoken_for: _Scope | None) -> None:
    with _changing:
        _adopting.remove(scope)
        if spoken_for is not None:
            _adopting.append(spoken_for)
        _choose_elsewhere()


def _choose_elsewhere() -> None:
    global _elsewhere
    _elsewhere = _adopting[0] if len(_adopting) == 1 else _process
