"""Compiled queries: the rows of sqlglot's executor, with nothing left over from one run to the next."""

from __future__ import annotations

import datetime
import gc
import logging
import sys
import threading

import pytest
from sqlglot import exp
from sqlglot.dialects.snowflake import Snowflake
from sqlglot.errors import ExecuteError
from sqlglot.executor import execute
from sqlglot.executor.table import Table
from sqlglot.optimizer.optimizer import RULES
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from pytest_querycache.errors import CompilationError
from pytest_querycache.queries import compilation
from pytest_querycache.queries.cache import QueryCache
from pytest_querycache.queries.compiled import compile_for_execution
from pytest_querycache.queries.execution import MAX_SHAPES
from pytest_querycache.queries.manager import QueryCacheManager
from pytest_querycache.queries.schema import prepare_schema
from pytest_querycache.queries.signature import query_signature

SCHEMA = {"t": {"a": "int", "b": "text"}, "u": {"a": "int", "c": "double"}}
TABLES = {
    "t": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}, {"a": 3, "b": "x"}],
    "u": [{"a": 1, "c": 1.5}, {"a": 3, "c": 2.5}],
}
EMPTY = {"t": [{"a": 9, "b": "z"}], "u": [{"a": 8, "c": 0.5}]}

QUERIES = [
    "SELECT a FROM t WHERE b = 'x'",
    "SELECT * FROM t ORDER BY a DESC LIMIT 2",
    "SELECT t.b, SUM(u.c) AS s FROM t JOIN u ON t.a = u.a GROUP BY t.b ORDER BY t.b",
    "SELECT t.a, u.c FROM t LEFT JOIN u ON t.a = u.a AND u.c > 2 ORDER BY t.a",
    "SELECT a FROM t WHERE a > (SELECT AVG(a) FROM t) ORDER BY a",
    "SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a AND u.c > 2)",
    "SELECT a FROM t WHERE a IN (SELECT a FROM u) ORDER BY a",
    "SELECT a FROM t WHERE a > ALL (SELECT a - 2 FROM u) ORDER BY a",
    "WITH x AS (SELECT a, b FROM t) SELECT l.a, r.b FROM x AS l JOIN x AS r ON l.a = r.a WHERE l.b = 'x' ORDER BY 1",
    "SELECT a FROM t UNION SELECT a FROM u",
    "SELECT a FROM t EXCEPT SELECT a FROM u",
    "SELECT DISTINCT b FROM t ORDER BY b",
    "SELECT CASE WHEN a > 1 THEN 'many' ELSE 'one' END AS k, COUNT(*) AS n FROM t GROUP BY 1 ORDER BY 1",
    "SELECT (SELECT MAX(c) FROM u WHERE u.a = t.a) AS m, a FROM t ORDER BY a",
    "SELECT 1 + 1 AS two",
]


@pytest.fixture(autouse=True)
def cache():
    """Each test compiles through a cache of its own."""
    with QueryCacheManager.using(QueryCache(), adopt_threads=True) as own:
        yield own


def outcome(table):
    return tuple(table.columns), sorted(table.rows, key=repr)


@pytest.mark.parametrize("schema", [SCHEMA, None], ids=["schema", "inferred"])
@pytest.mark.parametrize("sql", QUERIES)
def test_rows_are_those_of_sqlglots_executor(sql, schema):
    """Columns and rows equal sqlglot's, twice in a row, on other tables, and on the first ones again."""
    compiled = compile_for_execution(sql, schema=schema)
    for tables in (TABLES, TABLES, EMPTY, TABLES):
        assert outcome(compiled.execute(tables)) == outcome(execute(sql, schema, tables=tables))


def test_subqueries_see_the_tables_of_their_own_run():
    """An uncorrelated subquery is computed anew at each run; sqlglot's executor would keep its first table."""
    compiled = compile_for_execution("SELECT a FROM t WHERE a >= (SELECT MAX(a) FROM t)", schema=SCHEMA)
    assert compiled.execute(TABLES).rows == [(3,)]
    assert compiled.execute({**TABLES, "t": [{"a": 7, "b": "x"}]}).rows == [(7,)]
    assert compiled.execute(TABLES).rows == [(3,)]


