"""The table of the README: ``python examples/query_caching/figures.py`` runs the seven cases and prints it.

Time is the median of the rounds; allocations are counted, the same in each round after the first.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parent))

import warehouse

from pytest_querycache import (
    PerfTracker,
    QueryCache,
    QueryCacheManager,
    compile_for_execution,
    prepare_schema,
)

QUERIES = warehouse.queries()
SIMPLE = "SELECT c_name, c_balance FROM customer WHERE c_segment = 'KITCHEN' ORDER BY c_name"
COMPLEX = QUERIES["market_share"]
REPEATED = [SIMPLE, QUERIES["returns"], QUERIES["late_by_urgency"]] * 5
ROUNDS = 9
SCHEMA = prepare_schema(warehouse.SCHEMA)


def compile_all(texts: list[str]) -> None:
    for sql in texts:
        compile_for_execution(sql, schema=SCHEMA)


def disabled(texts: list[str]) -> Callable[[], None]:
    def run() -> None:
        with QueryCacheManager.disabled():
            compile_all(texts)

    return run


def emptied(texts: list[str]) -> Callable[[], None]:
    def run() -> None:
        QueryCacheManager.instance.clear()
        compile_all(texts)

    return run


CASES: dict[str, Callable[[], None]] = {
    "simple query, without cache": disabled([SIMPLE]),
    "simple query, first execution": emptied([SIMPLE]),
    "simple query, cache hit": partial(compile_all, [SIMPLE]),
    "complex query, without cache": disabled([COMPLEX]),
    "complex query, cache hit": partial(compile_all, [COMPLEX]),
    "15 queries, 3 of them different, without cache": disabled(REPEATED),
    "15 queries, 3 of them different, with cache": emptied(REPEATED),
}


def main() -> None:
    tracker = PerfTracker()
    print("| compiling | time | allocated | collections |\n|---|---|---|---|")
    with QueryCacheManager.using(QueryCache()):
        for name, case in CASES.items():
            compile_all([SIMPLE, COMPLEX])
            seen = []
            for _ in range(ROUNDS):
                with tracker.scoped(name, on_complete=seen.append):
                    case()
            time = statistics.median(metrics.elapsed_ns for metrics in seen) / 1e6
            allocated = statistics.median(metrics.allocated_bytes for metrics in seen)
            collections = statistics.mean(metrics.gc_collections for metrics in seen)
            print(f"| {name} | {time:.3f} ms | {allocated:,.0f} bytes | {collections:.1f} |")


if __name__ == "__main__":
    main()
