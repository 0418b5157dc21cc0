"""Queries compiled once and executed many times."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from functools import partial
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from .compilation import Rule, Rules, parsed
from .dialect_name import DialectLike
from .execution import WithoutSchema, WithSchema, compiled_for
from .manager import QueryCacheManager, active_cache
from .plan_file import StoredPlan
from .program import Program
from .schema import SchemaLike
from .signature import QuerySignature, query_signature
from .store import PlanStore
from .volatile import is_volatile

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.executor.table import Table

# Keeps compiled queries apart from what else is cached under signatures of the same text.
_COMPILED: Final[tuple[object, ...]] = ("compiled",)

_RULE_NUMBERS: WeakKeyDictionary[Rule, int] = WeakKeyDictionary()
_NEXT_RULE = count()
_RULES_LOCK = Lock()


class CompiledQuery:
    """A query parsed, qualified, optimised, planned and turned into Python bytecode.

    Immutable; any number of threads may execute it at once. ``name`` is the caller's name for it,
    ``signature`` its key, ``compile_ns`` what compiling it took, in nanoseconds (of a stored plan: what it
    took when it was stored).
    """

    __slots__ = ("__weakref__", "_query", "compile_ns", "name", "signature")

    signature: QuerySignature
    name: str | None
    compile_ns: int
    _query: WithSchema | WithoutSchema

    def __init__(
        self, signature: QuerySignature, name: str | None, compile_ns: int, query: WithSchema | WithoutSchema
    ) -> None:
        fix = object.__setattr__
        fix(self, "signature", signature)
        fix(self, "name", name)
        fix(self, "compile_ns", compile_ns)
        fix(self, "_query", query)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a compiled query cannot be changed: {name!r}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a compiled query cannot be changed: {name!r}")

    def __repr__(self) -> str:
        name = f"{self.name!r}, " if self.name is not None else ""
        return f"CompiledQuery({name}{self.sql()!r})"

    def execute(self, tables: Mapping[str, Any] | None = None) -> Table:
        """Execute on tables in memory and return sqlglot's ``Table``, as ``sqlglot.executor.execute`` does.

        ``tables`` maps names to lists of rows (mappings of columns to values) or to sqlglot tables, in as many
        levels as the schema has. Every call starts afresh: nothing of an earlier execution is used but the plan
        and its bytecode. Raises sqlglot's ``ExecuteError`` when a step fails, or when its executor does not know
        one, such as a window function.
        """
        return self._query.execute(tables)

    def sql(self, dialect: DialectLike = None, *, pretty: bool = False) -> str:
        """Return the optimised query as text for a database, by default in the dialect it came in."""
        own: DialectLike = self._query.dialect if dialect is None else dialect
        return self._query.tree.sql(dialect=own, pretty=pretty, comments=False)

    @property
    def ast(self) -> exp.Expression:
        """A copy of the optimised syntax tree; changing it changes nothing here."""
        return self._query.tree.copy()


def compile_for_execution(
    sql: str,
    *,
    schema: SchemaLike = None,
    dialect: DialectLike = None,
    name: str | None = None,
    rules: Rules | None = None,
    extra: tuple[object, ...] = (),
) -> CompiledQuery:
    """Return the compiled query for a text, from the cache when it was compiled before.

    ``schema`` is what the query is qualified and optimised against; without one it is inferred from the tables
    at execution, as ``sqlglot.executor.execute`` does, once for each shape of tables, and ``sql`` and ``ast`` of
    the outcome are those of the query as parsed. ``name`` stands for the query in errors and in the log.
    ``rules`` replaces the rules of the optimiser; ``extra`` is the caller's own part of the key, for
    whatever else decides the plan.

    The cache is ``QueryCacheManager.instance`` while ``QueryCacheManager.is_enabled``. It is bypassed for
    queries that ask for the time, for chance or for the session (CURRENT_DATE, RAND(), CURRENT_USER, …), and for
    rules that cannot be identified, such as lambdas. Raises CompilationError, naming the query.
    """
    rule_numbers = None if rules is None else _numbers_of(rules)
    if not extra and rules is None:
        signature = query_signature(sql, schema, dialect=dialect, extra=_COMPILED)
    else:
        numbered = () if rule_numbers is None else ("rules", *rule_numbers)
        signature = query_signature(sql, schema, dialect=dialect, extra=(*_COMPILED, numbered, *extra))
    unknown_rules = rules is not None and rule_numbers is None
    cache = active_cache()
    if cache is None or unknown_rules or is_volatile(sql, dialect):
        QueryCacheManager.instance.record_bypass()
        return _compile(sql, schema, dialect, name, rules, signature)
    store: PlanStore | None = cache.store
    if store is None or rules is not None:
        factory = partial(_compile, sql, schema, dialect, name, rules, signature)
    else:
        store.count_use(signature)
        factory = partial(_compile_or_load, store, sql, schema, dialect, name, signature)
    return cache.get_or_compile(signature, factory, name=name)


def _numbers_of(rules: Rules) -> tuple[int, ...] | None:
    """Return numbers that stand for these rules in this process, or None when one of them cannot be identified.

    A lambda or an inner function may have as many meanings as the function around it had calls. A function
    of a module is identified as an object, not by its name, which a test may have given to another one.
    """
    numbers = []
    for rule in rules:
        module, name = getattr(rule, "__module__", None), getattr(rule, "__qualname__", None)
        if module is None or name is None or getattr(sys.modules.get(module), name, None) is not rule:
            return None
        with _RULES_LOCK:
            number = _RULE_NUMBERS.get(rule)
            if number is None:
                number = _RULE_NUMBERS[rule] = next(_NEXT_RULE)
        numbers.append(number)
    return tuple(numbers)


def _compile(
    sql: str,
    schema: SchemaLike,
    dialect: DialectLike,
    name: str | None,
    rules: Rules | None,
    signature: QuerySignature,
) -> CompiledQuery:
    started = time.perf_counter_ns()
    query: WithSchema | WithoutSchema
    if signature.schema:
        query = compiled_for(sql, schema, dialect=dialect, rules=rules, name=name)
    else:
        query = WithoutSchema(parsed(sql, dialect, name), sql, dialect, rules, name)
    return CompiledQuery(signature, name, time.perf_counter_ns() - started, query)


def _compile_or_load(
    store: PlanStore,
    sql: str,
    schema: SchemaLike,
    dialect: DialectLike,
    name: str | None,
    signature: QuerySignature,
) -> CompiledQuery:
    if not signature.schema:
        # What is compiled without a schema is no more than parsed, which costs less than to load it.
        return _compile(sql, schema, dialect, name, None, signature)
    stored = store.load(signature)
    if stored is not None:
        loaded = compiled_from(stored, store, dialect)
        if loaded is not None:
            return loaded
    compiled = _compile(sql, schema, dialect, name, None, signature)
    query = compiled._query
    if isinstance(query, WithSchema) and query.is_executable:
        store.save(
            StoredPlan(
                signature=signature,
                name=name,
                compile_ns=compiled.compile_ns,
                table_args=query.table_args,
                tree=query.tree,
            )
        )
    return compiled


def compiled_from(stored: StoredPlan, store: PlanStore, dialect: DialectLike = None) -> CompiledQuery | None:
    """Make a stored plan ready to execute; None, counted as rejected, when it is not a plan of this package.

    ``dialect`` is needed when the signature's own name of it is not one sqlglot knows, such as that of a
    dialect of your own.
    """
    own = stored.signature.dialect or None if dialect is None else dialect
    try:
        program = Program(stored.tree)
        program.check_names()
        query = WithSchema(stored.tree, program, own, stored.table_args)
    except Exception:
        # A file that passed every check may still hold a tree that cannot be planned: it counts as foreign.
        store.reject(stored.signature)
        return None
    return CompiledQuery(stored.signature, stored.name, stored.compile_ns, query)
