"""What measuring costs a whole suite: ``python tests/benchmarks/suite_cost.py``.

A suite of 3,000 trivial tests as a whole process: bare pytest, ``--perf-track``, pytest-benchmark (each test in its
fixture, one round) and pytest-memray, alternating; the median of the ratios to the bare run of the same round.
Every process loads only the plugin it is about. ``pip install pytest-benchmark pytest-memray`` for the peers;
one that is missing is left out, and said so.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from processes import Contender, alternate, is_installed, print_ratios, trivial_suite

BASE = "bare pytest"
OURS = "--perf-track"
WANTED = {OURS: "1.02x"}


def contenders(folder: Path, tests: int, *, without_memray: bool) -> dict[str, Contender]:
    """Every command, each with the suite it runs."""
    plain, with_fixture = folder / "plain", folder / "with_fixture"
    for path in (plain, with_fixture):
        path.mkdir()
    trivial_suite(plain, tests)
    trivial_suite(
        with_fixture, tests, fixture="benchmark", body="benchmark.pedantic(int, rounds=1, iterations=1)"
    )
    found = {
        BASE: _contender(plain),
        OURS: _contender(plain, "-p", "pytest_querycache.plugin.hooks", "--perf-track"),
    }
    if is_installed("pytest_benchmark"):
        found["pytest-benchmark"] = _contender(with_fixture, "-p", "pytest_benchmark.plugin")
    else:
        print("pytest-benchmark is not installed: left out")
    if without_memray:
        print("pytest-memray: left out as asked")
    elif is_installed("pytest_memray"):
        found["pytest-memray"] = _contender(plain, "-p", "pytest_memray.plugin", "--memray")
    else:
        print("pytest-memray is not installed: left out")
    return found


def _contender(suite: Path, *options: str) -> Contender:
    # plugins are named one by one, because others that happen to be installed would be paid for in each process
    lonely = ("-c", "import os, sys; os.environ['PYTEST_DISABLE_PLUGIN_AUTOLOAD'] = '1'; import pytest; "
              "sys.exit(pytest.main(sys.argv[1:]))")  # fmt: skip
    return Contender(command=(sys.executable, *lonely, "-q", "-p", "no:cacheprovider", *options, str(suite)))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--tests", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--without-memray", action="store_true", help="it takes a minute a round")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="suite-cost-") as folder:
        path = Path(folder)
        found = contenders(path, options.tests, without_memray=options.without_memray)
        print(f"{options.tests} trivial tests, Python {sys.version.split()[0]}", flush=True)
        print_ratios(alternate(found, path, rounds=options.rounds), BASE, WANTED)


if __name__ == "__main__":
    main()
