"""A query turned into steps and Python bytecode, which many threads may run at once."""

from __future__ import annotations

from types import CodeType
from typing import TYPE_CHECKING, Any, Final

from sqlglot import exp
from sqlglot.executor.context import Context
from sqlglot.executor.env import ENV
from sqlglot.executor.python import PythonExecutor
from sqlglot.planner import Plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlglot.executor.table import Table

# What a step of sqlglot's planner may hold in the way of expressions.
_SINGLE: Final = ("condition",)
_SEVERAL: Final = ("projections", "operands", "aggregations", "key")

_TYPE_NAMES: Final = getattr(exp, "DType", None) or exp.DataType.Type
_EXECUTOR: Final[Any] = PythonExecutor
_HARMLESS: Final = (
    frozenset(ENV) | frozenset(_TYPE_NAMES.__members__) | {"scope", "exp", "DType", "DataType", "Type", "set"}
)


_CONTEXT_BRINGS_FUNCTIONS: Final = Context({}, env={}).env.keys() >= ENV.keys()


class _InPlace:
    """A generator that does not copy what it writes: here every expression is written once, and is the plan's own."""

    __slots__ = ("_generator",)

    def __init__(self, generator: Any) -> None:
        self._generator = generator

    def generate(self, expression: Any) -> str:
        return self._generator.generate(expression, copy=False)  # type: ignore[no-any-return]


class UnsafeProgramError(ValueError):
    """The Python code of a plan uses a name that no plan of this package uses."""


class Program:
    """The steps of one optimised query with their bytecode; immutable, so that runs can share it.

    A run gets an executor of its own: sqlglot's keeps the tables of subqueries it has already met, which
    are wrong for other tables. The bytecode is found by the identity of the expression it stands for,
    which is safe because the steps keep those expressions alive.
    """

    __slots__ = ("_codes", "_plan", "_subplan_names", "_subplans")

    def __init__(self, tree: exp.Expression) -> None:
        plan = Plan(tree)
        writer: Any = _EXECUTOR(tables={})
        writer.generator = _InPlace(writer.generator)
        codes: dict[int, CodeType] = {}
        pending = [plan]
        known = 0
        while pending:
            current = pending.pop()
            # The planner builds this on first use; threads that meet there would build it together.
            list(current.leaves)
            # Subqueries inside expressions see the common tables of the plan being executed.
            writer._ctes = getattr(current, "ctes", None)
            for expression in _expressions_of(current):
                if id(expression) not in codes:
                    codes[id(expression)] = writer.generate(expression)
            met = list(_subplans_of(writer).values())
            pending += [subplan for subplan, _ in met[known:]]
            known = len(met)
        self._plan = plan
        self._codes = codes
        self._subplans = {name: subplan for name, (subplan, _) in _subplans_of(writer).items()}
        self._subplan_names: dict[str, str] = dict(getattr(writer, "_plan_names_by_sql", {}))

    def run(self, tables: Any) -> Table:
        """Execute on these tables, which no other run may use meanwhile; their readers hold its place."""
        executor: Any = _EXECUTOR(tables=tables)
        if self._subplans:
            executor._subquery_plans = {name: (subplan, {}) for name, subplan in self._subplans.items()}
            executor._plan_names_by_sql = dict(self._subplan_names)
        elif _CONTEXT_BRINGS_FUNCTIONS:
            # Each step's context copies all functions of SQL, and then once more those of the executor.
            executor.env = {}
        codes = self._codes
        generate = executor.generate

        def known_code(expression: Any) -> Any:
            code = codes.get(id(expression))
            return generate(expression) if code is None else code

        executor.generate = known_code
        try:
            return executor.execute(self._plan)  # type: ignore[no-any-return]
        finally:
            # The executor and its functions refer to each other: left so, each run would leave work
            # for the garbage collector.
            executor.env.clear()
            del executor.generate

    def check_names(self) -> None:
        """Raise UnsafeProgramError when the code uses a name outside those sqlglot's executor offers.

        Plans read from a file are checked before they may run: whatever somebody wrote into the file, its
        code can reach nothing but the functions of SQL.
        """
        for code in self._codes.values():
            _check_names(code)


def _check_names(code: CodeType) -> None:
    foreign = [name for name in code.co_names if name not in _HARMLESS and not name.startswith("SUBQUERY_")]
    if foreign:
        raise UnsafeProgramError(f"the code of a stored plan uses {foreign[0]!r}")
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            _check_names(constant)


def _subplans_of(executor: Any) -> dict[str, tuple[Plan, Any]]:
    return getattr(executor, "_subquery_plans", {})


def _expressions_of(plan: Plan) -> Iterator[Any]:
    for step in plan.dag:
        for name in _SINGLE:
            expression = getattr(step, name, None)
            if expression is not None:
                yield expression
        for name in _SEVERAL:
            yield from getattr(step, name, None) or ()
        yield from (getattr(step, "group", None) or {}).values()
        for join in (getattr(step, "joins", None) or {}).values():
            yield from join.get("source_key") or ()
            yield from join.get("join_key") or ()
            if join.get("condition") is not None:
                yield join["condition"]
