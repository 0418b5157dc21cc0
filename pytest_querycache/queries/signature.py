"""Signatures: the keys of compiled queries."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, Literal

import sqlglot

from .dialect_name import DialectLike, resolve_dialect
from .memo import SignatureMemo
from .normal_form import joined, normal_pieces, tokens_of
from .schema import PreparedSchema, SchemaLike, schema_digest
from .semantic_form import semantic_pieces

if TYPE_CHECKING:
    from sqlglot.dialects.dialect import Dialect

Level = Literal["text", "tokens", "semantic"]

FORMAT_VERSION: Final = 1
"""Changes with every change of the rules below, so that stored plans of older rules are never found."""
# 1  first version

VERSION: Final = f"sqlglot {getattr(sqlglot, '__version__', 'unknown')}, form {FORMAT_VERSION}"

LEVELS: Final[tuple[Level, ...]] = ("text", "tokens", "semantic")

# Signatures already computed, read without a lock; a prepared schema has a memo of its own. Keys hold nothing but
# exact strings and None: `1`, `True` and `1.0` are equal as keys, and so are a dialect's class, its name and its
# instances with any settings. Everything else is computed at each call.
_MEMO = SignatureMemo()
_SIGNATURES = _MEMO.entries
_NO_EXTRA: Final[tuple[object, ...]] = ()
_TOKENS: Final = "tokens"
_FIELDS: Final = ("text", "schema", "dialect", "version", "level", "extra")


@dataclass(frozen=True, slots=True, eq=False, repr=False, init=False)
class QuerySignature(str):
    """The key of a compiled query: a digest, with what it was made of beside it.

    It *is* the hexadecimal digest of its fields, so that hashing and comparing are the string's own:
    computed once, in C. ``text`` is the digest of the normalised statement, ``schema`` the digest of the
    schema or "", ``dialect`` the canonical name of the dialect with its settings, ``version`` the version
    of sqlglot and of these rules, ``level`` how the statement was normalised, ``extra`` the caller's own
    parts of the key, as a text.
    """

    text: str
    schema: str
    dialect: str
    version: str
    level: str
    extra: str

    def __new__(
        cls,
        text: str,
        schema: str = "",
        dialect: str = "",
        version: str = VERSION,
        level: str = "tokens",
        extra: str = "",
    ) -> QuerySignature:
        payload = joined((text, schema, dialect, version, level, extra))
        self = str.__new__(cls, blake2b(payload, digest_size=16).hexdigest())
        fix = object.__setattr__
        fix(self, "text", text)
        fix(self, "schema", schema)
        fix(self, "dialect", dialect)
        fix(self, "version", version)
        fix(self, "level", level)
        fix(self, "extra", extra)
        return self

    @property
    def digest(self) -> str:
        """The hexadecimal digest over all fields, as a plain string."""
        return str.__str__(self)

    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name in _FIELDS)
        return f"QuerySignature({', '.join(shown)})"

    def __reduce__(self) -> tuple[object, ...]:
        return QuerySignature, (self.text, self.schema, self.dialect, self.version, self.level, self.extra)


def query_signature(
    sql: str,
    schema: SchemaLike = None,
    # Meant as keywords. They are not keyword-only because CPython calls functions with positional defaults
    # much faster, and this is the hot path of every hit.
    dialect: DialectLike = None,
    level: Level = "tokens",
    extra: tuple[object, ...] = (),
) -> QuerySignature:
    """Return the key under which a query compiled from this text may be reused.

    ``level`` decides which differences of the text split the key: ``"text"`` all of them; ``"tokens"``
    none of white space, plain comments, a trailing semicolon and the case of structural keywords;
    ``"semantic"`` also none that disappear when the statement is parsed and its bare identifiers are
    normalised as the dialect does. Hints, values and quoted names always split it, and statements whose
    tokens do not tell everything (DDL, SET, commands, unreadable text) keep their exact text. The schema
    enters by its content as it is now. ``extra`` holds the caller's own parts of the key: strings,
    bytes, numbers, booleans, None, enumeration members, and tuples of these.

    Raises ``ValueError`` for an unknown dialect or level, ``TypeError`` for a schema or an ``extra`` whose
    content cannot be read.
    """
    # The hot path. Identity is enough here: whoever passes an equal object that is another one takes the
    # longer way to the same signature.
    if schema is None:
        known = _SIGNATURES
    elif schema.__class__ is PreparedSchema:
        known = schema.signatures
    else:
        return _first_sight(sql, schema, dialect, level, extra)
    try:
        if level is _TOKENS and extra is _NO_EXTRA:
            if dialect is None:
                return known[sql]
            if dialect.__class__ is str:
                return known[sql, dialect]
        elif dialect is None or dialect.__class__ is str:
            return known[sql, dialect, level, extra]
    except (KeyError, TypeError):
        pass  # a new text, or a part of the key that cannot be looked up
    return _first_sight(sql, schema, dialect, level, extra)


def _first_sight(
    sql: str, schema: SchemaLike, dialect: DialectLike, level: Level, extra: tuple[object, ...]
) -> QuerySignature:
    if not isinstance(sql, str):
        raise TypeError(f"query_signature: sql: expected str, got {type(sql).__name__}")
    if level not in LEVELS:
        raise ValueError(f"query_signature: level: unknown {level!r}; known are {', '.join(LEVELS)}")
    dialect_name, instance = resolve_dialect(dialect)
    signature = QuerySignature(
        # Where the schema may change, only its digest is computed anew at each call, not the text's.
        text=_text_digest(sql, instance, level)
        if schema is None
        else query_signature(sql, dialect=dialect, level=level).text,
        schema=schema_digest(schema),
        dialect=dialect_name,
        version=VERSION,
        level=level,
        extra=_extra_text(extra),
    )
    _remember(signature, sql, schema, dialect, level, extra)
    return signature


def _text_digest(sql: str, dialect: Dialect, level: str) -> str:
    pieces: list[str] | None = None
    if level == "tokens":
        pieces = normal_pieces(sql, tokens_of(sql, dialect), dialect)
    elif level == "semantic":
        pieces = semantic_pieces(sql, dialect)
    # Pieces begin with their number, so that no text can be taken for them.
    payload = b"text:" + sql.encode("utf-8", "surrogatepass") if pieces is None else joined(pieces)
    return blake2b(payload, digest_size=16).hexdigest()


def _remember(
    signature: QuerySignature,
    sql: str,
    schema: SchemaLike,
    dialect: DialectLike,
    level: str,
    extra: tuple[object, ...],
) -> None:
    if type(sql) is not str:
        return
    if schema is None:
        memo = _MEMO
    elif type(schema) is PreparedSchema:
        memo = schema.memo
    else:
        return
    if not (dialect is None or type(dialect) is str):
        return
    if not (type(extra) is tuple and all(type(part) is str for part in extra)):
        return
    if level != _TOKENS or extra:
        memo.remember((sql, dialect, level, extra), signature, len(sql))
    elif dialect is None:
        memo.remember(sql, signature, len(sql))
    else:
        memo.remember((sql, dialect), signature, len(sql))


def _extra_text(extra: tuple[object, ...]) -> str:
    if not extra:
        return ""
    if not isinstance(extra, tuple):
        raise TypeError(f"query_signature: extra: expected a tuple, got {type(extra).__name__}")
    return joined([part for value in extra for part in _typed(value)]).decode("utf-8", "surrogatepass")


def _typed(value: object) -> tuple[str, ...]:
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, Enum):
        return kind, value.name
    if isinstance(value, str):
        return kind, value
    if value is None or isinstance(value, (bool, int, float, complex, bytes)):
        # The type's name tells 1 from True and 1.0; repr tells 0.0 from -0.0.
        return kind, repr(value)
    if isinstance(value, tuple):
        return ("(", str(len(value)), *(part for inner in value for part in _typed(inner)))
    raise TypeError(
        f"query_signature: extra: cannot read the content of a {type(value).__qualname__}; expected strings, "
        "bytes, numbers, booleans, None, enumeration members, or tuples of these"
    )
