"""What a stored plan saves: ``python tests/benchmarks/stored_plan_cost.py``.

The 22 queries of the warehouse are compiled, and loaded from files written before: up to the optimised tree,
and up to bytecode ready to execute. Each pair is measured in strict alternation within one process.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import sqlglot
from sqlglot.optimizer import optimize

from examples.query_caching import warehouse
from pytest_querycache.queries.cache import QueryCache
from pytest_querycache.queries.compiled import compile_for_execution, compiled_from
from pytest_querycache.queries.manager import QueryCacheManager
from pytest_querycache.queries.plan_file import StoredPlan
from pytest_querycache.queries.schema import prepare_schema
from pytest_querycache.queries.store import PlanStore
from tests.benchmarks.alternation import compared, line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    schema = prepare_schema(warehouse.SCHEMA)
    texts = list(warehouse.queries().values())
    with tempfile.TemporaryDirectory() as folder:
        store = PlanStore(folder)
        with QueryCacheManager.using(QueryCache(store=store)):
            signatures = [compile_for_execution(sql, schema=schema).signature for sql in texts]
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
        print(
            f"sqlglot {sqlglot.__version__}; {len(texts)} plans, {size // len(texts):,} bytes each; {store.stats()}"
        )

        def optimised() -> None:
            for sql in texts:
                optimize(sql, warehouse.SCHEMA, leave_tables_isolated=True)

        def loaded() -> list[StoredPlan]:
            return [plan for signature in signatures if (plan := store.load(signature)) is not None]

        def compiled() -> None:
            with QueryCacheManager.disabled():
                for sql in texts:
                    compile_for_execution(sql, schema=schema)

        def ready() -> None:
            assert all(compiled_from(plan, store) is not None for plan in loaded())

        assert len(loaded()) == len(texts)
        print(line("optimised tree: compiling / loading", compared(optimised, loaded, rounds=rounds), "≥ 8"))
        print(line("ready to execute: compiling / loading", compared(compiled, ready, rounds=rounds), "≥ 4"))


if __name__ == "__main__":
    main()
