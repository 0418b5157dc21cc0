"""Which threshold holds for a test and where it was said, from the configuration and the test file's text alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from .errors import ConfigurationError
from .model.configuration import Configuration
from .model.metric import METRICS
from .model.policy import Policy
from .model.quantity import format_quantity
from .model.record import file_of
from .model.threshold import OWN_PREFIX, Threshold, parse_budgets, parse_thresholds

_MARKS = ("perf_threshold", "perf_budget", "perf_skip")


def explain_lines(
    node_id: str, configuration: Configuration, rootdir: Path, *, only: str | None
) -> Iterator[str]:
    """One line for each judged metric of a test: threshold, and its origin with the rule's reason.

    Marks are read from the test file without importing it, so only those whose values are written out are seen.
    Raises ConfigurationError for an unknown metric, and for a test that cannot be there.
    """
    if only is not None and only not in METRICS:
        raise ConfigurationError(f"--metric {only}: unknown metric, expected one of {', '.join(METRICS)}")
    module = _checked_module(rootdir, node_id)
    marks = _written_marks(module, node_id)
    policy = Policy(table=configuration.thresholds, rules=configuration.rules)
    thresholds: dict[str, Threshold] = {}
    for table in marks["perf_threshold"]:
        for name, threshold in parse_thresholds(table, f"{node_id}: mark perf_threshold").items():
            thresholds.setdefault(name, threshold)
    yield node_id
    if marks["perf_skip"]:
        yield "  exempt: mark perf_skip"
    table_of_test = policy.thresholds_for(node_id, test_id=_test_of(node_id), marks=thresholds)
    for name, applied in table_of_test.items():
        if only in (None, name):
            reason = f": {applied.reason}" if applied.reason else ""
            yield f"  {name:<16}  {applied.describe():<24}  {applied.origin}{reason}"
    for name in METRICS:
        if name == only and name not in table_of_test:
            yield f"  {name:<16}  not judged"
    for table in marks["perf_budget"]:
        for name, most in parse_budgets(table, f"{node_id}: mark perf_budget").items():
            metric = METRICS.get(name.removeprefix(OWN_PREFIX))
            yield f"  {name:<16}  at most {format_quantity(most, metric.unit if metric else '')}  mark"


def _test_of(node_id: str) -> str:
    """The test of an entry that may be a section's: its name without the last part."""
    file, *names = node_id.split("::")
    return "::".join([file, *names[:-1]]) if len(names) > 1 else ""


def _checked_module(rootdir: Path, node_id: str) -> ast.Module | None:
    """The test file's text as a tree, None where it is not Python; a typing error must not be answered."""
    name = file_of(node_id) or "."
    file = rootdir / name
    problem = "" if file.is_file() else "a folder, expected a test" if file.is_dir() else "no such file"
    if file.is_file() and (Path(name).is_absolute() or ".." in Path(name).parts):
        problem = "expected a node id"  # whose patterns and entries no other spelling would find
    if problem:
        raise ConfigurationError(f"{name}: {problem}; node ids start from {rootdir.resolve()}, see --rootdir")
    try:
        module = ast.parse(file.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError):
        return None
    stranger = _stranger(module, node_id)
    if stranger:
        raise ConfigurationError(
            f"{file_of(node_id)}: there is no {stranger} in this file; expected a node id as pytest shows it"
        )
    return module


def _stranger(module: ast.Module, node_id: str) -> str:
    """The part of a node id that the file cannot define, empty where it may: tests are inherited and imported too."""
    path = _definitions(module, node_id)
    scope = path[-1] if path else module
    rest = [part.partition("[")[0] for part in node_id.split("::")[1 + len(path) :]]
    if not rest or isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return ""  # whatever follows a function is a section, which only a run knows
    if isinstance(scope, ast.ClassDef) and scope.bases:
        return ""
    names = set(_names(module))
    return "" if names & {rest[0], "*"} else rest[0]


def _names(module: ast.Module) -> Iterator[str]:
    """Everything that the file gives a name to, ``*`` where that is left to another file."""
    for node in ast.walk(module):
        if isinstance(node, _Definition):
            yield node.name
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.alias):
            yield node.asname or node.name


_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def _definitions(module: ast.Module, node_id: str) -> list[_Definition]:
    """The classes and the function that a node id leads through, as far as the file itself defines them."""
    found: list[_Definition] = []
    scope: ast.AST = module
    for part in node_id.split("::")[1:]:
        name = part.partition("[")[0]
        children = (node for node in ast.iter_child_nodes(scope) if isinstance(node, _Definition))
        child = next((node for node in children if node.name == name), None)
        if child is None:
            break
        found.append(child)
        scope = child
    return found


def _written_marks(module: ast.Module | None, node_id: str) -> dict[str, list[dict[str, object]]]:
    """The values of the gate's marks on a test, its classes and its module, closest first."""
    found: dict[str, list[dict[str, object]]] = {name: [] for name in _MARKS}
    if module is None:
        return found
    nodes = [_module_marks(module), *(node.decorator_list for node in _definitions(module, node_id))]
    for expressions in reversed(nodes):
        for expression in expressions:
            _read_mark(expression, found)
    return found


def _module_marks(module: ast.Module) -> list[ast.expr]:
    for statement in module.body:
        if isinstance(statement, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "pytestmark" for target in statement.targets
        ):
            value = statement.value
            return list(value.elts) if isinstance(value, (ast.List, ast.Tuple)) else [value]
    return []


def _read_mark(expression: ast.expr, found: dict[str, list[dict[str, object]]]) -> None:
    call = expression if isinstance(expression, ast.Call) else None
    target = call.func if call is not None else expression
    if not isinstance(target, ast.Attribute) or target.attr not in found:
        return
    values: dict[str, object] = {}
    for keyword in call.keywords if call is not None else ():
        if keyword.arg is not None:
            try:
                values[keyword.arg] = ast.literal_eval(keyword.value)
            except ValueError:
                continue
    found[target.attr].append(values)
