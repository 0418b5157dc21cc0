"""Queries compiled once and executed many times."""

from __future__ import annotations

import sys
import time
from collections.abc import Hashable, Mapping
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from sqlglot.errors import ExecuteError

from .compilation import Rules, attempt, optimised, parsed
from .dialect_name import DialectLike
from .manager import QueryCacheManager, active_cache
from .program import Program
from .schema import SchemaLike, schema_for_sqlglot
from .signature import QuerySignature, query_signature
from .store import PlanStore, StoredPlan
from .tables import RunTables, schema_of, shape_of
from .volatile import is_volatile

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.executor.table import Table, Tables

MAX_SHAPES: Final = 16
"""So many shapes of tables a query without a schema stays compiled for."""

# Keeps compiled queries apart from what else is cached under signatures of the same text.
_COMPILED: Final[tuple[object, ...]] = ("compiled",)


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
    _query: _WithSchema | _WithoutSchema

    def __init__(
        self, signature: QuerySignature, name: str | None, compile_ns: int, query: _WithSchema | _WithoutSchema
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
        and its bytecode. Raises sqlglot's ``ExecuteError`` when a step fails.
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


class _WithSchema:
    """The program of a query whose schema was known."""

    __slots__ = ("_program", "_run_tables", "_table_args", "dialect", "tree")

    def __init__(
        self, tree: exp.Expression, program: Program, dialect: DialectLike, table_args: tuple[str, ...]
    ) -> None:
        self.tree = tree
        self.dialect = dialect
        self._program = program
        self._run_tables = RunTables(dialect)
        self._table_args = table_args

    def execute(self, tables: Mapping[str, Any] | None) -> Table:
        own = self._run_tables(tables)
        return self.run(own)

    def run(self, tables: Tables) -> Table:
        levels = tables.supported_table_args
        if levels and tuple(levels) != self._table_args:
            raise ExecuteError("Tables must support the same table args as schema")
        return self._program.run(tables)


class _WithoutSchema:
    """The programs of a query whose schema is that of the tables it is executed on, one for each shape."""

    __slots__ = ("_compile", "_lock", "_programs", "_run_tables", "dialect", "tree")

    def __init__(self, tree: exp.Expression, sql: str, dialect: DialectLike, rules: Rules | None, name: str | None):
        self.tree = tree
        self.dialect = dialect
        self._compile = partial(_compiled_for, sql, dialect=dialect, rules=rules, name=name)
        self._run_tables = RunTables(dialect)
        self._programs: dict[Hashable, _WithSchema] = {}
        self._lock = Lock()

    def execute(self, tables: Mapping[str, Any] | None) -> Table:
        own = self._run_tables(tables)
        shape = shape_of(own)
        known = self._programs.get(shape)
        if known is None:
            with self._lock:
                known = self._programs.get(shape)
                if known is None:
                    known = self._compile(schema_of(own, self.dialect))
                    while len(self._programs) >= MAX_SHAPES:
                        del self._programs[next(iter(self._programs))]
                    self._programs[shape] = known
        return known.run(own)


def _compiled_for(
    sql: str, schema: SchemaLike, *, dialect: DialectLike, rules: Rules | None, name: str | None
) -> _WithSchema:
    known = schema_for_sqlglot(schema, dialect)
    tree = optimised(sql, known, dialect, rules, name)
    program = attempt("planned", sql, name, lambda: Program(tree))
    return _WithSchema(tree, program, dialect, tuple(known.supported_table_args))


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
    rules that cannot be named, such as lambdas. Raises CompilationError, naming the query.
    """
    rule_names = None if rules is None else _names_of(rules)
    if not extra and rules is None:
        signature = query_signature(sql, schema, dialect=dialect, extra=_COMPILED)
    else:
        named = () if rule_names is None else ("rules", *rule_names)
        signature = query_signature(sql, schema, dialect=dialect, extra=(*_COMPILED, named, *extra))
    nameless_rules = rules is not None and rule_names is None
    cache = active_cache()
    if cache is None or nameless_rules or is_volatile(sql, dialect):
        QueryCacheManager.instance.record_bypass()
        return _compile(sql, schema, dialect, name, rules, signature)
    store: PlanStore | None = cache.store
    if store is None or rules is not None:
        factory = partial(_compile, sql, schema, dialect, name, rules, signature)
    else:
        store.count_use(signature)
        factory = partial(_compile_or_load, store, sql, schema, dialect, name, signature)
    return cache.get_or_compile(signature, factory, name=name)


def _names_of(rules: Rules) -> tuple[str, ...] | None:
    """Return names that stand for these rules in this process, or None when one of them has no such name."""
    names = []
    for rule in rules:
        module, name = getattr(rule, "__module__", None), getattr(rule, "__qualname__", None)
        # A lambda or an inner function may have as many meanings as it has calls of the function around it.
        if module is None or name is None or getattr(sys.modules.get(module), name, None) is not rule:
            return None
        names.append(f"{module}:{name}")
    return tuple(names)


def _compile(
    sql: str,
    schema: SchemaLike,
    dialect: DialectLike,
    name: str | None,
    rules: Rules | None,
    signature: QuerySignature,
) -> CompiledQuery:
    started = time.perf_counter_ns()
    query: _WithSchema | _WithoutSchema
    if signature.schema:
        query = _compiled_for(sql, schema, dialect=dialect, rules=rules, name=name)
    else:
        query = _WithoutSchema(parsed(sql, dialect, name), sql, dialect, rules, name)
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
    if isinstance(query, _WithSchema):
        store.save(
            StoredPlan(
                signature=signature,
                name=name,
                compile_ns=compiled.compile_ns,
                table_args=query._table_args,
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
        query = _WithSchema(stored.tree, program, own, stored.table_args)
    except Exception:
        # A file that passed every check may still hold a tree that cannot be planned: it counts as foreign.
        store.reject(stored.signature)
        return None
    return CompiledQuery(stored.signature, stored.name, stored.compile_ns, query)
