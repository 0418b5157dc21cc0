"""From a query's text to its optimised tree, with errors that name the query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from sqlglot import exp
from sqlglot.errors import ParseError
from sqlglot.optimizer import optimize
from sqlglot.optimizer.optimizer import RULES

from ..errors import CompilationError
from .dialect_name import DialectLike, resolve_dialect

if TYPE_CHECKING:
    from sqlglot.schema import Schema

T = TypeVar("T")
Rule = Callable[..., exp.Expression]
Rules = Sequence[Rule]

_QUERIES = getattr(exp, "Query", None) or (exp.Select, exp.Union, exp.Subquery)


def parsed(sql: str, dialect: DialectLike, name: str | None) -> exp.Expression:
    """Parse one query. Raises CompilationError."""

    def parse() -> exp.Expression:
        statements = [found for found in resolve_dialect(dialect)[1].parse(sql) if found is not None]
        if len(statements) != 1:
            raise ValueError(f"expected one statement, found {len(statements)}")
        return cast("exp.Expression", statements[0])

    return checked(attempt("parsed", sql, name, parse), sql, name)


def optimised(
    sql: str, schema: Schema, dialect: DialectLike, rules: Rules | None, name: str | None
) -> exp.Expression:
    """Parse, qualify and optimise a query as sqlglot's executor does. Raises CompilationError."""
    chosen = RULES if rules is None else tuple(rules)
    tree: Any = attempt(
        "optimised",
        sql,
        name,
        lambda: optimize(sql, schema, leave_tables_isolated=True, dialect=dialect, rules=chosen),
    )
    return checked(tree, sql, name)


def checked(tree: exp.Expression, sql: str, name: str | None) -> exp.Expression:
    """Return the tree of a query; refuse a statement that gives no rows."""
    if not isinstance(tree, _QUERIES):
        kind = type(tree).__name__
        raise CompilationError(
            f"{title(sql, name)} cannot be compiled: it is a {kind} (expected a query, such as SELECT); "
            "statements that change something are for a database"
        )
    return tree


def attempt(step: str, sql: str, name: str | None, action: Callable[[], T]) -> T:
    """Run one step of a compilation; whatever goes wrong in it is a CompilationError that names the query."""
    try:
        return action()
    except CompilationError:
        raise
    except RecursionError as error:
        raise CompilationError(
            f"{title(sql, name)} cannot be {step}: it is nested too deeply for Python's recursion limit"
        ) from error
    except Exception as error:
        # sqlglot's planner and optimiser raise whatever the unforeseen leads to: AttributeError, KeyError, …
        raise CompilationError(f"{title(sql, name)} cannot be {step}: {_message(error)}") from error


def title(sql: str, name: str | None) -> str:
    """Return how messages call a query: its name, or the beginning of its text."""
    if name is not None:
        return f"query {name!r}"
    text = " ".join(sql.split())
    return f"query {text if len(text) <= 60 else text[:57] + '...'!r}"


def _message(error: Exception) -> str:
    if isinstance(error, ParseError) and error.errors:
        # sqlglot's own text underlines the place with terminal codes; its parts do not.
        first = error.errors[0]
        near = " ".join(f"{first.get('start_context') or ''}{first.get('highlight') or ''}".split())[-40:]
        return f"{first['description']}. Line {first['line']}, Col: {first['col']}, near {near!r}"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
