"""Fingerprints: statements with their values erased, for counting what repeats."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from sqlglot import TokenType
from sqlglot.dialects.dialect import NormalizationStrategy

from .dialect_name import DialectLike, resolve_dialect
from .lexicon import OPAQUE, OPENING, SEMICOLON, actions_of, kinds
from .normal_form import tokens_of
from .placeholder import CASTS, PARAMETER

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlglot.dialects.dialect import Dialect

VALUE: Final = "?"
_OPAQUE_FINGERPRINT = re.compile(r"<statement [0-9a-f]{32}>")


_LITERALS: Final = kinds(
    *("STRING", "NUMBER", "HEX_STRING", "BIT_STRING", "BYTE_STRING", "NATIONAL_STRING", "RAW_STRING"),
    *("NATIONAL_RAW_STRING", "HEREDOC_STRING", "UNICODE_STRING"),
)
_SIGNS: Final = kinds("DASH", "PLUS")
# What ends an operand: a sign or a parameter's mark behind it is an operator.
_OPERANDS: Final = _LITERALS | kinds(
    *("VAR", "IDENTIFIER", "PLACEHOLDER", "R_PAREN", "R_BRACKET", "R_BRACE", "NULL", "TRUE", "FALSE", "END"),
    *("COLUMN", "DATE", "TIME", "TIMESTAMP", "NAME", "TYPE", "ROW", "FIRST", "FORMAT", "CURRENT_DATE"),
    *("CURRENT_TIMESTAMP", "STAR", "PARAMETER", "VALUES", "INDEX", "LEFT", "RIGHT", "JSON", "TEXT", "MAP"),
)
_PARAMETER: Final = re.compile(PARAMETER, re.ASCII)
_CASTS: Final = re.compile(CASTS)
# What is a value where it is an item of a row behind VALUES; elsewhere it may be what the statement means.
_CONSTANTS: Final = kinds("NULL", "TRUE", "FALSE", "DEFAULT")
_TIGHT_BEFORE: Final = kinds("COMMA", "R_PAREN", "SEMICOLON")
_NAMES: Final = kinds("VAR", "IDENTIFIER")
_NAME_AND_DOT: Final = [[name, TokenType.DOT] for name in _NAMES]
_OPENERS: Final = frozenset({"(", "[", "{", ",", "SELECT", "VALUES"})


def fingerprint(sql: str, *, dialect: DialectLike = None) -> str:
    """Return the statement with its values erased: a readable text, equal for all its repetitions.

    Literals and placeholders become ``?`` with the casts behind them, lists of them one ``?``; comments, hints
    and formatting go, keywords are in capitals, bare names as the dialect resolves them. DDL, SET, commands and
    unreadable text become a hash of the text. The fingerprint of a fingerprint is itself. Never a key of anything
    compiled: statements of different meaning have the same one on purpose; the key is
    ``query_signature``. Raises ``ValueError`` for an unknown dialect.
    """
    if isinstance(dialect, str) or dialect is None:
        return _named(sql, dialect)
    return _fingerprint(sql, resolve_dialect(dialect)[1])


@lru_cache(maxsize=2048)
def _named(sql: str, dialect: str | None) -> str:
    return _fingerprint(sql, resolve_dialect(dialect)[1])


def _fingerprint(sql: str, dialect: Dialect) -> str:
    if _OPAQUE_FINGERPRINT.fullmatch(sql):
        return sql
    text = _erased(sql, dialect)
    if text is None:
        return _of_text(sql)
    if "/*" in sql or "--" in sql or "#" in sql or "//" in sql:
        # With a comment gone, the words around it may read as one keyword.
        again = _erased(text, dialect)
        return text if again is None else again
    return text


def _of_text(sql: str) -> str:
    digest = blake2b(sql.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"<statement {digest}>"


def _erased(sql: str, dialect: Dialect) -> str | None:
    tokens = tokens_of(sql, dialect)
    if not tokens or tokens[0].token_type not in OPENING:
        return None
    actions = actions_of(type(dialect))
    folded = _folding(dialect)
    words = _Words()
    skipped = 0
    for index, token in enumerate(tokens):
        kind = token.token_type
        action = actions.get(kind)
        if action == SEMICOLON:
            if any(rest.token_type is not TokenType.SEMICOLON for rest in tokens[index:]):
                return None
            break
        if action == OPAQUE and (kind is not TokenType.FORMAT or tokens[0].token_type is TokenType.INSERT):
            return None
        text = sql[token.start : token.end + 1]
        if token.start < skipped or kind is TokenType.HINT:
            continue
        if kind in _LITERALS or (kind in _CONSTANTS and words.is_at_item_of_a_row):
            words.add_value()
            skipped = _past_casts(sql, token.end + 1)
        elif text[:1] in _MARKS and (parameter := words.parameter_at(sql, token.start)):
            words.add_value()
            # a word that is written right behind it, as no database takes it, belongs to it
            is_one_word = sql[parameter.end() : token.end + 1].isidentifier()
            skipped = _past_casts(sql, token.end + 1 if is_one_word else parameter.end())
        elif kind is TokenType.VAR or (words.ends_with_dot and text.isidentifier()):
            # behind a dot a keyword is the name of a column
            words.add(TokenType.VAR, folded(text))
        elif kind is TokenType.IDENTIFIER:
            words.add(kind, text)
        else:
            words.add(kind, " ".join(text.split()).upper())
    return words.text()


_MARKS: Final = frozenset("?%:$@")


def _past_casts(sql: str, stop: int) -> int:
    found = _CASTS.match(sql, stop)
    return stop if found is None else found.end()


class _Words:
    """The words of a fingerprint as they come, lists of values squashed while they grow."""

    __slots__ = ("_depth", "_rows_at", "kinds", "texts")

    def __init__(self) -> None:
        self.kinds: list[TokenType] = []
        self.texts: list[str] = []
        self._depth = 0
        self._rows_at: int | None = None

    def add(self, kind: TokenType, text: str) -> None:
        self._follow_rows(kind)
        self.kinds.append(kind)
        self.texts.append(text)
        if text == ")" and self.texts[-7:] == ["(", VALUE, ")", ",", "(", VALUE, ")"]:
            self._drop(4)

    @property
    def ends_with_dot(self) -> bool:
        return self.kinds[-2:] in _NAME_AND_DOT

    @property
    def is_at_item_of_a_row(self) -> bool:
        """Whether the next word begins an item of a row behind VALUES."""
        return self._rows_at == self._depth - 1 and self.texts[-1] in {"(", ","}

    def add_value(self) -> None:
        while self.kinds and self.kinds[-1] in _SIGNS and not self._operand_ends_at(-2):
            self._drop(1)
        # An item of a list stands behind what opens the list; the end of `a - ?` is none.
        if self.texts[-2:] == [VALUE, ","] and (len(self.texts) == 2 or self.texts[-3] in _OPENERS):
            self._drop(1)
        else:
            self.add(TokenType.PLACEHOLDER, VALUE)

    def parameter_at(self, sql: str, start: int) -> re.Match[str] | None:
        found = _PARAMETER.match(sql, start)
        if found is None:
            return _QUESTION_MARK.match(sql, start)
        return None if self._operand_ends_at(-1) else found

    def text(self) -> str:
        parts: list[str] = []
        before: TokenType | None = None
        for index, (kind, text) in enumerate(zip(self.kinds, self.texts, strict=True)):
            if before is not None and not self._tight(before, kind, index):
                parts.append(" ")
            parts.append(text)
            before = kind
        return "".join(parts)

    def _tight(self, before: TokenType, kind: TokenType, index: int) -> bool:
        """Tell whether no space stands before a word; names are written ``t.a``, calls ``f(x, y)``."""
        if kind in _TIGHT_BEFORE or before is TokenType.L_PAREN:
            return True
        if kind is TokenType.L_PAREN:
            return before is TokenType.VAR
        if kind is TokenType.DOT:
            return before in _NAMES
        return before is TokenType.DOT and kind in _NAMES and index > 1 and self.kinds[index - 2] in _NAMES

    def _follow_rows(self, kind: TokenType) -> None:
        """Keep count of parentheses, and know those that are rows: nothing but commas stands between them."""
        if kind is TokenType.VALUES:
            self._rows_at = self._depth
        elif kind is TokenType.L_PAREN:
            self._depth += 1
        elif kind is TokenType.R_PAREN:
            self._depth -= 1
            if self._rows_at is not None and self._depth < self._rows_at:
                self._rows_at = None
        elif kind is not TokenType.COMMA and self._depth == self._rows_at:
            self._rows_at = None

    def _operand_ends_at(self, index: int) -> bool:
        return len(self.kinds) >= -index and self.kinds[index] in _OPERANDS

    def _drop(self, count: int) -> None:
        del self.kinds[-count:]
        del self.texts[-count:]


_QUESTION_MARK: Final = re.compile(r"\?")


def _folding(dialect: Dialect) -> Callable[[str], str]:
    strategy = dialect.normalization_strategy
    if strategy is NormalizationStrategy.CASE_SENSITIVE:
        return str
    return str.upper if "UPPERCASE" in strategy.name else str.lower
