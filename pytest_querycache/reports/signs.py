"""Lines as a terminal, a pipe or a pipeline's log can have them: readable, and obeyed by none of them.

Names are whatever a project, or somebody else's run file, makes of them. A control character or a line end in one
would let it act in the terminal, or begin a line of its own; the bidirectional ones would let a line read as another.
"""

from __future__ import annotations

import re
import sys

_ASCII = str.maketrans(
    {"→": "->", "·": "|", "–": "-", "−": "-", "…": "...", "µ": "u", "×": "x", "≥": ">=", "≤": "<=", "±": "+-"}
)
"""What stands for them in ASCII."""

_STEERING = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # C0 and C1, among them every line end but the next two
    "\u2028\u2029"  # the line and the paragraph separator
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"  # what changes the direction of writing
)
_COMMAND = re.compile(r"^(\s*):(?=:)|#(?=#\w*\[)")
"""What a pipeline's log could take for a command: GitHub's two forms, and those of others that look like its older
one (actions/runner, ``ActionCommand.cs``)."""


def visible(text: str) -> str:
    """A text in one line, in which the characters that steer a terminal stand as Python writes them: ``\\x1b``."""
    return _STEERING.sub(lambda match: ascii(match[0])[1:-1], text)


def inert(line: str) -> str:
    """A visible line that no log of a pipeline takes for a command; the escape is one that JSON knows too."""
    return _COMMAND.sub(
        lambda match: f"{match[1] or ''}\\u{ord(match[0][-1]):04x}",
        visible(line),
    )


def written_out(line: str, encoding: str) -> str:
    """An inert line, whose signs are written out where an encoding lacks one of its characters."""
    line = inert(line)
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
