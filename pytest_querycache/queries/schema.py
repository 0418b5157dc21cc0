"""Schemas by content: what a query was compiled against, as one digest."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from sqlglot.schema import AbstractMappingSchema, Schema, ensure_schema

from .dialect_name import DialectLike, resolve_dialect
from .memo import SignatureMemo
from .normal_form import joined

if TYPE_CHECKING:
    from .signature import QuerySignature


@runtime_checkable
class SignedSchema(Protocol):
    """A schema that states its own content, in a text or bytes that change whenever it does."""

    def signature(self) -> str | bytes: ...


class PreparedSchema:
    """An immutable schema that carries the digest of its content.

    ``mapping`` is a read-only copy of what it was made from, ``dialect`` the dialect its names are
    written in, ``digest`` a hexadecimal string. Two of the same content have the same digest; they are
    compared by identity, so that a look-up with one of them costs no comparison. ``signatures`` are
    those of the texts used with it, remembered by ``memo`` as long as it lives.
    """

    __slots__ = ("__weakref__", "dialect", "digest", "mapping", "memo", "signatures")

    mapping: Mapping[str, object]
    dialect: DialectLike
    digest: str
    memo: SignatureMemo
    signatures: dict[Any, QuerySignature]

    def __init__(self, mapping: Mapping[str, object], dialect: DialectLike = None) -> None:
        fix = object.__setattr__
        fix(self, "mapping", _frozen(mapping))
        fix(self, "dialect", dialect)
        fix(self, "digest", _digest(["prepared", resolve_dialect(dialect)[0], *_content(mapping)]))
        memo = SignatureMemo()
        fix(self, "memo", memo)
        fix(self, "signatures", memo.entries)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a prepared schema cannot be changed: {name!r}; prepare another one")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a prepared schema cannot be changed: {name!r}; prepare another one")

    def __repr__(self) -> str:
        return f"PreparedSchema({len(self.mapping)} entries, digest={self.digest!r})"

    def __reduce__(self) -> tuple[object, ...]:
        return PreparedSchema, (_thawed(self.mapping), self.dialect)


SchemaLike = PreparedSchema | Schema | SignedSchema | Mapping[str, object] | None


def prepare_schema(mapping: Mapping[str, object], *, dialect: DialectLike = None) -> PreparedSchema:
    """Copy a nested mapping into an immutable schema that carries its digest ready.

    Takes what sqlglot takes: ``{table: {column: type}}``, with one or two more levels around it for
    databases and catalogs. The order of columns is content (``SELECT *``), the order of tables is not.
    ``dialect`` says in which dialect names and types are written; by default that of the query.
    Raises ``TypeError`` for anything but a mapping.
    """
    if not isinstance(mapping, Mapping):
        raise TypeError(
            f"prepare_schema: expected a mapping of tables to columns, got {type(mapping).__name__}; "
            "pass a sqlglot schema to query_signature or compile_for_execution as it is"
        )
    return PreparedSchema(mapping, dialect)


def schema_digest(schema: SchemaLike) -> str:
    """Return the digest of a schema's content now, "" for no schema or an empty mapping.

    Nothing is remembered by identity, because schemas may change: the content is read at each call, unless it
    was prepared. Raises ``TypeError`` for an object whose content cannot be read.
    """
    if schema is None:
        return ""
    if isinstance(schema, PreparedSchema):
        return schema.digest
    if isinstance(schema, Mapping):
        return _digest(["mapping", *_content(schema)]) if schema else ""
    if isinstance(schema, SignedSchema) and callable(schema.signature):
        own = schema.signature()
        if not isinstance(own, (str, bytes)):
            raise TypeError(
                f"{type(schema).__qualname__}.signature(): expected str or bytes, got {type(own).__name__}"
            )
        text = own if isinstance(own, str) else own.hex()
        return _digest(["signed", _class_of(schema), type(own).__name__, text])
    if isinstance(schema, AbstractMappingSchema):
        return _digest(_content_of_schema(schema))
    raise TypeError(
        f"schema: cannot read the content of a {_class_of(schema)}; pass a mapping, a sqlglot MappingSchema, "
        "or give the class a method signature() whose text changes with the content"
    )


def schema_for_sqlglot(schema: SchemaLike, dialect: DialectLike) -> Schema:
    """Return a schema sqlglot can read; a new one each time, unless the caller's is one already."""
    if isinstance(schema, Schema):
        return schema
    if isinstance(schema, PreparedSchema):
        own = dialect if schema.dialect is None else schema.dialect
        return ensure_schema(_thawed(schema.mapping), dialect=own)
    if schema is None or isinstance(schema, Mapping):
        return ensure_schema(_thawed(schema or {}), dialect=dialect)
    raise TypeError(
        f"schema: a {_class_of(schema)} has a signature but is no sqlglot Schema; "
        "derive it from sqlglot.Schema to compile against it"
    )


def _class_of(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _digest(parts: list[str]) -> str:
    return blake2b(joined(parts), digest_size=16).hexdigest()


def _content_of_schema(schema: AbstractMappingSchema) -> list[str]:
    parts = ["schema", _class_of(schema)]
    dialect = getattr(schema, "dialect", None)
    parts.append(resolve_dialect(dialect)[0] if dialect is not None else "-")
    parts.append(str(getattr(schema, "normalize", None)))
    parts += _content(schema.mapping)
    parts += _content(getattr(schema, "visible", None) or {})
    parts += _content(getattr(schema, "udf_mapping", None) or {})
    return parts


def _content(value: object) -> list[str]:
    """Flatten a nested mapping into texts, each preceded by what it is; the number of entries closes a level."""
    if not isinstance(value, Mapping):
        return _leaf(value)
    nested = any(isinstance(inner, Mapping) for inner in value.values())
    # Tables in any order are the same schema; columns are not, because `*` expands in their order.
    names = sorted(value, key=str) if nested else list(value)
    parts = ["{", str(len(names))]
    for name in names:
        parts += (type(name).__name__, str(name))
        parts += _content(value[name])
    return parts


def _leaf(value: object) -> list[str]:
    if isinstance(value, (set, frozenset)):
        return ["set", str(len(value)), *sorted(map(str, value))]
    if isinstance(value, (list, tuple)):
        return ["list", str(len(value)), *map(str, value)]
    if value is None or isinstance(value, (str, bool, int)):
        return [type(value).__name__, str(value)]
    # sqlglot's types: this writes out their whole tree.
    return [_class_of(value), repr(value)]


def _frozen(value: object) -> Mapping[str, object]:
    assert isinstance(value, Mapping)
    return MappingProxyType(
        {
            name: _frozen(inner) if isinstance(inner, Mapping) else _frozen_leaf(inner)
            for name, inner in value.items()
        }
    )


def _frozen_leaf(value: object) -> object:
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, set):
        return frozenset(value)
    copy = getattr(value, "copy", None)
    return copy() if callable(copy) and not isinstance(value, (frozenset, type)) else value


def _thawed(value: Mapping[str, object]) -> dict[str, object]:
    return {
        name: _thawed(inner)
        if isinstance(inner, Mapping)
        else list(inner)
        if isinstance(inner, tuple)
        else inner
        for name, inner in value.items()
    }
