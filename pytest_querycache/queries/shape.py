"""A cheap stand-in for the fingerprint, taken while the test runs, so that memory stays bounded."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Final, NamedTuple

LONG: Final = 20_000
"""Characters from which a text is never kept as it is."""


class Shape(NamedTuple):
    """What is remembered of a text.

    ``text`` is equal only for statements with equal fingerprints. ``is_transaction_control`` says that the
    statement begins, ends or marks a transaction and touches no row.
    """

    text: str
    is_transaction_control: bool = False


def shape_of(sql: str) -> Shape:
    """Return the shape of a statement: its text, with values erased where that is certain to be right."""
    start = _skipped(sql)
    word = sql[start : start + 9].upper()
    if word.startswith(_TRANSACTION_WORDS):
        control = _TRANSACTION.fullmatch(sql, start)
        if control is not None:
            named = "" if control["name"] is None else " ?"
            end = len(sql) if control["name"] is None else control.start("name")
            return Shape(" ".join(sql[start:end].rstrip("; \t\r\n").upper().split()) + named, True)
    if not word.startswith(_STATEMENT_WORDS) or any(mark in sql for mark in _MISLEADING):
        # a text with comments or escapes is read wrongly by a regular expression; DDL keeps its numbers
        return Shape(sql if len(sql) < LONG else _abbreviated(sql))
    erased = _VALUE.sub(_without_value, sql)
    if len(erased) >= LONG:
        erased = _abbreviated(_ROWS.sub(r"\1", _LIST.sub("?", erased)))
    return Shape(erased)


def _skipped(sql: str) -> int:
    """Where the statement begins behind white space and comments."""
    if sql[:1].isalpha():
        return 0
    found = _LEADING.match(sql)
    return found.end() if found is not None else 0


def _without_value(found: re.Match[str]) -> str:
    """A quoted name as it is; anything else that was found is a value."""
    return found[1] or "?"


def _abbreviated(text: str) -> str:
    """A long text by its beginning, with its hash behind it, so that two are told apart in one process."""
    if len(text) < LONG:
        return text
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return f"{text[: LONG // 2]} /* {digest} */"


_LEADING: Final = re.compile(r"(?:\s+|--[^\n]*\n|/\*.*?\*/|;)+", re.DOTALL)
_STATEMENT_WORDS: Final = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "VALUES", "MERGE", "REPLACE", "(")
_MISLEADING: Final = ("--", "/*", "\\", "$$", "#", "[")
_VALUE: Final = re.compile(
    r"""("(?:[^"]|"")*"|`[^`]*`)|'(?:[^']|'')*'|\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b""", re.ASCII
)
_LIST: Final = re.compile(r"\?(?:\s*,\s*\?)+|%s(?:\s*,\s*%s)+")
_ROWS: Final = re.compile(r"(\((?:\?|%s)\))(?:\s*,\s*\((?:\?|%s)\))+")

_TRANSACTION_WORDS: Final = (
    *("BEGIN", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVE", "RELEASE", "START", "SET", "PREPARE"),
)
_TRANSACTION: Final = re.compile(
    r"""
    (?: BEGIN (?: \s+ (?: WORK | TRAN | TRANSACTION | DEFERRED | IMMEDIATE | EXCLUSIVE | CONCURRENT ) )*
          (?: \s+ (?: ISOLATION | READ | NOT | DEFERRABLE ) [\w\s,]* )?
      | START \s+ TRANSACTION [\w\s,]*
      | (?: COMMIT | ROLLBACK | PREPARE ) \s+ (?: PREPARED | TRANSACTION ) \s+ (?P<prepared> '[^']*' )
      | (?: COMMIT | END | ROLLBACK | ABORT ) (?: \s+ (?: WORK | TRAN | TRANSACTION ) )?
          (?: \s+ AND \s+ (?: NO \s+ )? CHAIN )? (?: \s+ (?: NO \s+ )? RELEASE )?
      | SET \s+ (?: SESSION \s+ CHARACTERISTICS \s+ AS \s+ | (?: SESSION | GLOBAL | LOCAL ) \s+ )?
          TRANSACTION \b [\w\s,]*
      | SET \s+ (?: SESSION \s+ )? AUTOCOMMIT \s* = \s* \w+
      | (?: SAVEPOINT | SAVE \s+ TRAN (?: SACTION )? | RELEASE (?: \s+ SAVEPOINT )?
          | ROLLBACK (?: \s+ (?: WORK | TRANSACTION ) )? \s+ TO (?: \s+ SAVEPOINT )? )
          \s+ (?P<name> "[^"]+" | `[^`]+` | \[[^]]+] | '[^']+' | [\w$@]+ )
    ) \s* ;? \s*
    """,
    re.IGNORECASE | re.VERBOSE,
)
