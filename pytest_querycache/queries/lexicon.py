"""What the tokens of a dialect mean for the normal form of a statement."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from sqlglot import TokenType

if TYPE_CHECKING:
    from sqlglot.dialects.dialect import Dialect

FOLD: Final = 1
"""A structural keyword: written in capitals, with single spaces."""
FOLD_UNLESS_CALLED: Final = 6
"""A structural keyword that is a function's name before a parenthesis; some engines tell `and(` from `AND(`."""
SPACED: Final = 2
"""Another keyword of several words: the white space inside is one space, its case is kept."""
GLUED: Final = 3
"""A token that is part of a name where words touch it."""
AFTER_DOT: Final = 7
"""A keyword that is a column's name where it touches the dot before it."""
NUMBER: Final = 8
"""Where a word touches it from behind, the two may be one name."""
SEMICOLON: Final = 4
"""Dropped at the end; anywhere else the text holds several statements."""
OPAQUE: Final = 5
"""Behind this token the text is not SQL that the tokenizer understands."""


def kinds(*names: str) -> frozenset[TokenType]:
    """Return the kinds of tokens of these names that this version of sqlglot knows."""
    # Older and newer versions of sqlglot know fewer or more kinds of tokens.
    return frozenset(TokenType[name] for name in names if name in TokenType.__members__)


# Folding every keyword would merge statements of different meaning, because many of them may also be
# names (`SELECT 1 desc`, `1 AS delete`, PIVOT's aliases). These head or join clauses; those a dialect
# accepts as a bare name are taken out again for that dialect.
STRUCTURAL: Final = kinds(
    *("SELECT", "FROM", "WHERE", "GROUP_BY", "HAVING", "ORDER_BY", "UNION", "EXCEPT", "INTERSECT"),
    *("JOIN", "INNER", "OUTER", "CROSS", "ON", "USING", "ALIAS", "WITH", "DISTINCT", "QUALIFY"),
    *("AND", "OR", "NOT", "BETWEEN", "LIKE", "WHEN", "THEN", "ELSE", "INSERT", "INTO"),
)

# What a statement may begin with so that its tokens stand for it. Everything else (DDL, SET, SHOW, COPY,
# commands sqlglot does not parse) keeps its exact text.
OPENING: Final = kinds(
    *("SELECT", "WITH", "VALUES", "FROM", "INSERT", "UPDATE", "DELETE", "MERGE"),
    *("L_PAREN", "VAR", "IDENTIFIER", "NUMBER", "STRING", "NOT", "CASE", "CAST", "NULL", "TRUE", "FALSE"),
    *("DASH", "L_BRACKET", "L_BRACE", "EXISTS", "INTERVAL", "STAR", "TILDE", "PLACEHOLDER", "PARAMETER"),
    *("DATE", "TIMESTAMP", "TIME", "ARRAY", "MAP", "STRUCT", "LEFT", "RIGHT", "IF", "ANY", "ALL", "SOME"),
    *("CURRENT_DATE", "CURRENT_TIMESTAMP", "CURRENT_TIME", "COLUMN", "UNNEST", "ROW"),
    *("HEX_STRING", "BIT_STRING", "BYTE_STRING", "NATIONAL_STRING", "RAW_STRING", "UNICODE_STRING"),
)

# White space inside these is text.
_WRITTEN: Final = kinds("STRING", "IDENTIFIER", "RAW_STRING", "HEREDOC_STRING", "NATIONAL_STRING")
_GLUED_EVERYWHERE: Final = kinds("DOLLAR")
# `FROM a-b.c` and `FROM shards_*` (BigQuery) are names, `@stage/a=1` (Snowflake) is a path; with spaces they are not.
_GLUED_IN: Final = {"BigQuery": kinds("DASH", "STAR")}
_GLUED_IN_PATHS: Final = {"Snowflake": kinds("DASH", "STAR", "SLASH", "DOT", "COLON", "EQ", "MOD")}
# The tokenizer swallows what follows a command; inline rows after FORMAT are no SQL.
_OPAQUE: Final = kinds("BEGIN", "COMMAND", "HIVE_TOKEN_STREAM", "FORMAT")


@lru_cache(maxsize=256)
def actions_of(kind: type[Dialect], *, paths: bool = False) -> dict[TokenType, int]:
    """Return what to do with each kind of token of a dialect class; kinds not listed stand as written.

    ``paths`` says that the text has an ``@`` in it, so that it may name a file.
    """
    parser = kind.parser_class
    names = parser.ID_VAR_TOKENS | parser.TABLE_ALIAS_TOKENS | getattr(parser, "ALIAS_TOKENS", frozenset())
    actions: dict[TokenType, int] = {
        token_type: SPACED
        for keyword, token_type in kind.tokenizer_class.KEYWORDS.items()
        if " " in keyword.strip() and token_type not in _WRITTEN
    }
    actions.update(dict.fromkeys(_GLUED_EVERYWHERE, GLUED))
    actions.update(dict.fromkeys(kinds("TRUE", "FALSE", "NULL"), AFTER_DOT))
    actions.update(dict.fromkeys(kinds("NUMBER"), NUMBER))
    for base in kind.__mro__:
        actions.update(dict.fromkeys(_GLUED_IN.get(base.__name__, ()), GLUED))
        if paths:
            actions.update(dict.fromkeys(_GLUED_IN_PATHS.get(base.__name__, ()), GLUED))
    for token_type in STRUCTURAL - names:
        actions[token_type] = FOLD_UNLESS_CALLED if token_type in parser.FUNC_TOKENS else FOLD
    actions.update(dict.fromkeys(_OPAQUE, OPAQUE))
    actions[TokenType.SEMICOLON] = SEMICOLON
    return actions
