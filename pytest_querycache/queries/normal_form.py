"""The normal form of a statement: its tokens without what carries no meaning."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from sqlglot import TokenType
from sqlglot.errors import SqlglotError

from .lexicon import (
    AFTER_DOT,
    FOLD,
    FOLD_UNLESS_CALLED,
    GLUED,
    NUMBER,
    OPAQUE,
    OPENING,
    SEMICOLON,
    SPACED,
    actions_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlglot import Token
    from sqlglot.dialects.dialect import Dialect

# Comments that are read by somebody: optimizer hints (`/*+`, `--+`, Vitess's `/*vt+`), text that is executed
# by some servers only (`/*!`, `/*M!`, `/*T!`), and sqlglot's own annotations.
DIRECTIVE = re.compile(r"/\*\w{0,8}[+!]|--\+|sqlglot\.meta", re.ASCII)

# What ends or begins a word, or a path that is written like one.
_JOINING = frozenset('_$`"~%')

TOUCHING = ""
"""Stands between two pieces that touch where that has a meaning; no token is empty."""


def tokens_of(sql: str, dialect: Dialect) -> list[Token] | None:
    """Return the tokens of a text, or None when it cannot be read."""
    try:
        # A tokenizer carries the state of its run, so each call makes its own.
        return dialect.tokenizer_class(dialect=dialect).tokenize(sql)
    except (SqlglotError, RecursionError, ValueError, IndexError):
        return None


def normal_pieces(sql: str, tokens: Sequence[Token] | None, dialect: Dialect) -> list[str] | None:
    """Return the pieces that stand for a statement, or None when only its exact text does.

    Pieces are cut from the text itself, so that quotes, escapes and number formats stay as written.
    The result is a list to be joined with the lengths of its pieces: joined by any separator, two
    different statements could read the same.
    """
    if not tokens or tokens[0].token_type not in OPENING:
        return None
    if ("/*" in sql or "--" in sql or "sqlglot" in sql) and DIRECTIVE.search(sql):
        directives = directives_of(sql, tokens)
    else:
        directives = None
    actions = actions_of(type(dialect), paths="@" in sql).get
    fold, spaced, glued, number, semicolon = FOLD, SPACED, GLUED, NUMBER, SEMICOLON
    length = len(sql)
    last = len(tokens) - 1
    pieces: list[str] = []
    append = pieces.append
    previous: TokenType | None = None
    for index, token in enumerate(tokens):
        kind = token.token_type
        start = token.start
        stop = token.end + 1
        action = actions(kind)
        if action is None:
            append(sql[start:stop])
        elif action == fold:
            if previous is TokenType.ALIAS or previous is TokenType.DOT:
                append(sql[start:stop])
            else:
                append(token.text.upper())
        elif action == glued:
            if start and (sql[start - 1].isalnum() or sql[start - 1] in _JOINING):
                append(TOUCHING)
                append(sql[start:stop])
                if stop < length and (sql[stop].isalnum() or sql[stop] in _JOINING):
                    append(TOUCHING)
            else:
                append(sql[start:stop])
        elif action == number:
            append(sql[start:stop])
            if stop < length and (sql[stop].isalpha() or sql[stop] == "_"):
                append(TOUCHING)
        elif action == AFTER_DOT:
            if previous is TokenType.DOT and sql[start - 1] == ".":
                append(TOUCHING)
            append(sql[start:stop])
        elif action == spaced:
            append(" ".join(sql[start:stop].split()))
        elif action == FOLD_UNLESS_CALLED:
            called = index < last and tokens[index + 1].token_type is TokenType.L_PAREN
            if called or previous is TokenType.ALIAS or previous is TokenType.DOT:
                append(sql[start:stop])
            else:
                append(token.text.upper())
        elif action == semicolon:
            if any(rest.token_type is not TokenType.SEMICOLON for rest in islice(tokens, index, None)):
                return None
            break
        elif action == OPAQUE:
            if kind is not TokenType.FORMAT or tokens[0].token_type is TokenType.INSERT:
                return None
            append(sql[start:stop])
        previous = kind
    if directives:
        pieces.append(TOUCHING)
        pieces.extend(directives)
    return pieces


def directives_of(sql: str, tokens: Sequence[Token]) -> list[str]:
    """Return the comments of a text that are read by somebody, each behind its place among the tokens."""
    found: list[str] = []
    stop = 0
    for index, token in enumerate(tokens):
        gap = sql[stop : token.start]
        if gap and DIRECTIVE.search(gap):
            found += (str(index), gap.strip())
        stop = max(stop, token.end + 1)
    gap = sql[stop:]
    if gap and DIRECTIVE.search(gap):
        found += (str(len(tokens)), gap.strip())
    return found


def joined(pieces: Sequence[str]) -> bytes:
    """Join texts so that no two different sequences give the same bytes."""
    lengths = ",".join(map(str, map(len, pieces)))
    return f"{len(pieces)}:{lengths}:{''.join(pieces)}".encode("utf-8", "surrogatepass")
