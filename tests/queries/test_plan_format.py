"""The stored form of trees: a round trip for what is sound, a refusal for everything else."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp, parse_one
from sqlglot.optimizer import optimize

from examples.query_caching import warehouse
from pytest_querycache.queries.plan_format import CLASSES, MAX_DEPTH, PlanFormatError
from pytest_querycache.queries.semantic_form import tree_pieces
from pytest_querycache.queries.tree_reader import from_stored
from pytest_querycache.queries.tree_writer import to_stored


def through_json(tree):
    return from_stored(json.loads(json.dumps(to_stored(tree))))


def types_of(tree):
    return [repr(node._type) for node in tree.walk()]


@pytest.mark.parametrize("name", warehouse.queries())
def test_optimised_queries_come_back_as_they_went(name):
    """Tree, types and generated text of every query of the warehouse survive the stored form."""
    tree = optimize(warehouse.queries()[name], warehouse.SCHEMA, leave_tables_isolated=True)
    twin = through_json(tree)
    assert tree_pieces(twin) == tree_pieces(tree)
    assert types_of(twin) == types_of(tree)
    assert twin.sql("duckdb") == tree.sql("duckdb", comments=False)
    assert all(child.parent is not None for child in twin.walk() if child is not twin)


names = st.text(alphabet="abcXYZ_é 1", min_size=1, max_size=5).map(
    lambda text: exp.to_identifier(text, quoted=True)
)
values = st.one_of(
    st.integers(0, 10**12).map(exp.Literal.number),
    st.floats(0, 1e6).map(lambda number: exp.Literal.number(f"{number:.3f}")),
    st.text(alphabet="ab' \"\n%()é", max_size=6).map(exp.Literal.string),
    st.booleans().map(lambda value: exp.Boolean(this=value)),
    st.just(exp.Null()),
    st.builds(lambda name: exp.Column(this=name), names),
)
expressions = st.recursive(
    values,
    lambda inner: st.one_of(
        st.builds(lambda a, b: exp.Add(this=a, expression=b), inner, inner),
        st.builds(lambda a, b: exp.And(this=a, expression=b), inner, inner),
        st.builds(lambda a: exp.Not(this=exp.Paren(this=a)), inner),
        st.builds(lambda a, b: exp.In(this=a, expressions=b), inner, st.lists(inner, max_size=3)),
        st.builds(lambda a: exp.Cast(this=a, to=exp.DataType.build("decimal(10, 2)")), inner),
        st.builds(lambda a: exp.Anonymous(this="my_function", expressions=[a]), inner),
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.lists(expressions, min_size=1, max_size=3))
def test_any_tree_of_allowed_parts_survives(parts):
    """For any such tree: writing and reading gives an equal tree, and writing that gives the same values."""
    tree = exp.select(*[part.copy() for part in parts], copy=False)
    stored = json.loads(json.dumps(to_stored(tree)))
    twin = from_stored(copy.deepcopy(stored))
    assert tree_pieces(twin) == tree_pieces(tree)
    assert to_stored(twin) == stored


def test_nothing_that_acts_is_on_the_list():
    """Statements that change something and text sqlglot did not parse are no part of a stored plan."""
    for name in ("Command", "Create", "Drop", "Set", "Alter", "Copy"):
        assert name not in CLASSES
    assert all(kind.__module__.startswith("sqlglot.expressions") for kind in CLASSES.values())
    with pytest.raises(PlanFormatError, match="a tree with a Drop is not stored"):
        to_stored(parse_one("DROP TABLE t"))


@pytest.mark.parametrize(
    "tree",
    [
        exp.Var(this="x) or __import__('os').abort("),
        exp.Literal(this="__import__('os')", is_string=False),
        exp.Literal.string("back\\slash"),
        exp.to_identifier('a" + b + "', quoted=True),
        exp.to_identifier("a\\", quoted=True),
        exp.Anonymous(this="f()", expressions=[]),
        exp.Literal(this=object(), is_string=True),
    ],
)
def test_text_that_could_become_code_is_not_stored(tree):
    """What a generator writes out unquoted has no quotes, brackets, parentheses or backslashes."""
    with pytest.raises(PlanFormatError):
        to_stored(exp.select(tree, copy=False))


def test_a_tree_too_deep_is_not_stored():
    """A limit on depth keeps reading and generating within Python's recursion."""
    tree = exp.column("a")
    for _ in range(MAX_DEPTH + 5):
        tree = exp.Not(this=tree)
    with pytest.raises(PlanFormatError, match=f"deeper than {MAX_DEPTH}"):
        to_stored(tree)


def stored_example():
    return to_stored(optimize("SELECT a + 1 AS b FROM t WHERE a > 2", {"t": {"a": "int"}}))


def replaced(path, value):
    stored = stored_example()
    target = stored
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    return stored


@pytest.mark.parametrize(
    "stored",
    [
        None,
        [],
        {},
        {"classes": [], "types": [], "ends": [], "nodes": []},
        replaced(["classes", 0], "os.system"),
        replaced(["classes", 0], "__import__"),
        replaced(["classes", 0], "Command"),
        replaced(["classes", 0], 3),
        replaced(["nodes", 0, 0], 999),
        replaced(["nodes", 0, 0], -1),
        replaced(["nodes", 0, 0], True),
        replaced(["nodes", 0, 1], 999),
        replaced(["nodes", 0, 1], -2),
        replaced(["nodes", 0, 2], {"key": [[]]}),
        replaced(["nodes", 0, 2], [1]),
        replaced(["nodes", 0, 3], {"unknown": "x"}),
        replaced(["nodes", 0, 3], {"this": 0}),
        replaced(["nodes", 0, 3], {"this": 5}),
        replaced(["nodes", 0, 3], {"this": {"int": "1"}}),
        replaced(["nodes", 0, 3], {"this": {"type": "NO_SUCH"}}),
        replaced(["nodes", 0, 3], {"this": {"a": 1, "b": 2}}),
        replaced(["nodes", 0, 3], {"this": 1.5}),
        replaced(["nodes", 0, 3], {"this": 'x" + y + "'}),
        replaced(["nodes", 0, 3], []),
        replaced(["nodes", 0], []),
        replaced(["ends"], [[]]),
        replaced(["ends"], {}),
        replaced(["nodes"], "abc"),
    ],
)
def test_values_nobody_here_wrote_are_refused(stored):
    """Foreign classes, arguments, references, loops and texts raise one kind of error and build nothing."""
    with pytest.raises(PlanFormatError):
        from_stored(stored)


def test_a_node_used_twice_or_not_at_all_is_refused():
    """The outcome is a tree: no part hangs loose, no part hangs in two places."""
    loose = stored_example()
    loose["nodes"].insert(0, copy.deepcopy(loose["nodes"][0]))
    with pytest.raises(PlanFormatError):
        from_stored(loose)
