"""Our own signs, for terminals and pipes that cannot carry them."""

from __future__ import annotations

import sys

_ASCII = str.maketrans(
    {"→": "->", "·": "|", "–": "-", "−": "-", "…": "...", "µ": "u", "×": "x", "≥": ">=", "≤": "<=", "±": "+-"}
)
"""What stands for them in ASCII."""


def written_out(line: str, encoding: str) -> str:
    """A line whose signs are written out where an encoding lacks one of its characters; others stay as they are."""
    try:
        line.encode(encoding)
    except UnicodeEncodeError:
        return line.translate(_ASCII)
    return line


def carried(line: str, encoding: str) -> str:
    """A line in the characters of an encoding; our own signs are written out, others become question marks."""
    return written_out(line, encoding).encode(encoding, "replace").decode(encoding)


def terminal_encoding() -> str:
    """The encoding of the process's own output, whatever captures it for the moment."""
    return (sys.__stdout__.encoding if sys.__stdout__ is not None else None) or "utf-8"
