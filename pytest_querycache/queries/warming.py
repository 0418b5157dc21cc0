"""Compiling queries before they are asked for."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from .cache import QueryCache


_NOT_KEPT = "compiled, but not kept: it may not be reused, or the cache has no room for it"


@dataclass(frozen=True, slots=True)
class WarmFailure:
    """A query that warming did not bring into the cache: its text (or signature, as a text), and why."""

    query: str
    message: str


@dataclass(frozen=True, slots=True)
class WarmReport:
    """What warming did: how many queries it compiled, how many were there already, which failed, how long it took.

    ``elapsed_ns`` is in nanoseconds. The look-ups of warming count in the cache's statistics like any others.
    """

    compiled: int
    present: int
    failed: tuple[WarmFailure, ...]
    elapsed_ns: int

    def describe(self) -> str:
        """Return the report for people: one line, and one more for each failure."""
        head = (
            f"{self.compiled} compiled, {self.present} already there, {len(self.failed)} failed "
            f"in {self.elapsed_ns / 1e6:,.1f} ms"
        )
        return "\n".join([head, *(f"  {failure.query}: {failure.message}" for failure in self.failed)])


def warm(
    cache: QueryCache,
    queries: Iterable[Any] | str | Path | None = None,
    *,
    top: int | None = None,
    schema: Any = None,
    dialect: Any = None,
    timer: Callable[[], int] = time.perf_counter_ns,
) -> WarmReport:
    """Compile queries into a cache, so that the first one to need them finds them.

    ``queries`` is an iterable of SQL texts and of pairs of a signature and its factory, or the path of a
    ``.sql`` file whose statements are separated by semicolons. ``top=N`` takes the N queries used most in
    earlier sessions, as the cache's store counted them. Texts are compiled by ``compile_for_execution`` for
    ``schema`` and ``dialect``. A query that fails is reported and does not stop the others. Raises
    ConfigurationError for anything else, for a file that cannot be read, and for ``top`` without a store.
    """
    begun = timer()
    todo = _listed(cache, queries, top, dialect)
    compiled, present, failed = 0, 0, list[WarmFailure]()
    for query in todo:
        try:
            signature, did_compile = _looked_up(cache, query, schema, dialect)
        except ConfigurationError:
            raise
        except Exception as error:
            failed.append(WarmFailure(_shown(query), f"{type(error).__name__}: {error}"))
            continue
        if signature not in cache:
            failed.append(WarmFailure(_shown(query), _NOT_KEPT))
        elif did_compile:
            compiled += 1
        else:
            present += 1
    return WarmReport(compiled, present, tuple(failed), timer() - begun)


def _listed(
    cache: QueryCache, queries: Iterable[Any] | str | Path | None, top: int | None, dialect: Any
) -> list[Any]:
    if (queries is None) == (top is None):
        raise ConfigurationError("QueryCache.warm: expected either queries or top=N")
    if top is not None:
        if isinstance(top, bool) or not isinstance(top, int) or top < 0:
            raise ConfigurationError(f"QueryCache.warm: top={top!r} (expected a whole number, 0 or more)")
        if cache.store is None:
            raise ConfigurationError(
                "QueryCache.warm: top=N asks the persistent store, and this cache has none"
            )
        return list(cache.store.most_used(top))
    if isinstance(queries, (str, os.PathLike)):
        if not str(queries).endswith(".sql"):
            raise ConfigurationError(
                f"QueryCache.warm: {str(queries)!r} is no path of a .sql file (a single text goes into a list)"
            )
        return _statements(Path(queries), dialect)
    return list(queries or ())


def _statements(path: Path, dialect: Any) -> list[str]:
    """Return the statements of a file as they stand there; semicolons in strings and comments split nothing."""
    from sqlglot import TokenType, tokenize
    from sqlglot.errors import SqlglotError

    try:
        text = path.read_text(encoding="utf-8")
        tokens = tokenize(text, read=dialect)
    except (OSError, UnicodeDecodeError, SqlglotError) as error:
        raise ConfigurationError(f"QueryCache.warm: {path} cannot be read: {error}") from error
    statements, begin, end = [], None, 0
    for token in tokens:
        if token.token_type == TokenType.SEMICOLON:
            if begin is not None:
                statements.append(text[begin:end])
            begin = None
            continue
        begin = token.start if begin is None else begin
        end = token.end + 1
    if begin is not None:
        statements.append(text[begin:end])
    return statements


def _looked_up(cache: QueryCache, query: Any, schema: Any, dialect: Any) -> tuple[Hashable, bool]:
    """Look one query up; return its signature, and whether it had to be compiled."""
    if isinstance(query, str):
        return _looked_up_text(cache, query, schema, dialect)
    if isinstance(query, tuple) and len(query) == 2 and callable(query[1]):
        return _looked_up_pair(cache, *query)
    raise ConfigurationError(
        f"QueryCache.warm: {query!r} is no query (expected an SQL text, or a pair of a signature and a factory)"
    )


def _looked_up_pair(
    cache: QueryCache, signature: Hashable, factory: Callable[[], Any]
) -> tuple[Hashable, bool]:
    ran = []

    def run() -> Any:
        ran.append(True)
        return factory()

    cache.get_or_compile(signature, run)
    return signature, bool(ran)


def _looked_up_text(cache: QueryCache, sql: str, schema: Any, dialect: Any) -> tuple[Hashable, bool]:
    # Imported late: compiled.py imports the manager and the cache, and loads sqlglot.
    from .compiled import compile_for_execution
    from .manager import QueryCacheManager

    with QueryCacheManager.using(cache), cache.track() as delta:
        query = compile_for_execution(sql, schema=schema, dialect=dialect)
    return query.signature, delta.misses > 0


def _shown(query: Any) -> str:
    text = " ".join(str(query if isinstance(query, str) else query[0]).split())
    return text if len(text) <= 80 else f"{text[:79]}…"
