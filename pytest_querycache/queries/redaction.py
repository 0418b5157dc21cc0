"""What people may read of a statement that keeps its values: logs and files of runs hold no passwords."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final


def redacted(sql: str, dialect: str | None) -> str:
    """Return a statement without comments, with ``'…'`` for its texts and ``?`` for its numbers.

    Short numbers of definitions stay, because they are lengths. What a quote opens and nothing closes for certain,
    as in a text that was cut or behind a backslash, goes up to the end. Raises ``ValueError`` for an unknown dialect.
    """
    defines = _DEFINES.search(sql) is not None

    def shown(found: re.Match[str]) -> str:
        if found["name"] is not None:
            return found["name"]
        if found["text"] is not None:
            return f"{found['behind'] or ''}'…'"
        if found["number"] is not None:
            return found["number"] if defines and len(found["number"]) <= _LENGTH_DIGITS else "?"
        return " "

    return _hidden_in(dialect).sub(shown, sql)


@lru_cache(maxsize=64)
def _hidden_in(dialect: str | None) -> re.Pattern[str]:
    # sqlglot is imported when the first test is over, not when the recorder is made
    from .dialect_name import resolve_dialect

    tokenizer = resolve_dialect(dialect)[1].tokenizer_class
    names, comments = [r"`[^`]*`"], _COMMENTS
    if '"' not in tokenizer.QUOTES:
        names.append(r'"(?:[^"]|"")*"')
    if ("[", "]") in tokenizer.IDENTIFIERS:
        names.append(r"\[[^]]*]")
    if "#" in tokenizer.COMMENTS:
        comments = [*_COMMENTS, r"#[^\n]*"]
    return re.compile(
        rf"(?P<name>{'|'.join(names)})|(?P<text>{'|'.join(_TEXTS)})|(?P<comment>{'|'.join(comments)})"
        r"|(?P<number>\b\d\w*(?:\.\d+)?)",
        re.DOTALL | re.IGNORECASE,
    )


def _text_between(quote: str) -> str:
    """A quoted text that ends for certain: a quote behind a backslash ends it for one server, and not for another."""
    return rf"{quote}(?:[^{quote}\\]|{quote}{quote}|\\[^{quote}])*{quote}|{quote}.*\Z"


_DEFINES: Final = re.compile(r"\b(?:CREATE|ALTER|DROP)\b", re.IGNORECASE)
_LENGTH_DIGITS: Final = 4
_COMMENTS: Final = [r"--[^\n]*", r"/\*[^*/]*(?:(?:\*(?!/)|/(?!\*))[^*/]*)*\*/", r"/\*.*\Z"]
_TEXTS: Final = [
    # many servers take a name for a text where no name can stand
    rf"(?P<behind>(?:=|\b(?:BY|PASSWORD)\b)\s*)(?:{_text_between(chr(34))})",
    *(_text_between("'"), _text_between('"'), r"`.*\Z"),
    r"\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z)",
]