def test_eight_threads_share_a_query_and_its_tables():
    """Runs at once, over the very same sqlglot tables, do not read each other's rows."""
    tables = {
        "t": Table(("a", "b"), [(number, f"g{number % 7}") for number in range(120)]),
        "u": Table(("a", "c"), [(number, number / 2) for number in range(0, 120, 3)]),
    }
    compiled = [compile_for_execution(sql, schema=SCHEMA) for sql in QUERIES[2:6]]
    expected = [outcome(query.execute(tables)) for query in compiled]
    wrong = []

    def run():
        for _ in range(3):
            for query, rows in zip(compiled, expected, strict=True):
                if outcome(query.execute(tables)) != rows:
                    wrong.append(query)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_callers_tables_stay_as_they_were():
    """Neither the rows nor the readers of the tables handed in are touched."""
    table = Table(("a", "b"), [(3, "x"), (1, "y")])
    for sql in ("SELECT b, SUM(a + 1) FROM t GROUP BY b", "SELECT a FROM t ORDER BY a"):
        compile_for_execution(sql, schema=SCHEMA).execute({"t": table})
    assert table.rows == [(3, "x"), (1, "y")]
    assert table.columns == ("a", "b")
    assert table.reader.row == Table(("a", "b"), []).reader.row


def test_results_belong_to_their_caller():
    """Changing one result changes neither the next one nor the tables."""
    compiled = compile_for_execution("SELECT a FROM t", schema=SCHEMA)
    first = compiled.execute(TABLES)
    first.rows.clear()
    assert compiled.execute(TABLES).rows == [(1,), (2,), (3,)]


@pytest.mark.parametrize(
    "rows",
    [
        [{"A": 1, "B": "x"}, {"a": 2, "b": "y"}],
        [{"a": 1, "b": "x"}, {"b": "y", "a": 2}],
        [{"a": 1, "b": "x"}, {"a": 2, "b": "y", "more": 0}],
        ({"a": number, "b": text} for number, text in ((1, "x"), (2, "y"))),
    ],
)
def test_rows_may_spell_and_order_their_columns_freely(rows):
    """Columns are found by their normalised names, in each row."""
    assert compile_for_execution("SELECT a, b FROM t", schema=SCHEMA).execute({"T": rows}).rows == [
        (1, "x"),
        (2, "y"),
    ]


def test_tables_may_have_levels():
    """A schema with databases takes tables with databases, and says so when the levels differ."""
    compiled = compile_for_execution("SELECT a FROM db.t", schema={"db": SCHEMA})
    assert compiled.execute({"db": TABLES}).rows == [(1,), (2,), (3,)]
    with pytest.raises(ExecuteError, match="same table args"):
        compiled.execute(TABLES)


@pytest.mark.parametrize("dialect", ["snowflake", Snowflake, Snowflake()])
def test_names_follow_the_dialect(dialect):
    """Tables and columns are normalised as the query's dialect does, given in any form."""
    compiled = compile_for_execution("SELECT a FROM t WHERE b = 'x'", schema=SCHEMA, dialect=dialect)
    assert compiled.execute(TABLES).columns == ("A",)
    assert compiled.execute(TABLES).rows == [(1,), (3,)]


def test_without_a_schema_each_shape_of_tables_has_its_plan():
    """The same text over other columns and types is compiled for them; so many shapes are kept."""
    compiled = compile_for_execution("SELECT * FROM t")
    assert compiled.execute({"t": [{"a": 1}]}).columns == ("a",)
    assert compiled.execute({"t": [{"b": "x", "a": datetime.date(2024, 1, 2)}]}).columns == ("b", "a")
    for number in range(MAX_SHAPES + 3):
        assert compiled.execute({"t": [{f"c{number}": number}]}).columns == (f"c{number}",)
    assert len(compiled._query._programs) == MAX_SHAPES
    assert compiled.execute({"t": [{"a": [1, 2]}]}).rows == [([1, 2],)]


def test_a_table_without_rows_has_no_types():
    """Where sqlglot cannot infer a schema from an empty table, the columns are still known."""
    assert compile_for_execution("SELECT a FROM t").execute({"t": Table(("a",), [])}).rows == []


def test_the_second_look_is_the_same_object(cache):
    """Compiled once, handed out from then on, also for a reformatted text."""
    first = compile_for_execution("SELECT a FROM t", schema=SCHEMA)
    assert compile_for_execution("select a  FROM t -- again", schema=SCHEMA) is first
    assert (cache.stats().hits, cache.stats().misses) == (1, 1)
    assert first.compile_ns > 0


