"""Whether a test's own source differs between two trees."""

from __future__ import annotations

import ast
from pathlib import Path


def source_differs(old_file: Path, new_file: Path, test: str) -> bool:
    """Whether the function or class method that a node id names is written differently in two files.

    Only the test's own definition is compared, decorators included. False where it cannot be found in both.
    """
    names = [part.partition("[")[0] for part in test.split("::")[1:]]
    old, new = _source(old_file, names), _source(new_file, names)
    return old is not None and new is not None and old != new


def _source(file: Path, names: list[str]) -> str | None:
    try:
        node: ast.AST = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    for name in names:
        found = next((child for child in ast.iter_child_nodes(node) if _is_named(child, name)), None)
        if found is None:
            return None
        node = found
    return ast.dump(node)


def _is_named(node: ast.AST, name: str) -> bool:
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return isinstance(node, definitions) and node.name == name
