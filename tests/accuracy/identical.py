"""Sessions of identical code, of code that is slower everywhere, and of none that is suspect."""

from __future__ import annotations

import json
import random
from typing import Any

from tests.accuracy.calibration import LEAST_NS, measure_rounds
from tests.accuracy.conditions import CONDITIONS, loaded
from tests.accuracy.libraries import StudyError, Workshop
from tests.accuracy.parts import Part
from tests.accuracy.rivals import LEAST_ROUNDS, ROUND_SECONDS, flagged_by_min
from tests.accuracy.sessions import gate

ROUNDS_TESTS = 25
ROUNDS_EVERY = 3
"""Neither the number of libraries nor that of conditions is a multiple of it, so that each has its turn."""
EVERYTHING = 0.3
FORCED_BUDGET = "400s"
_NO_SUSPECTS = tuple(
    part for family in ("time", "memory", "gc") for part in ("--perf-threshold", f"{family}=100000%")
)


def record_rounds(workshop: Workshop) -> None:
    """What the rival's rule compares with: rounds of some tests, recorded idle and busy like the baselines."""
    tests = workshop.tests_between(LEAST_NS)
    chosen = sorted(random.Random(2).sample(tests, min(ROUNDS_TESTS, len(tests))))
    for recorded, load in (("idle", ""), ("busy", "busy")):
        with loaded(load, seed=0):
            rounds = _rounds(workshop, chosen)
        (workshop.folder / f"rounds-{recorded}.json").write_text(json.dumps(rounds), encoding="utf-8")


def identical(part: Part) -> None:
    """Gate identical code; behind every third session the rounds of the rival's rule are measured."""
    for number, turn in part.turns("identical", library=part.libraries, condition=part.conditions):
        workshop, condition = part.workshop(turn["library"]), CONDITIONS[turn["condition"]]
        with loaded(condition.load, seed=number):
            row, run = gate(workshop, condition)
            if number % ROUNDS_EVERY == 0:
                file = workshop.folder / f"rounds-{condition.recorded}.json"
                stored = json.loads(file.read_text(encoding="utf-8"))
                now = _rounds(workshop, sorted(stored))
                row["rounds"] = {"tests": len(now), "flagged": flagged_by_min(now, stored)}
        part.results.add("identical", row)
        part.results.add("screening", screening_row(row, run))
        tell("identical", row)


def forced(part: Part) -> None:
    """Gate identical code with every one of some tests forced to be a suspect, and time to confirm them all."""
    for number, turn in part.turns("forced", library=part.libraries, condition=part.conditions):
        workshop, condition = part.workshop(turn["library"]), CONDITIONS[turn["condition"]]
        tests = workshop.tests_between(100_000)
        chosen = sorted(random.Random(number).sample(tests, min(part.tests, len(tests))))
        with loaded(condition.load, seed=number):
            budget = ("--perf-set", f"confirm_budget={FORCED_BUDGET}")
            row, _ = gate(workshop, condition, "--perf-confirm=always", *budget, tests=chosen)
        row["tests"] = len(chosen)
        part.results.add("forced", row)
        tell("forced", row)


def everything(part: Part) -> None:
    """Gate code in which every test is 30 % slower."""
    for number, turn in part.turns("everything", library=part.libraries, condition=part.conditions):
        workshop, condition = part.workshop(turn["library"]), CONDITIONS[turn["condition"]]
        workshop.slow_everything(EVERYTHING)
        try:
            with loaded(condition.load, seed=number):
                row, _ = gate(workshop, condition)
        finally:
            workshop.slow_everything(0.0)
        row["suite_wide"] = [note for note in row["notes"] if "suite-wide" in note]
        part.results.add("everything", row)
        tell("everything", row)


def overhead(part: Part) -> None:
    """A plain session and a gated one in turn, whose thresholds suspect what became five hundred times as slow."""
    for number, turn in part.turns("overhead", library=part.libraries):
        workshop = part.workshop(turn["library"])
        baseline = f"--perf-baseline={workshop.baseline('idle')}"
        commands = {
            "plain": workshop.command("-n0", gated=False),
            "gated": workshop.command("-n0", baseline, *_NO_SUSPECTS, clocked=False),
        }
        seconds: dict[str, float] = {}
        for kind in ("plain", "gated") if number // len(part.libraries) % 2 else ("gated", "plain"):
            ended = workshop.run(commands[kind])
            if kind == "gated" and " regressed 0 " not in ended.output:
                raise StudyError(f"{workshop.name}: this was not gated: {ended.output[-800:]}")
            seconds[kind] = ended.seconds
        part.results.add("overhead", {"library": turn["library"], **seconds})
        print(f"overhead {turn['library']}: {seconds}", flush=True)


def screening_row(row: dict[str, Any], run: dict[str, Any]) -> dict[str, Any]:
    """The single executions of a session that last 0.1 ms or more: wall, processor and reference time in ns."""
    names = ("wall_time", "cpu_time", "reference_time")
    values = {
        test: [record["values"].get(name) for name in names]
        for test, record in run["records"].items()
        if record["outcome"] == "passed" and record["values"].get("wall_time", 0) >= 100_000
    }
    return {"library": row["library"], "condition": row["condition"], "values": values}


def tell(part: str, row: dict[str, Any]) -> None:
    """One line about a session."""
    counts = row["counts"]
    print(
        f"{part} {row['library']}, {row['condition']}: exit status {row['status']}, "
        f"{row['seconds']:.0f} s of which {row['confirming_seconds']:.0f} s confirming; "
        f"regressed {counts['regressed']}, unconfirmed {counts['unconfirmed']}, cleared {row['cleared']}; "
        f"+20 % rule {len(row['single_run'])}",
        flush=True,
    )


def _rounds(workshop: Workshop, tests: list[str]) -> dict[str, list[float]]:
    rounds = measure_rounds(workshop, tests, least=LEAST_ROUNDS, seconds=ROUND_SECONDS)
    return {test: [of_test["cold"], *of_test["times"]] for test, of_test in rounds.items()}