def test_a_changed_schema_is_another_query():
    """The plan follows the schema's content, changed in place or not."""
    schema = {"t": {"a": "int"}}
    first = compile_for_execution("SELECT * FROM t", schema=schema)
    schema["t"]["b"] = "text"
    second = compile_for_execution("SELECT * FROM t", schema=schema)
    assert (first.execute(TABLES).columns, second.execute(TABLES).columns) == (("a",), ("a", "b"))


@pytest.mark.parametrize("schema", [prepare_schema(SCHEMA), MappingSchema(SCHEMA)])
def test_schemas_of_every_kind_compile(schema):
    """Prepared schemas and sqlglot's own give the rows of the mapping they hold."""
    assert compile_for_execution(QUERIES[2], schema=schema).execute(TABLES).rows == [("x", 4.0)]


def test_values_cached_by_others_are_no_compiled_queries(cache):
    """A user's own entry under the signature of the text is not taken for a plan."""
    cache.get_or_compile(query_signature("SELECT a FROM t", SCHEMA), lambda: "something else")
    assert compile_for_execution("SELECT a FROM t", schema=SCHEMA).execute(TABLES).rows == [(1,), (2,), (3,)]


@pytest.mark.parametrize("sql", ["SELECT CURRENT_DATE AS d", "SELECT a, RAND() AS r FROM t"])
def test_volatile_queries_bypass_the_cache(sql, cache):
    """What asks for time or chance is compiled at each call, and counted as bypassed."""
    assert compile_for_execution(sql, schema=SCHEMA) is not compile_for_execution(sql, schema=SCHEMA)
    stats = cache.stats()
    assert (stats.bypasses, stats.hits, stats.misses) == (2, 0, 0)


def test_a_disabled_cache_is_bypassed(cache):
    """Switched off, every call compiles; the cache counts that it was passed by."""
    with QueryCacheManager.disabled():
        assert compile_for_execution("SELECT a FROM t") is not compile_for_execution("SELECT a FROM t")
    assert (cache.stats().bypasses, cache.stats().size) == (2, 0)


def test_extra_splits_the_key(cache):
    """What the caller knows to decide the plan is part of the key."""
    one = compile_for_execution("SELECT a FROM t", extra=("tenant", 1))
    assert compile_for_execution("SELECT a FROM t", extra=("tenant", True)) is not one
    assert compile_for_execution("SELECT a FROM t", extra=("tenant", 1)) is one


def test_named_rules_are_part_of_the_key_and_nameless_ones_bypass(cache):
    """Functions of a module stand in the key by name; a lambda could mean anything and is never cached."""
    rules = RULES[:1]
    first = compile_for_execution("SELECT a FROM t", schema=SCHEMA, rules=rules)
    assert compile_for_execution("SELECT a FROM t", schema=SCHEMA, rules=list(rules)) is first
    assert compile_for_execution("SELECT a FROM t", schema=SCHEMA) is not first
    nameless = (*rules, lambda expression: expression)
    compile_for_execution("SELECT a FROM t", schema=SCHEMA, rules=nameless)
    assert cache.stats().bypasses == 1


def test_another_function_of_the_same_name_is_another_rule(monkeypatch):
    """A rule replaced in its module, as tests do, does not get the plans of the one before."""
    module = sys.modules[qualify.__module__]

    def under_the_same_name(qualify_first):
        def qualify(expression, schema=None):
            return qualify_first(expression, schema=schema).limit(1)

        qualify.__module__, qualify.__qualname__ = module.__name__, "qualify"
        return qualify

    first = compile_for_execution("SELECT a FROM t", schema=SCHEMA, rules=(qualify,))
    other = under_the_same_name(qualify)
    monkeypatch.setattr(module, "qualify", other)
    second = compile_for_execution("SELECT a FROM t", schema=SCHEMA, rules=(other,))
    assert (len(first.execute(TABLES).rows), second.sql().endswith("LIMIT 1")) == (3, True)


