"""Whether identical code looks identical: ``python tests/benchmarks/repeatability.py``.

On real test suites from the package index (three by default): how many tests' cold counts differ by more than 1 %
between two identical full runs, and how many tests the gate calls regressed although nothing changed, when the full
run, every test file alone, a shuffled run and ``-n2`` are gated, with the default thresholds and with 2 % for memory.
Beside them stands how many suspicions fresh processes cleared, and how many tests stayed unconfirmed (times only).
Needs pip and the index; everything is downloaded into a temporary folder. ``-n2`` needs pytest-xdist.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from processes import is_installed

sys.path.append(str(Path(__file__).parents[2] / "examples" / "real_suite"))

from source_package import DownloadError, fetch_source, install_beside

SMALL = {"allocated_bytes": 4096, "allocated_blocks": 64}
SHARE = 0.01
THRESHOLDS = {
    "default thresholds": (),
    "memory 2 %": ("--perf-threshold", "memory=2%", "--perf-threshold", "time=off"),
}


@dataclass(frozen=True, kw_only=True)
class RealSuite:
    """A library whose source package holds its tests.

    ``root`` is where its modules lie; ``needs`` are distributions that it or its tests import; ``arguments`` leave
    out tests that compute for many seconds or need what is not in the package.
    """

    root: str = "."
    needs: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    files: str = "tests/**/test_*.py"


SUITES = {
    "jinja2": RealSuite(root="src", needs=("markupsafe", "trio")),
    "sqlparse": RealSuite(),
    "more-itertools": RealSuite(
        arguments=(
            "--deselect=tests/test_recipes.py::PrimeFunctionTests::test_primes",
            "--deselect=tests/test_recipes.py::PrimeFunctionTests::test_nth_prime_approximate",
            "--deselect=tests/test_more.py::DiscreteFourierTransformTests::test_roundtrip",
            "--deselect=tests/test_more.py::TestConcurrentTee::test_concurrent_consumers",
        )
    ),
    "markdown-it-py": RealSuite(
        needs=("mdurl", "pytest-regressions"), arguments=("--ignore=tests/test_fuzz",)
    ),
    "lark": RealSuite(files="tests/__main__.py"),
}
Figures = dict[str, dict[str, float]]
DEFAULT = ("jinja2", "sqlparse", "more-itertools")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the gate said of one or several sessions."""

    regressed: tuple[str, ...]
    compared: int
    cleared: int
    unconfirmed: int
    statuses: tuple[int, ...]


