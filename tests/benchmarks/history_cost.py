"""What a history costs: ``python tests/benchmarks/history_cost.py [--runs N] [--tests N]``.

Fills a history by the call that every session makes, 1,000 runs of 5,000 tests, every eighth of which executes SQL
statements. Printed are what the last runs took to add, what one test's history and its course take to read, what
it takes to find every record that changed in the newest 100 runs, and the size of the file.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter

from pytest_querycache.commands.history import Window, changed_records, history_of
from pytest_querycache.model.history import Cost, Machine, Moment
from pytest_querycache.model.policy import Policy
from pytest_querycache.storage.history import append_run

MACHINE = Machine(key="cpython-3.11-linux-x86_64-native", cpu_model="CPU A")
TIMED = 20
WANTED_APPEND_MS, WANTED_READ_MS = 1_000, 50


def name_of(position: int) -> str:
    """A node id as real suites have them."""
    return (
        f"tests/package_{position % 17}/test_module_{position % 211}.py::TestSomething::test_case[{position}]"
    )


def costs_of(run: int, tests: int) -> dict[str, Cost]:
    """What the tests cost in one run: times with 5 % of noise, every thousandth creeping by 2 % a week."""
    random = Random(run)
    costs = {}
    for position in range(tests):
        size = 1_000 + position * 97
        time = (
            size * 20 * random.lognormvariate(0, 0.05) * (1.02 ** (run / 5) if position % 1_000 == 7 else 1)
        )
        values = {
            "wall_time": int(time),
            "cpu_time": int(time * 0.9),
            "reference_time": int(1e6 * random.lognormvariate(0, 0.02)),
            "allocated_bytes": size * 3,
            "allocated_blocks": size // 40,
            "peak_rss": 4096 * random.randrange(300),
            "gc_collections": position % 5,
        }
        if position % 8 == 0:
            values.update(db_queries=position % 40, db_distinct=position % 10, db_repeated=position % 30)
        costs[name_of(position)] = Cost(values=values)
    return costs


def timed_ms(action: Callable[[], object]) -> float:
    """How long something takes, in ms."""
    start = perf_counter()
    action()
    return (perf_counter() - start) * 1e3


def filled(path: Path, runs: int, tests: int) -> list[float]:
    """Add the runs; gives what each took, in ms."""
    took = []
    began = datetime.fromisoformat("2023-01-02T04:00:00+00:00")
    for run in range(runs):
        moment = Moment(finished=(began + timedelta(days=run)).isoformat(), commit=f"{run:012x}")
        costs = costs_of(run, tests)
        took.append(timed_ms(lambda moment=moment, costs=costs: append_run(path, MACHINE, moment, costs)))
    return took


def main() -> None:
    """Fill a history, and print what is asked of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--tests", type=int, default=5_000)
    options = parser.parse_args()
    runs, tests = options.runs, options.tests
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.db"
        took = filled(path, runs, tests)[-TIMED:]
        print(f"{runs:,} runs of {tests:,} tests: {path.stat().st_size / 1e6:.0f} MB, ", end="")
        print(f"{path.stat().st_size / runs / tests:.0f} B for each record and run")
        print(
            f"adding a run: {median(took):.0f} ms, at most {max(took):.0f} (wanted under {WANTED_APPEND_MS:,} ms)"
        )
        random = Random(1)
        whole = Window(limit=runs)
        names = [name_of(random.randrange(tests)) for _ in range(TIMED)]
        took = [timed_ms(lambda name=name: history_of(path, name, window=whole)) for name in names]
        print(
            f"one test's history of {runs:,} runs: {median(took):.0f} ms, at most {max(took):.0f} "
            f"(wanted under {WANTED_READ_MS} ms)"
        )
        courses = [
            timed_ms(
                lambda name=name: [
                    each.course for each in history_of(path, name, metric="wall_time", window=whole)
                ]
            )
            for name in names
        ]
        print(f"the same with the change points of its times: {median(courses):.0f} ms")
        start = perf_counter()
        changed = changed_records(path, Policy(), window=Window())
        seconds = perf_counter() - start
        print(
            f"every record that changed in the newest 100 runs: {seconds:.1f} s, {len(changed.series)} found"
        )


if __name__ == "__main__":
    main()
