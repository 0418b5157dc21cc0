"""The stored form of an optimised syntax tree: plain JSON values, built again from an allow-list of classes."""

from __future__ import annotations

import re
from typing import Any, Final

from sqlglot import exp

MAX_NODES: Final = 50_000
MAX_DEPTH: Final = 400
MAX_CLASSES: Final = 2_000

_BASE: Final[Any] = getattr(exp, "Expr", exp.Expression)
_PLAIN_INIT: Final = exp.Expression.__init__
_TYPE_NAMES: Final = getattr(exp, "DType", None) or exp.DataType.Type

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
    and issubclass(kind, _BASE)
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
# Where a node stood in the text it was parsed from says nothing about the plan.
_POSITIONS: Final = frozenset({"line", "col", "start", "end"})

Stored = dict[str, Any]


class PlanFormatError(ValueError):
    """A tree cannot be stored, or what was stored is not a tree this package would have written."""


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
        if isinstance(value, _BASE):
            return self.add(value, nodes, depth + 1)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, _TYPE_NAMES):
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


def from_stored(stored: object) -> exp.Expression:
    """Build the tree again, checking every class, argument, reference and text on the way.

    Raises PlanFormatError for anything ``to_stored`` would not have written.
    """
    try:
        return _build(stored)
    except PlanFormatError:
        raise
    except (
        TypeError,
        ValueError,
        KeyError,
        IndexError,
        AttributeError,
        RecursionError,
        OverflowError,
    ) as error:
        raise PlanFormatError(f"not a stored tree: {error}") from error


def _build(stored: Any) -> exp.Expression:
    names, types, nodes, ends = stored["classes"], stored["types"], stored["nodes"], stored["ends"]
    for part in (names, types, nodes, ends):
        if type(part) is not list:
            raise PlanFormatError("a stored tree consists of four lists")
    if not nodes or len(nodes) + len(types) > 2 * MAX_NODES or len(names) > MAX_CLASSES:
        raise PlanFormatError("a stored tree is empty or too large")
    kinds = [CLASSES[name] for name in names]
    type_nodes = _build_nodes(types, kinds, [], roots=frozenset(ends))
    shared = [type_nodes[_index(end, len(type_nodes))] for end in ends]
    if not all(isinstance(own, exp.DataType) for own in shared):
        raise PlanFormatError("what annotates a node is not a type")
    built = _build_nodes(nodes, kinds, shared, roots=frozenset({len(nodes) - 1}))
    root = built[-1]
    if not isinstance(root, exp.Expression):
        raise PlanFormatError("the root of a stored tree is no expression")
    return root


def _index(value: Any, size: int) -> int:
    if type(value) is not int or not 0 <= value < size:
        raise PlanFormatError(f"the reference {value!r} leads nowhere")
    return value


def _build_nodes(rows: list[Any], kinds: list[Any], shared: list[Any], *, roots: frozenset[int]) -> list[Any]:
    """Build the nodes of one list; each is used once, so that the outcome is a tree and nothing else."""
    built: list[Any] = []
    depths: list[int] = []
    free: set[int] = set()
    for number, (class_number, type_number, notes, arguments) in enumerate(rows):
        kind = kinds[_index(class_number, len(kinds))]
        deepest = -1
        known = kind.arg_types
        args: dict[str, Any] = {}
        for key, value in arguments.items():
            if key not in known:
                raise PlanFormatError(f"a {kind.__name__} has no {key!r}")
            items = value if type(value) is list else [value]
            for place, item in enumerate(items):
                if type(item) is int:
                    free.remove(item)
                    items[place] = built[item]
                    deepest = max(deepest, depths[item])
                elif type(item) is str:
                    check_text(kind, item, is_string=arguments.get("is_string") is True)
                elif item is not None and type(item) is not bool:
                    items[place] = _special(item)
            args[key] = items if type(value) is list else items[0]
        if deepest >= MAX_DEPTH:
            raise PlanFormatError(f"a stored tree is deeper than {MAX_DEPTH}")
        node = kind(**args)
        if kind.__init__ is not _PLAIN_INIT:
            # Some constructors put a child of their own in the place of the one they were given.
            for key, value in args.items():
                node.set(key, value)
        if type_number != -1:
            node._type = shared[_index(type_number, len(shared))]
        if notes is not None:
            node._meta = _checked_annotations(notes)
        built.append(node)
        depths.append(deepest + 1)
        free.add(number)
    if free != roots:
        raise PlanFormatError("a stored tree has loose parts")
    return built


def _special(item: Any) -> Any:
    if type(item) is dict and len(item) == 1:
        if type(item.get("int")) is int:
            return item["int"]
        if type(item.get("type")) is str:
            return _TYPE_NAMES[item["type"]]
    raise PlanFormatError(f"a value of type {type(item).__name__} does not belong into a tree")


def _checked_annotations(notes: Any) -> dict[str, Any]:
    if type(notes) is not dict:
        raise PlanFormatError("annotations are a mapping")
    for value in notes.values():
        for item in value if type(value) is list else [value]:
            if item is not None and type(item) not in (bool, int, str):
                raise PlanFormatError(
                    f"an annotation of type {type(item).__name__} does not belong into a tree"
                )
    return notes
