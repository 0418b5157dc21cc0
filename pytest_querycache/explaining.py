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
    Raises ConfigurationError for an unknown metric.
    """
    if only is not None and only not in METRICS:
        raise ConfigurationError(f"--metric {only}: unknown metric, expected one of {', '.join(METRICS)}")
    marks = _written_marks(rootdir / file_of(node_id), node_id)
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


def _written_marks(file: Path, node_id: str) -> dict[str, list[dict[str, object]]]:
    """The values of the gate's marks on a test, its classes and its module, closest first."""
    found: dict[str, list[dict[str, object]]] = {name: [] for name in _MARKS}
    try:
        module = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return found
    nodes: list[list[ast.expr]] = [_module_marks(module)]
    scope: ast.AST = module
    for part in node_id.split("::")[1:]:
        name = part.partition("[")[0]
        child = next(
            (
                node
                for node in ast.iter_child_nodes(scope)
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
                and node.name == name
            ),
            None,
        )
        if child is None:
            break
        nodes.append(child.decorator_list)
        scope = child
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