def test_text_for_a_database_and_a_copy_of_the_tree():
    """``sql`` writes the optimised query in any dialect, without comments; ``ast`` may be changed freely."""
    compiled = compile_for_execution(
        "SELECT a /* why */ FROM t WHERE a > 1 AND TRUE", schema=SCHEMA, dialect="duckdb"
    )
    assert compiled.sql() == 'SELECT "t"."a" AS "a" FROM "t" AS "t" WHERE "t"."a" > 1'
    assert compiled.sql("mysql") == "SELECT `t`.`a` AS `a` FROM `t` AS `t` WHERE `t`.`a` > 1"
    assert "\n" in compiled.sql(pretty=True)
    tree = compiled.ast
    tree.find(exp.Column).replace(exp.column("z"))
    assert compiled.ast != tree
    assert compiled.execute(TABLES).rows == [(2,), (3,)]


def test_a_compiled_query_cannot_be_changed():
    """It is shared by all who ask for it."""
    compiled = compile_for_execution("SELECT a FROM t", name="names")
    with pytest.raises(AttributeError, match="cannot be changed: 'name'"):
        compiled.name = "other"
    with pytest.raises(AttributeError, match="cannot be changed: 'signature'"):
        del compiled.signature
    assert repr(compiled) == "CompiledQuery('names', 'SELECT a FROM t')"


@pytest.mark.parametrize(
    ("sql", "options", "message"),
    [
        (
            "SELECT a FROM (SELECT b",
            {"name": "open", "schema": SCHEMA},
            r"query 'open' cannot be optimised: Expecting \)\. Line 1, Col: 23, near 'SELECT a FROM \(SELECT b'",
        ),
        ("SELECT (a FROM t", {}, r"query 'SELECT \(a FROM t' cannot be parsed: Expecting \)\. Line 1, Col: 14"),
        ("SELECT z FROM t", {"schema": SCHEMA}, "'SELECT z FROM t' cannot be optimised: .*'z' could not"),
        ("SELECT 'open", {}, "cannot be parsed: .*Error tokenizing"),
        ("DROP TABLE t", {}, r"cannot be compiled: it is a Drop \(expected a query, such as SELECT\)"),
        ("SELECT 1; SELECT 2", {}, "cannot be parsed: ValueError: expected one statement, found 2"),
        ("", {}, "cannot be parsed: ValueError: expected one statement, found 0"),
        ("SELECT a FROM t", {"name": "d", "schema": SCHEMA, "rules": (len,)}, "'d' cannot be optimised: TypeError"),
    ],
)  # fmt: skip
def test_errors_name_the_query_and_the_place(sql, options, message, cache):
    """A query that cannot be compiled raises one kind of error, chained, and is not cached."""
    for _ in range(2):
        with pytest.raises(CompilationError, match=message) as caught:
            compile_for_execution(sql, **options)
    assert caught.value.__cause__ is not None or "expected a query" in message
    assert cache.stats().size == 0
    assert "\x1b" not in str(caught.value)


def test_nesting_too_deep_is_an_error_that_says_so(monkeypatch):
    """Python's recursion limit is reported as what it is."""

    def too_deep(*args, **options):
        raise RecursionError

    monkeypatch.setattr(compilation, "optimize", too_deep)
    with pytest.raises(CompilationError, match="query 'deep' cannot be optimised: it is nested too deeply"):
        compile_for_execution("SELECT a FROM t", schema=SCHEMA, name="deep")


def test_errors_of_an_execution_are_sqlglots():
    """A missing table at execution is sqlglot's own error, as its executor raises it."""
    compiled = compile_for_execution("SELECT a FROM t", schema=SCHEMA)
    with pytest.raises((ExecuteError, ValueError)):
        compiled.execute({"u": TABLES["u"]})
    assert compiled.execute(TABLES).rows == [(1,), (2,), (3,)]


def test_the_log_names_the_query(caplog):
    """Misses and hits appear at DEBUG with the name given."""
    with caplog.at_level(logging.DEBUG, "pytest_querycache"):
        compile_for_execution("SELECT a FROM t", name="all of t")
        compile_for_execution("SELECT a FROM t", name="all of t")
    assert any("all of t" in message for message in caplog.messages)


def test_a_run_leaves_no_executor_for_the_collector():
    """The executor of a run is freed when the run ends, not at the next collection."""
    from sqlglot.executor.python import PythonExecutor

    compiled = compile_for_execution(QUERIES[4], schema=SCHEMA)
    gc.collect()
    gc.disable()
    try:
        before = sum(isinstance(found, PythonExecutor) for found in gc.get_objects())
        for _ in range(5):
            compiled.execute(TABLES)
        assert sum(isinstance(found, PythonExecutor) for found in gc.get_objects()) == before
    finally:
        gc.enable()
