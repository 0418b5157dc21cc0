"""What a gate adds to a session of 50,000 tests: ``python tests/benchmarks/gate_scale.py``.

A fresh process makes up the run of 50,000 records as a session would hold it, and then reads a baseline of as many
entries, screens, and judges. Printed are the seconds of each step and how far the process's memory rose above the
run, at its peak and at the end. Nothing regressed in the first case, every hundredth test in the second, and in the
third rules and a mark's thresholds have to be asked too.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from random import Random
from time import perf_counter, process_time

from pytest_querycache.model.baseline import Baseline, Entry, Figure, Section
from pytest_querycache.model.configuration import configuration_of
from pytest_querycache.model.environment import Environment, StoredEnvironment
from pytest_querycache.model.gate import judge
from pytest_querycache.model.policy import Policy
from pytest_querycache.model.record import Record, Run
from pytest_querycache.model.screener import screen
from pytest_querycache.probes.machine import read_environment
from pytest_querycache.probes.memory import ResidentMemory
from pytest_querycache.storage.baseline_file import read_baseline
from pytest_querycache.storage.baseline_text import write_baseline

CASES = {"all unchanged": 0, "one in 100 regressed": 100, "with 20 rules and marks": 100}
RULES = "with 20 rules and marks"
WANTED_S, WANTED_MB = 1.0, 100


def figures(random: Random) -> dict[str, float]:
    """What one test cost."""
    wall_ns = random.randrange(50_000, 50_000_000)
    blocks = random.randrange(50, 100_000)
    return {
        "wall_time": wall_ns,
        "cpu_time": int(wall_ns * 0.97),
        "gc_collections": blocks // 5_000,
        "allocated_bytes": blocks * random.randrange(50, 200),
        "allocated_blocks": blocks,
        "peak_rss": random.choice((0, 0, 0, 262_144)),
        "rss_growth": 0,
    }


def node_id(number: int) -> str:
    """A name of ordinary length."""
    return f"tests/area_{number // 5_000}/test_module_{number // 100}.py::TestCase::test_behaviour[case-{number}]"


def write_file(path: Path, tests: int) -> None:
    """A baseline with one entry for each test, every figure with its cold and warm value."""
    random = Random(1)
    environment = read_environment("native")
    entries = {}
    for number in range(tests):
        values = figures(random)
        stored = [
            (name, Figure(value, int(value * 0.97), value // 50 or None))
            for name, value in values.items()
            if name != "rss_growth"
        ]
        entries[node_id(number)] = Entry(stored, commit="0123456789ab")
    section = Section(environment=StoredEnvironment.of(environment), entries=entries)
    path.write_text(write_baseline(Baseline(sections={environment.key: section})), encoding="utf-8")


def session_run(tests: int, *, every: int, marks: bool, environment: Environment) -> Run:
    """The run as a session holds it when its last test is over; every so many tests cost twice as much."""
    random = Random(1)
    run = Run(environment=environment)
    for number in range(tests):
        name = node_id(number)
        values = figures(random)
        if every and number % every == 0:
            values = {metric: value * 2 for metric, value in values.items()}
        run.records[name] = Record(node_id=name, values=values)
        if marks and number % 100 == 50:
            run.records[name].thresholds = {"time": "50%"}
        run.claimed.add(name)
        run.wholly_collected.add(name.partition("::")[0])
    return run


def policy(*, rules: bool) -> Policy:
    """The built-in policy, or one with twenty rules."""
    table: dict[str, object] = {"thresholds": {"memory": "20%"}}
    if rules:
        table["rules"] = [
            {"tests": f"tests/area_{number}/*", "allocated_bytes": "5%", "reason": "a reason"}
            for number in range(20)
        ]
    configuration = configuration_of(table, "made up")
    return replace(Policy(), table=configuration.thresholds, rules=configuration.rules)


def inside(path: Path, tests: int, case: str) -> dict[str, float]:
    """Measure in this process."""
    rules = case == RULES
    environment = read_environment("native")
    run = session_run(tests, every=CASES[case], marks=rules, environment=environment)
    applied = policy(rules=rules)
    memory = ResidentMemory().reading()
    memory.start()
    started, working = perf_counter(), process_time()
    section = read_baseline(path).sections[environment.key]
    read = perf_counter()
    screening = screen(run, section, applied)
    screened = perf_counter()
    result = judge(screening, run, section, applied, {}, confirm="off")
    judged, worked = perf_counter(), process_time()
    memory.stop()
    return {
        "read": read - started,
        "screen": screened - read,
        "judge": judged - screened,
        "all": judged - started,
        "of it CPU": worked - working,
        "peak": memory.peak_rise_bytes / 1e6,
        "kept": memory.growth_bytes / 1e6,
        "compared": result.counts.compared,
        "regressed": result.counts.regressed,
    }


def main() -> None:
    """Measure each case in fresh processes, and print the medians."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--tests", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--inside", nargs=2, metavar=("FILE", "CASE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside is not None:
        file, case = options.inside
        print(json.dumps(inside(Path(file), options.tests, case)))
        return
    with tempfile.TemporaryDirectory(prefix="gate-scale-") as folder:
        path = Path(folder) / "perf-baseline.json"
        write_file(path, options.tests)
        print(
            f"{options.tests} tests, a baseline of {path.stat().st_size / 1e6:.1f} MB, {options.rounds} rounds"
        )
        columns = ("read", "screen", "judge", "all", "of it CPU", "peak", "kept", "compared", "regressed")
        print(f"{'':<26}" + "".join(f"{name:>10}" for name in columns))
        found: dict[str, list[dict[str, float]]] = {case: [] for case in CASES}
        for _ in range(options.rounds):
            for case, rows in found.items():
                rows.append(_in_fresh_process(path, options.tests, case))
        for case, rows in found.items():
            medians = [statistics.median(row[name] for row in rows) for name in columns]
            seconds, sizes, counts = medians[:5], medians[5:7], medians[7:]
            print(
                f"{case:<26}"
                + "".join(f"{value:>8.2f} s" for value in seconds)
                + "".join(f"{value:>7.0f} MB" for value in sizes)
                + "".join(f"{value:>10.0f}" for value in counts)
            )
    print(f"wanted: all at most {WANTED_S:g} s, peak at most {WANTED_MB} MB")


def _in_fresh_process(path: Path, tests: int, case: str) -> dict[str, float]:
    command = (sys.executable, __file__, "--tests", str(tests), "--inside", str(path), case)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
