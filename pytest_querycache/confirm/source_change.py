"""Whether a test's own source differs between two trees."""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path


def source_differs(old_file: Path, new_file: Path, test: str) -> bool:
    """Whether the function or class method that a node id names is written differently in two files.

    Only the test's own definition is compared, decorators included. False where it cannot be found in both.
    """
    old, new = _source(old_file, test), _source(new_file, test)
    return old is not None and new is not None and old != new


def is_in(file: Path, test: str) -> bool:
    """Whether a file defines the function or class method that a node id names."""
    return _source(file, test) is not None


@lru_cache(maxsize=64)
def _parsed(file: Path) -> ast.AST | None:
    """A file's syntax, parsed once in a session: nothing changes the files while tests are compared."""
    try:
        return ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None


def _source(file: Path, test: str) -> str | None:
    node = _parsed(file)
    for part in test.split("::")[1:]:
        name = part.partition("[")[0]
        if node is None:
            return None
        found = next((child for child in ast.iter_child_nodes(node) if _is_named(child, name)), None)
        if found is None:
            return None
        node = found
    return ast.dump(node) if node is not None else None


def _is_named(node: ast.AST, name: str) -> bool:
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return isinstance(node, definitions) and node.name == name
