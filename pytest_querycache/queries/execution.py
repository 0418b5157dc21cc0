"""What executes a compiled query: with a schema known beforehand, or with that of the tables."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from sqlglot.errors import ExecuteError

from .compilation import Rules, optimised, title
from .dialect_name import DialectLike
from .program import Program
from .schema import SchemaLike, schema_for_sqlglot
from .tables import RunTables, schema_of, shape_of

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.executor.table import Table, Tables

MAX_SHAPES: Final = 16
"""So many shapes of tables a query without a schema stays compiled for."""


class WithSchema:
    """The program of a query whose schema was known."""

    __slots__ = ("_program", "_run_tables", "dialect", "table_args", "tree")

    def __init__(
        self,
        tree: exp.Expression,
        program: Program | ExecuteError,
        dialect: DialectLike,
        table_args: tuple[str, ...],
    ) -> None:
        self.tree = tree
        self.dialect = dialect
        self._program = program
        self._run_tables = RunTables(dialect)
        self.table_args = table_args

    def execute(self, tables: Mapping[str, Any] | None) -> Table:
        own = self._run_tables(tables)
        return self.run(own)

    def run(self, tables: Tables) -> Table:
        levels = tables.supported_table_args
        if levels and tuple(levels) != self.table_args:
            raise ExecuteError("Tables must support the same table args as schema")
        if isinstance(self._program, ExecuteError):
            # One error raised by several threads would mix up their tracebacks.
            raise ExecuteError(str(self._program)) from self._program.__cause__
        return self._program.run(tables)

    @property
    def is_executable(self) -> bool:
        """Whether sqlglot's executor knows all the steps; the text for a database is there anyhow."""
        return isinstance(self._program, Program)


class WithoutSchema:
    """The programs of a query whose schema is that of the tables it is executed on, one for each shape."""

    __slots__ = ("_compile", "_lock", "_programs", "_run_tables", "dialect", "tree")

    def __init__(
        self, tree: exp.Expression, sql: str, dialect: DialectLike, rules: Rules | None, name: str | None
    ):
        self.tree = tree
        self.dialect = dialect
        self._compile = partial(compiled_for, sql, dialect=dialect, rules=rules, name=name)
        self._run_tables = RunTables(dialect)
        self._programs: dict[Hashable, WithSchema] = {}
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


def compiled_for(
    sql: str, schema: SchemaLike, *, dialect: DialectLike, rules: Rules | None, name: str | None
) -> WithSchema:
    """Optimise and plan a query against a schema. Raises CompilationError."""
    known = schema_for_sqlglot(schema, dialect)
    tree = optimised(sql, known, dialect, rules, name)
    return WithSchema(tree, _program_of(tree, sql, name), dialect, tuple(known.supported_table_args))


def _program_of(tree: exp.Expression, sql: str, name: str | None) -> Program | ExecuteError:
    """Return the program of a tree, or the error that executing it raises: a database may know how to do it."""
    try:
        return Program(tree)
    except Exception as error:
        refusal = ExecuteError(
            f"{title(sql, name)} cannot be executed by sqlglot's executor: {type(error).__name__}: {error}; "
            "its text for a database is in sql()"
        )
        refusal.__cause__ = error
        return refusal
