"""Stories of a suite that talks to a database: its statements are gated with everything else."""

from __future__ import annotations

import re

import pytest

from pytest_querycache.cli import main
from tests.conftest import Project

TEST = "tests/test_shop.py::test_orders"

SHOP = """
import sqlite3

def opened():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE orders (id INTEGER, customer INTEGER)")
    connection.execute("CREATE TABLE customers (id INTEGER, name TEXT)")
    connection.executemany("INSERT INTO orders VALUES (?, ?)", [(n, n) for n in range(12)])
    connection.executemany("INSERT INTO customers VALUES (?, 'x')", [(n,) for n in range(12)])
    return connection

def list_orders(connection):
    LISTING
"""

JOINED = (
    'return connection.execute("SELECT o.id, c.name FROM orders o JOIN customers c USING (id)").fetchall()'
)

ONE_BY_ONE = """rows = connection.execute("SELECT id, customer FROM orders").fetchall()
    return [(i, *connection.execute("SELECT name FROM customers WHERE id = ?", (c,)).fetchone()) for i, c in rows]
"""

TESTS = """
import pytest
from shop import list_orders, opened

@pytest.fixture
def shop():
    connection = opened()
    yield connection
    connection.close()

MARK
def test_orders(shop):
    assert len(list_orders(shop)) == 12
"""


@pytest.fixture
def suite(project: Project) -> Project:
    """A shop whose list takes one statement, and its test."""
    project.write("pyproject.toml", "[tool.pytest.ini_options]\npythonpath = ['.']\n")
    project.write("shop.py", SHOP.replace("LISTING", JOINED))
    project.write("tests/test_shop.py", TESTS.replace("MARK", ""))
    return project


def test_an_n_plus_one_fails_the_gate_and_is_named_with_its_place(suite: Project) -> None:
    """Record, pass, plant an N+1, fail with the line that causes it, accept, pass."""
    suite.record()
    suite.gate(exit_status=0)
    assert suite.figure(TEST, "db_queries") == 1
    suite.write("shop.py", SHOP.replace("LISTING", ONE_BY_ONE))
    said = suite.gate(exit_status=1)
    assert "regressed  db_queries 1 → 13 (13.00x)" in said
    assert re.search(
        r"\+ 12  SELECT name FROM customers WHERE id = \?  at shop\.py:1[45] in \S+  N\+1: 12 times from there",
        said,
    )
    assert "+ 1  SELECT id, customer FROM orders" in said
    assert re.search(r"- 1  statement [0-9a-f]{10}, whose text is not stored", said)
    suite.record()
    suite.gate(exit_status=0)
    assert suite.figure(TEST, "db_queries") == 13


def test_the_default_gate_confirms_statements_in_fresh_processes(suite: Project) -> None:
    """Without switching confirmation off, warm repeats show the same growth, and the gate fails for it."""
    settings = ("--perf-threshold=time=off", "--perf-threshold=memory=off")
    suite.run("--perf-update", "--perf-set=update_runs=1", exit_status=0)
    suite.run("--perf-baseline", *settings, exit_status=0)
    suite.write("shop.py", SHOP.replace("LISTING", ONE_BY_ONE))
    said = suite.run("--perf-baseline", *settings, exit_status=1)
    assert "regressed  db_queries 1 → 13 (13.00x)" in said
    assert "not confirmed" not in said


@pytest.mark.parametrize(("most", "exit_status"), [(13, 0), (12, 1)])
def test_a_budget_of_statements_needs_no_baseline(suite: Project, most: int, exit_status: int) -> None:
    """``perf_budget(db_queries=…)`` is an absolute limit."""
    suite.write("tests/test_shop.py", TESTS.replace("MARK", "").replace("def test_orders", "def test_other"))
    suite.record()
    suite.write("shop.py", SHOP.replace("LISTING", ONE_BY_ONE))
    mark = f"@pytest.mark.perf_budget(db_queries={most})"
    suite.write("tests/test_shop.py", TESTS.replace("MARK", mark))
    assert ("over budget" in suite.gate(exit_status=exit_status)) is (exit_status == 1)


def test_a_run_of_another_job_tells_the_same(suite: Project) -> None:
    """A run file that is accepted brings the digests along, and the next failure knows what is new."""
    suite.run("--perf-json=run.json", exit_status=0)
    assert main(["accept", "run.json"]) == 0
    suite.write("shop.py", SHOP.replace("LISTING", ONE_BY_ONE))
    assert re.search(r"- 1  statement [0-9a-f]{10}, whose text is not stored", suite.gate(exit_status=1))


def test_statements_are_left_alone_where_the_project_says_so(suite: Project) -> None:
    """``sql = false`` records nothing, and a planted N+1 passes."""
    with (suite.folder / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("[tool.pytest_querycache]\nsql = false\n")
    suite.record()
    assert "db_queries" not in suite.entries()[TEST]


def test_lines_that_become_a_loop_are_told_although_no_count_changed(suite: Project) -> None:
    """Only ``db_repeated`` grows, and the failure names the statement and the line all the same."""
    look_up = 'connection.execute("SELECT name FROM customers WHERE id = ?", ({},)).fetchone()'
    apart = "\n    ".join(look_up.format(number) for number in range(12)) + "\n    return list(range(12))"
    suite.write("shop.py", SHOP.replace("LISTING", apart))
    suite.record()
    assert suite.figure(TEST, "db_repeated") == 1
    loop = f"return [{look_up.format('n')} for n in range(12)]"
    suite.write("shop.py", SHOP.replace("LISTING", loop))
    said = suite.gate(exit_status=1)
    assert "regressed  db_repeated 1 → 12 (12.00x)" in said
    assert re.search(
        r"12 → 12  SELECT name FROM customers WHERE id = \?  at shop\.py:\d+ in \S+  12 times from there",
        said,
    )
