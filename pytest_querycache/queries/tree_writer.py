"""Syntax trees on their way into the plan store."""

from __future__ import annotations

from typing import Any, Final

from sqlglot import exp

from .plan_format import CLASSES, MAX_DEPTH, MAX_NODES, NODE, TYPE_NAMES, PlanFormatError, Stored, check_text

# Where a node stood in the text it was parsed from says nothing about the plan.
_POSITIONS: Final = frozenset({"line", "col", "start", "end"})


def to_stored(tree: exp.Expression) -> Stored:
    """Return a tree as JSON-simple values.

    ``classes`` are the names of classes; ``types`` and ``nodes`` are lists of
    ``[class, type, annotations, {argument: value}]``, children before parents, the root last. A whole number
    as a value refers to an earlier node of the same list; ``{"int": n}`` is a number and ``{"type": name}`` one
    of sqlglot's type names. Comments and positions are left out. Raises PlanFormatError for trees that
    hold anything else, or are too large.
    """
    writer = _Writer()
    nodes: list[Any] = []
    writer.add(tree, nodes, 0)
    return {"classes": writer.classes, "types": writer.types, "ends": writer.ends, "nodes": nodes}


class _Writer:
    def __init__(self) -> None:
        self.classes: list[str] = []
        self.types: list[Any] = []
        self.ends: list[int] = []
        self._class_numbers: dict[str, int] = {}
        self._type_numbers: dict[str, int] = {}

    def add(self, node: Any, nodes: list[Any], depth: int) -> int:
        """Write a node behind its children and return its number."""
        if depth > MAX_DEPTH:
            raise PlanFormatError(f"a tree deeper than {MAX_DEPTH} is not stored")
        name = type(node).__name__
        if CLASSES.get(name) is not type(node):
            raise PlanFormatError(f"a tree with a {type(node).__qualname__} is not stored")
        args: dict[str, Any] = {}
        for key, value in node.args.items():
            if value is None:
                continue
            args[key] = (
                [self._value(node, item, nodes, depth) for item in value]
                if isinstance(value, list)
                else self._value(node, value, nodes, depth)
            )
        number = self._class_numbers.setdefault(name, len(self.classes))
        if number == len(self.classes):
            self.classes.append(name)
        nodes.append([number, self._type_of(node, nodes), _annotations(node), args])
        if len(nodes) > MAX_NODES:
            raise PlanFormatError(f"a tree of more than {MAX_NODES} nodes is not stored")
        return len(nodes) - 1

    def _value(self, node: Any, value: Any, nodes: list[Any], depth: int) -> Any:
        if isinstance(value, NODE):
            return self.add(value, nodes, depth + 1)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, TYPE_NAMES):
            return {"type": value.name}
        if type(value) is int:
            return {"int": value}
        if type(value) is str:
            check_text(type(node), value, is_string=bool(node.args.get("is_string")))
            return value
        raise PlanFormatError(f"a tree with a value of type {type(value).__qualname__} is not stored")

    def _type_of(self, node: Any, nodes: list[Any]) -> int:
        """Return the number of a node's type among the types, -1 for none; equal types are written once."""
        # The property would answer for casts with what they cast to; the generators ask the attribute.
        own = None if nodes is self.types else node._type
        if own is None or own is node:
            return -1
        text = repr(own)
        number = self._type_numbers.get(text)
        if number is None:
            self.add(own, self.types, 0)
            number = self._type_numbers[text] = len(self.ends)
            self.ends.append(len(self.types) - 1)
        return number


def _annotations(node: Any) -> dict[str, Any] | None:
    kept = {key: value for key, value in (node._meta or {}).items() if key not in _POSITIONS}
    for key, value in kept.items():
        items = value if isinstance(value, list) else [value]
        if not all(item is None or type(item) in (bool, int, str) for item in items):
            raise PlanFormatError(
                f"a tree annotated with {key!r} of type {type(value).__qualname__} is not stored"
            )
    return kept or None
