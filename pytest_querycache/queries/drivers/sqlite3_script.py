"""The statements of a script, which sqlite3 executes in one call."""

from __future__ import annotations

import re
from typing import Final


def script_statements(script: str) -> list[str]:
    """The statements of a script, as SQLite itself separates them; pieces of nothing but comments are none.

    Texts, names and comments may hold semicolons, and so may the body of a trigger, which ends at its ``END;``.
    Reads the script once, however long it is.
    """
    statements: list[str] = []
    bare: list[str] = []
    begin = last = 0
    in_trigger = False
    for token in _TOKEN.finditer(script):
        bare.append(script[last : token.start()])
        last = token.end()
        if token[0] != ";":
            bare.append(" " if token[0].startswith(("--", "/*")) else token[0])
            continue
        words = "".join(bare).strip()
        bare.clear()
        in_trigger = in_trigger or _TRIGGER.match(words) is not None
        if in_trigger and words.upper() != "END":
            continue
        if words:
            statements.append(script[begin:last].strip())
        begin, in_trigger = last, False
    bare.append(script[last:])
    if in_trigger or "".join(bare).strip():
        statements.append(script[begin:].strip())
    return statements


_TOKEN: Final = re.compile(
    r"""'[^']*(?:'|\Z)|"[^"]*(?:"|\Z)|`[^`]*(?:`|\Z)|\[[^\]]*(?:\]|\Z)|--[^\n]*|/\*.*?(?:\*/|\Z)|;""",
    re.DOTALL,
)
"""What is not closed goes on to the end. A quote that is doubled closes one text and opens the next."""
_TRIGGER: Final = re.compile(
    r"(?:EXPLAIN\s+(?:QUERY\s+PLAN\s+)?)?CREATE\s+(?:TEMP(?:ORARY)?\s+)?TRIGGER\b", re.IGNORECASE
)
