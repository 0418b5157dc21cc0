"""The tables of one run: what the caller passed, in objects no other run can touch."""

from __future__ import annotations

import datetime
import inspect
from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import Any, Final

from sqlglot import exp
from sqlglot.executor.table import Table, Tables
from sqlglot.helper import dict_depth
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.schema import flatten_schema, nested_get, nested_set, normalize_name

from .dialect_name import DialectLike

# Values whose type in SQL follows from their Python type alone.
_PLAIN_TYPES: Final = frozenset({int, float, str, bool, type(None), datetime.date})
_ANNOTATE_TAKES_DIALECT: Final = "dialect" in inspect.signature(annotate_types).parameters


class RunTables:
    """Tables for one run at a time, made from rows as mappings or from sqlglot's ``Table``.

    sqlglot's ``Table`` has one reader, which remembers the row it stands on: shared by two runs, it made one of
    them read the other's row. So each run gets tables of its own around the same rows.
    """

    __slots__ = ("_dialect", "_dialect_key")

    def __init__(self, dialect: DialectLike) -> None:
        self._dialect = dialect
        self._dialect_key = dialect if dialect is None or type(dialect) is str else None

    def __call__(self, tables: Mapping[str, Any] | None) -> Tables:
        return Tables(self._level(tables, dict_depth(dict(tables))) if tables else {})

    def _level(self, tables: Mapping[str, Any], depth: int) -> dict[str, Any]:
        if depth > 1:
            return {
                self._name(name, is_table=True): self._level(inner, depth - 1)
                for name, inner in tables.items()
            }
        return {self._name(name): self._table(rows) for name, rows in tables.items()}

    def _table(self, rows: Any) -> Table:
        if isinstance(rows, Table):
            return Table(rows.columns, rows.rows, rows.column_range)
        rows = rows if isinstance(rows, list) else list(rows)
        if not rows:
            return Table(columns=(), rows=[])
        keys = tuple(rows[0])
        # A name that occurs twice in different cases stands once, with the value of the last, as in sqlglot.
        places: dict[str, Any] = {}
        for key in keys:
            places[self._name(key)] = key
        width = len(keys)
        taken = tuple(places.values())
        values: list[tuple[Any, ...]] = []
        for row in rows:
            try:
                if len(row) == width:
                    values.append(tuple([row[key] for key in taken]))
                    continue
            except KeyError:
                pass  # the same columns in another case
            named = {self._name(key): value for key, value in row.items()}
            values.append(tuple([named[name] for name in places]))
        return Table(columns=tuple(places), rows=values)

    def _name(self, name: Any, *, is_table: bool = False) -> str:
        if type(name) is str and (self._dialect is None or self._dialect_key is not None):
            return _normalized(name, self._dialect_key, is_table)
        return str(normalize_name(name, dialect=self._dialect, is_table=is_table).name)


@lru_cache(maxsize=4096)
def _normalized(name: str, dialect: str | None, is_table: bool) -> str:
    return str(normalize_name(name, dialect=dialect, is_table=is_table).name)


def shape_of(tables: Tables) -> Hashable:
    """Return what the schema inferred from these tables depends on: names, columns, types of the first row."""
    return tuple(
        (keys, table.columns, tuple(_type_key(value) for value in table.rows[0]) if table.rows else None)
        for keys, table in _flat(tables)
    )


def _type_key(value: object) -> Hashable:
    kind = type(value)
    if kind in _PLAIN_TYPES:
        return kind.__name__
    return kind.__name__, repr(_sql_type(value, None))


def schema_of(tables: Tables, dialect: DialectLike) -> dict[str, Any]:
    """Infer a schema from the first row of each table, as ``sqlglot.executor.execute`` does."""
    schema: dict[str, Any] = {}
    for keys, table in _flat(tables):
        first = dict(zip(table.columns, table.rows[0], strict=True)) if table.rows else {}
        for column in table.columns:
            kind = _sql_type(first[column], dialect) if first else exp.DataType.build("unknown")
            nested_set(schema, [*keys, column], kind)
    return schema


def _sql_type(value: object, dialect: DialectLike) -> Any:
    options = {"dialect": dialect} if _ANNOTATE_TAKES_DIALECT else {}
    return annotate_types(exp.convert(value), **options).type or type(value).__name__  # type: ignore[arg-type]


def _flat(tables: Tables) -> list[tuple[tuple[str, ...], Any]]:
    mapping = tables.mapping
    return [
        (tuple(keys), nested_get(mapping, *zip(keys, keys, strict=True)))
        for keys in flatten_schema(mapping, depth=dict_depth(mapping))
    ]
