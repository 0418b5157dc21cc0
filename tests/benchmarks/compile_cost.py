"""What compiling and executing cost with the cache and without: ``python tests/benchmarks/compile_cost.py``.

Everything is compared with ``sqlglot.executor.execute``, or with compiling while the cache is disabled, in
strict alternation within one process. Allocations are those the native counter sees, where it was built.
"""

from __future__ import annotations

import argparse
import gc
import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import sqlglot
from sqlglot.executor import execute

from examples.query_caching import warehouse
from pytest_querycache.probes.allocations import load, why_missing
from pytest_querycache.queries.cache import QueryCache
from pytest_querycache.queries.compiled import compile_for_execution
from pytest_querycache.queries.manager import QueryCacheManager
from pytest_querycache.queries.schema import prepare_schema
from tests.benchmarks.alternation import Work, compared, line

SMALL = "SELECT c_name FROM customer WHERE c_segment = 'GARDEN'"
ROWS = 6
JOIN = (
    "SELECT n_name, COUNT(*) AS customers, SUM(c_balance) AS balance FROM customer JOIN nation ON c_nation = n_key "
    "WHERE c_balance > 100 GROUP BY n_name ORDER BY n_name"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    schema = prepare_schema(warehouse.SCHEMA)
    tables = {name: rows[:ROWS] for name, rows in warehouse.tables().items()}
    print(f"sqlglot {sqlglot.__version__}, {ROWS} rows in each table; ratio (quartiles), times")

    for title, sql in (("small", SMALL), ("join", JOIN)):
        needed = {name: rows for name, rows in tables.items() if name in sql}
        query = compile_for_execution(sql, schema=schema)
        theirs = partial(execute, sql, warehouse.SCHEMA, tables=needed)
        ours = partial(query.execute, needed)
        assert ours().rows == theirs().rows
        ratio = compared(theirs, ours, rounds=rounds)
        print(line(f"sqlglot.executor.execute / CompiledQuery.execute, {title}", ratio, "≥ 20"))

    texts = list(warehouse.queries().values())
    # Short samples in quick alternation: differences of a few percent drown in what a machine does in a second.
    few = texts[2:5]

    def uncached(texts: list[str] = few) -> None:
        with QueryCacheManager.disabled():
            for sql in texts:
                compile_for_execution(sql, schema=schema)

    def first() -> None:
        with QueryCacheManager.using(QueryCache()):
            schema.signatures.clear()
            for sql in few:
                compile_for_execution(sql, schema=schema)

    warm = QueryCache()

    def repeated() -> None:
        with QueryCacheManager.using(warm):
            for sql in texts:
                compile_for_execution(sql, schema=schema)

    def interpreted() -> None:
        for sql in few:
            execute(sql, warehouse.SCHEMA, tables=tables)

    def executed() -> None:
        with QueryCacheManager.using(QueryCache()):
            schema.signatures.clear()
            for sql in few:
                compile_for_execution(sql, schema=schema).execute(tables)

    everything = partial(uncached, texts)
    again = compared(repeated, everything, rounds=rounds)
    print(line("22 queries: repeated / without cache", again, "≤ 0.03"))
    print(line("first compilation / without cache", compared(first, uncached, rounds=3 * rounds), "≤ 1.05"))
    whole = compared(executed, interpreted, rounds=3 * rounds)
    print(line("first execution / sqlglot.executor.execute", whole, "≤ 1.05"))
    _allocations(everything, repeated)


def _allocations(without: Work, repeated: Work) -> None:
    """Print what both sides allocate and how often they make the collector run."""
    for title, work in (("without cache", without), ("with cache", repeated)):
        gc.collect()
        before = [generation["collections"] for generation in gc.get_stats()]
        counted = _bytes_of(work)
        runs = sum(generation["collections"] for generation in gc.get_stats()) - sum(before)
        print(f"22 queries, {title:<14} {counted:>16} allocated, {runs} collector runs")


def _bytes_of(work: Work) -> str:
    counter = load()
    if counter is None:
        work()
        return f"not counted ({why_missing()})"
    counter.install()
    span = counter.new_span()
    span.start()
    work()
    span.stop()
    return f"{span.bytes:,} bytes"


if __name__ == "__main__":
    main()
