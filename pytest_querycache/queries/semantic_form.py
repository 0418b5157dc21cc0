"""The semantic form of a statement: its syntax tree, with bare names as the dialect resolves them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers

from .lexicon import OPENING
from .normal_form import TOUCHING, directives_of, tokens_of

if TYPE_CHECKING:
    from sqlglot.dialects.dialect import Dialect

# Statements whose meaning is not all in the tree, or which the tree keeps as text.
_OPAQUE = tuple(
    getattr(exp, name)
    for name in ("Command", "Create", "Set", "Drop", "Alter", "Pragma")
    if hasattr(exp, name)
)


def semantic_pieces(sql: str, dialect: Dialect) -> list[str] | None:
    """Return the pieces of a statement's tree, or None when only its exact text stands for it.

    sqlglot's own comparison of trees folds the case of some names and ignores others, so the tree is
    written out instead: classes, argument names and values, with absent arguments left out.
    """
    tokens = tokens_of(sql, dialect)
    if not tokens or tokens[0].token_type not in OPENING:
        return None
    # Parsing turns comments into parts of the tree; what matters of them is read from the text.
    directives = directives_of(sql, tokens)
    try:
        statements = [statement for statement in dialect.parser().parse(tokens, sql) if statement is not None]
        if len(statements) != 1 or isinstance(statements[0], _OPAQUE) or statements[0].find(*_OPAQUE):
            return None
        pieces = tree_pieces(normalize_identifiers(statements[0], dialect=dialect))
    except (SqlglotError, RecursionError, ValueError, TypeError, AttributeError, KeyError, IndexError):
        # The parser is fed with whatever a user wrote; what it cannot read keeps its exact text.
        return None
    return [*pieces, TOUCHING, *directives]


def tree_pieces(tree: object) -> list[str]:
    """Write a syntax tree as a flat list of texts in which every part says what it is and how long."""
    pieces: list[str] = []
    pending: list[object] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pieces += ("[", str(len(node)))
            pending.extend(reversed(node))
        elif hasattr(node, "args") and hasattr(node, "arg_types"):
            present = [(key, node.args[key]) for key in sorted(node.args) if _present(node.args[key])]
            pieces += ("(", type(node).__name__, str(len(present)))
            for key, value in reversed(present):
                pending += (value, _Name(key))
        elif isinstance(node, _Name):
            pieces.append(node)
        else:
            pieces += (type(node).__name__, str(node))
    return pieces


class _Name(str):
    """The name of an argument, on its way between the values."""

    __slots__ = ()


def _present(value: object) -> bool:
    # False is kept: for some arguments it says something else than an absent one.
    return value is not None and value != []
