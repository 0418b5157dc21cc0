"""A cheap stand-in for the fingerprint, taken while the test runs, so that memory stays bounded."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Final, NamedTuple

from .placeholder import CASTS, PARAMETER

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
    """Return the shape of a statement: its text, with what is certain to be value or comment erased."""
    bare = _COMMENT.sub(_without_comment, sql).strip() if "/*" in sql or "--" in sql else sql
    start = _skipped(bare)
    word = bare[start : start + 9].upper()
    if word.startswith(_TRANSACTION_WORDS):
        control = _TRANSACTION.fullmatch(bare, start)
        if control is not None:
            named = "" if control["name"] is None else " ?"
            end = len(bare) if control["name"] is None else control.start("name")
            return Shape(" ".join(bare[start:end].rstrip("; \t\r\n").upper().split()) + named, True)
    if not word.startswith(_STATEMENT_WORDS) or any(mark in bare for mark in _MISLEADING):
        # a text with escapes is read wrongly by a regular expression; DDL keeps its numbers
        return Shape(_abbreviated(sql))
    erased = _VALUE.sub(_without_value, bare)
    if "VALUES" in erased or "values" in erased:
        erased = _without_constants(erased)
    return Shape(_abbreviated(_ROWS.sub("(?)", erased)))


def _skipped(sql: str) -> int:
    """Where the statement begins behind white space and comments."""
    if sql[:1].isalpha():
        return 0
    found = _LEADING.match(sql)
    return found.end() if found is not None else 0


def _without_comment(found: re.Match[str]) -> str:
    """A quoted text or name as it is; anything else that was found is a comment."""
    return found[1] or " "


def _without_value(found: re.Match[str]) -> str:
    """A quoted name as it is; anything else that was found is a value, or a list of nothing else."""
    return found[1] or ("(?)" if found.string[found.start()] == "(" else "?")


def _without_constants(erased: str) -> str:
    """Rows behind VALUES as one, also those that hold NULL and its like, which fingerprints take for values there."""
    opening = _VALUES.search(erased)
    if opening is None:
        return erased
    stop = end = opening.end()
    while (row := _ROW.match(erased, stop)) is not None:
        end = row.end("row")
        stop = row.end()
        if stop == end:
            break
    return erased if end == opening.end() else f"{erased[: opening.end()]}(?){erased[end:]}"


def _abbreviated(text: str) -> str:
    """A long text by its beginning, with its hash behind it, so that two are told apart in one process."""
    if len(text) < LONG:
        return text
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return f"{text[: LONG // 2]} /* {digest} */"


_LEADING: Final = re.compile(r"(?:\s+|--[^\n]*\n|/\*.*?\*/|;)+", re.DOTALL)
_STATEMENT_WORDS: Final = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "VALUES", "MERGE", "REPLACE", "(")
_MISLEADING: Final = ("--", "/*", "\\", "$$", "#", "[")

_QUOTED_NAME: Final = r'"(?:[^"]|"")*"|`[^`]*`'
_TEXT: Final = r"'(?:[^']|'')*'"
_NUMBER: Final = r"\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b"
_ITEM: Final = rf"(?:(?:[+-]\s*)?{_NUMBER}|{_TEXT}|{PARAMETER}|\?){CASTS}"
_VALUE: Final = re.compile(
    rf"({_QUOTED_NAME})|\(\s*{_ITEM}(?:\s*,\s*{_ITEM})*\s*\)|{_TEXT}|{_NUMBER}", re.ASCII
)
# Comments that every server reads alike: no hints, none that hold another one, no dashes without a space.
_COMMENT: Final = re.compile(
    rf"({_QUOTED_NAME}|{_TEXT})"
    r"|/\*(?!\w{0,8}[+!])[^*/]*(?:(?:\*(?!/)|/(?!\*))[^*/]*)*\*/|--(?=\s|\Z)[^\r\n]*",
    re.ASCII,
)
# Behind a word they may be the length of a type.
_ROWS: Final = re.compile(r"(?<![\w\s])\(\?\)(?:\s*,\s*\(\?\))+")
_VALUES: Final = re.compile(r"\bVALUES\s*(?=\()", re.IGNORECASE)
# What is left of an item when values are erased.
_ERASED: Final = rf"(?:\?\??|%s\b|%\(\w+\)s\b|:[\w?]+|\$\?|@p\d+\b|(?i:NULL|TRUE|FALSE|DEFAULT)\b){CASTS}"
_ROW: Final = re.compile(rf"(?P<row>\(\s*{_ERASED}(?:\s*,\s*{_ERASED})*\s*\))(?:\s*,\s*(?=\())?", re.ASCII)

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