class Bench:
    """One unpacked suite, with its baseline."""

    def __init__(self, suite: RealSuite, source: Path, beside: Path) -> None:
        self._suite = suite
        self._source = source
        self._beside = beside
        self.baseline = beside / "perf-baseline.json"

    def run(self, *options: str, paths: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        """One session."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
        folders = (self._source / self._suite.root, self._beside, Path(__file__).parent)
        environment["PYTHONPATH"] = os.pathsep.join(map(str, folders))
        command = (sys.executable, "-m", "pytest", "-v", "-p", "no:randomly", "-p", "figures")
        return subprocess.run(
            [*command, *self._suite.arguments, *options, *paths],
            cwd=self._source,
            env=environment,
            capture_output=True,
            text=True,
        )

    def cold_figures(self) -> Figures:
        """The figures of one full run, by test."""
        file = self._beside / "figures.json"
        self.run("--perf-track", f"--figures-to={file}")
        return json.loads(file.read_text(encoding="utf-8"))

    def gate(self, *options: str, files: Sequence[Sequence[str]] = ((),)) -> Answer:
        """The gate's answer to a session, or to one session for each group of files."""
        regressed: list[str] = []
        compared, cleared, unconfirmed, statuses = 0, 0, 0, set()
        for paths in files:
            done = self.run(f"--perf-baseline={self.baseline}", *options, paths=paths)
            statuses.add(done.returncode)
            regressed.extend(_named(done.stdout))
            counts = re.search(r"^compared (\d+) .* unconfirmed (\d+) ", done.stdout, re.MULTILINE)
            compared += int(counts[1]) if counts else 0
            unconfirmed += int(counts[2]) if counts else 0
            cleared += len(re.findall(r"^cleared: ", done.stdout, re.MULTILINE))
        return Answer(
            regressed=tuple(regressed),
            compared=compared,
            cleared=cleared,
            unconfirmed=unconfirmed,
            statuses=tuple(sorted(statuses)),
        )

    def files(self) -> list[list[str]]:
        """Every test file, each as the paths of a session of its own."""
        found = sorted(self._source.glob(self._suite.files))
        return [[str(path.relative_to(self._source))] for path in found]


def _named(output: str) -> list[str]:
    """Tests called regressed, each with the metric."""
    named, test = [], ""
    for line in output.splitlines():
        if line[:1] not in {"", " "}:
            test = line
        match = re.match(r"  regressed  (.*)", line)
        if match:
            named.append(f"{test}: {match[1]}")
    return named


def differing(first: Figures, second: Figures, metric: str, least: float) -> dict[str, float]:
    """The tests in which a metric differs by more than 1 % and at least so much, with the relative difference."""
    found = {}
    for test, figures in first.items():
        one, other = figures.get(metric), second.get(test, {}).get(metric)
        if one is None or other is None:
            continue
        difference = abs(one - other)
        share = difference / max(1, min(one, other))
        if share > SHARE and difference >= least:
            found[test] = share
    return found


def _print_differing(first: Figures, second: Figures) -> None:
    for metric, small in SMALL.items():
        unsteady = differing(first, second, metric, 0)
        beyond = differing(first, second, metric, small)
        share = len(unsteady) / len(first) if first else 0.0
        print(
            f"  two identical full runs: cold {metric} differ by more than 1 % in {len(unsteady)} tests "
            f"({share:.2%}, wanted at most 0.5 %), and by {small} or more in {len(beyond)}"
        )
        for test, largest in sorted(beyond.items(), key=lambda pair: -pair[1])[:5]:
            print(f"    {largest:>7.1%}  {test}")


def ways(bench: Bench) -> Iterator[tuple[str, tuple[str, ...], Sequence[Sequence[str]]]]:
    """The ways in which the same tests are run: name, options, and the paths of each session."""
    whole: Sequence[Sequence[str]] = ((),)
    yield "full run", (), whole
    files = bench.files()
    yield f"each of {len(files)} files alone", (), files
    yield "shuffled", ("--shuffle-with=7",), whole
    if is_installed("xdist"):
        yield "-n2", ("-n2",), whole


def tell(name: str, bench: Bench, update_runs: int) -> int:
    """Measure one suite and print; how many regressions were reported."""
    started = perf_counter()
    recorded = bench.run(f"--perf-update={bench.baseline}", "--perf-set", f"update_runs={update_runs}")
    if not bench.baseline.exists():
        sys.exit("\n".join((recorded.stdout + recorded.stderr).splitlines()[-20:]))
    taken = perf_counter() - started
    first, second = bench.cold_figures(), bench.cold_figures()
    print(f"{name}: {len(first)} tests, recorded in {taken:.0f} s")
    _print_differing(first, second)
    columns = f"{'compared':>9}{'cleared':>9}{'unconfirmed':>12}{'regressed':>10}"
    print(f"  {'gated':<28}{'thresholds':<22}{columns}  wanted none")
    regressed = 0
    for way, options, files in ways(bench):
        for thresholds, arguments in THRESHOLDS.items():
            answer = bench.gate(*options, *arguments, files=files)
            regressed += len(answer.regressed)
            print(
                f"  {way:<28}{thresholds:<22}{answer.compared:>9}{answer.cleared:>9}"
                f"{answer.unconfirmed:>12}{len(answer.regressed):>10}  exit {', '.join(map(str, answer.statuses))}",
                flush=True,
            )
            for test in answer.regressed:
                print(f"    {test}")
    return regressed


def main() -> int:
    """Measure every suite; 0 when no regression was reported."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("suites", nargs="*", choices=[*SUITES, []], metavar="SUITE", help=", ".join(SUITES))
    parser.add_argument(
        "--update-runs", type=int, default=3, help="fresh processes of the update (default: 3)"
    )
    options = parser.parse_args()
    if not is_installed("xdist"):
        print("pytest-xdist is not installed: without -n2")
    regressed = 0
    for name in options.suites or DEFAULT:
        suite = SUITES[name]
        with tempfile.TemporaryDirectory(prefix="repeatability-") as folder:
            path = Path(folder)
            beside = path / "beside"
            beside.mkdir()
            try:
                source = fetch_source(name, path)
                install_beside(suite.needs, beside)
            except DownloadError as error:
                print(f"{name}: {error}", file=sys.stderr)
                return 2
            regressed += tell(name, Bench(suite, source, beside), options.update_runs)
    print(f"regressions reported where nothing changed: {regressed}, wanted none")
    return 1 if regressed else 0


if __name__ == "__main__":
    sys.exit(main())
