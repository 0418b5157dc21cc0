"""What the page costs: ``python -m tests.benchmarks.page_cost [RECORDS…]`` prints its size and the time it takes.

Ten metrics a record, each known to the baseline too. The issue allows 2 s and 8 MB for 10,000 records, 3 MB for
5,000.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from random import Random
from time import perf_counter

from pytest_querycache.model.account import Account
from pytest_querycache.model.baseline import Entry, Figure, Section
from pytest_querycache.model.record import Record, Run
from pytest_querycache.model.verdict import GateResult
from pytest_querycache.reports.html import html_report
from pytest_querycache.storage.run_file import run_text
from tests.accounts import HERE, THERE

METRICS = (
    "wall_time cpu_time allocated_bytes allocated_blocks peak_rss rss_growth gc_collections gc_gen0 gc_pause "
    "db_queries"
).split()


def large_account(number: int) -> Account:
    """A session of many records with figures of every size."""
    random = Random(number)
    run, section = Run(environment=HERE), Section(environment=THERE, reference_ns=1_000_000)
    for position in range(number):
        name = f"tests/package_{position % 17}/test_module_{position % 211}.py::TestSomething::test_case[{position}]"
        cost = random.lognormvariate(12, 3)
        values = {metric: int(cost * random.uniform(0.1, 10)) for metric in METRICS}
        run.records[name] = Record(node_id=name, values={**values, "reference_time": 1_000_000})
        section.entries[name] = Entry(
            (metric, Figure(round(value * random.uniform(0.8, 1.2)))) for metric, value in values.items()
        )
    return Account(run=run, result=GateResult(), section=section)


def main(arguments: Sequence[str]) -> None:
    """Print a line for each number of records."""
    html_report(large_account(1))  # the template engine's import and compilation are no part of a page's size
    for number in map(int, arguments or ("5000", "10000")):
        account = large_account(number)
        for name, make in (("page", html_report), ("run file", run_text)):
            start = perf_counter()
            text = make(account)
            seconds = perf_counter() - start
            print(f"{number:,} records: {name} {len(text.encode()) / 1e6:.2f} MB in {seconds:.2f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
