"""Syntax trees built again from what the plan store holds, by classes of an allow-list only."""

from __future__ import annotations

from typing import Any, Final

from sqlglot import exp

from .plan_format import CLASSES, MAX_CLASSES, MAX_DEPTH, MAX_NODES, TYPE_NAMES, PlanFormatError, check_text

_PLAIN_INIT: Final = exp.Expression.__init__


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
            return TYPE_NAMES[item["type"]]
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
