"""The stored form of an optimised syntax tree: plain JSON values, and what may stand among them."""

from __future__ import annotations

import re
from typing import Any, Final

from sqlglot import exp

MAX_NODES: Final = 50_000
MAX_DEPTH: Final = 400
MAX_CLASSES: Final = 2_000

NODE: Final[Any] = getattr(exp, "Expr", exp.Expression)
TYPE_NAMES: Final = getattr(exp, "DType", None) or exp.DataType.Type

# Statements that change something, or that sqlglot keeps as text, are never part of an optimised query.
_FORBIDDEN: Final = tuple(
    getattr(exp, name)
    for name in (
        "Command",
        "Create",
        "Drop",
        "Alter",
        "Set",
        "SetItem",
        "Pragma",
        "Copy",
        "Use",
        "Kill",
        "Property",
    )
    if hasattr(exp, name)
)
CLASSES: Final[dict[str, Any]] = {
    name: kind
    for name, kind in vars(exp).items()
    if isinstance(kind, type)
    and issubclass(kind, NODE)
    and kind.__name__ == name
    and kind.__module__.startswith("sqlglot.expressions")
    and not issubclass(kind, _FORBIDDEN)
}
"""The only classes a stored tree can name; a name that is not a key of this dictionary is refused."""

# Texts that sqlglot's generators write out unquoted. Parentheses, quotes, brackets and backslashes are not
# among the characters, so that no such text can become code when the plan is turned into Python.
_BARE_TEXT: Final = re.compile(r"[\w .:$@%/+*#,-]*")
_NUMBER: Final = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_UNSAFE_IN_NAMES: Final = re.compile(r"[\"\\\x00-\x1f\x7f\u2028\u2029]")

Stored = dict[str, Any]


class PlanFormatError(ValueError):
    """A tree cannot be stored, or what was stored is not a tree this package would have written."""


def check_text(kind: type, text: str, *, is_string: bool) -> None:
    """Refuse a text that a generator would write out in a way that could be read as something else."""
    if issubclass(kind, exp.Literal):
        sound = "\\" not in text if is_string else _NUMBER.fullmatch(text)
    elif issubclass(kind, exp.Identifier):
        sound = not _UNSAFE_IN_NAMES.search(text)
    else:
        sound = _BARE_TEXT.fullmatch(text)
    if not sound:
        raise PlanFormatError(f"the text {text[:40]!r} in a {kind.__name__} is not stored")
