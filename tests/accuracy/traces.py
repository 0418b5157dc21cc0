"""Long duels, recorded once with every turn, so that rules can be replayed on them."""

from __future__ import annotations

import json
import random
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.accuracy.calibration import LEAST_NS, known_costs
from tests.accuracy.conditions import CONDITIONS, loaded
from tests.accuracy.identical import screening_row, tell
from tests.accuracy.libraries import StudyError, Workshop
from tests.accuracy.parts import Part
from tests.accuracy.planting import KINDS, choose, table_of
from tests.accuracy.sessions import TIME, gate

SHORT_NS = 100_000
SHARE_OF_SHORT = 0.25
_FEWEST_PAIRS = 9
_OPTIONS = (
    "-p",
    "accuracy_long_duels",
    "--perf-confirm=always",
    "--perf-set",
    "confirm_budget=540s",
    "--perf-threshold",
    "memory=off",
    "--perf-threshold",
    "gc=off",
)


def trace(part: Part) -> None:
    """Record long duels of identical code."""
    for number, turn in part.turns("trace", library=part.libraries, condition=part.conditions):
        workshop = part.workshop(turn["library"])
        row = _record(workshop, turn["condition"], _sample(workshop, part.tests, number), {}, number)
        part.results.add("trace", row)


def trace_planted(part: Part) -> None:
    """Record long duels of tests in which something was planted."""
    choices = {"library": part.libraries, "condition": part.conditions, "kind": KINDS}
    for number, turn in part.turns("trace_planted", **choices):
        workshop = part.workshop(turn["library"])
        trials = choose(known_costs(workshop), turn["kind"], tests=part.tests, seed=number + 2_000)
        levels = {trial.test: trial.level for trial in trials}
        workshop.plant(table_of(trials))
        try:
            row = _record(workshop, turn["condition"], sorted(levels), levels, number)
        finally:
            workshop.plant({})
        part.results.add("trace_planted", {**row, "kind": turn["kind"]})


def _record(
    workshop: Workshop, condition_name: str, tests: list[str], levels: dict[str, int], number: int
) -> dict[str, Any]:
    condition, chosen_tests = CONDITIONS[condition_name], frozenset(tests)
    with TemporaryDirectory() as folder, loaded(condition.load, seed=number):
        chosen = Path(folder) / "chosen.json"
        chosen.write_text(json.dumps(tests), encoding="utf-8")
        row, run = gate(workshop, condition, *_OPTIONS, f"--accuracy-duels={chosen}")
    tell("planted trace" if levels else "trace", row)
    duels = [
        {
            "test": found["node_id"],
            "level": levels.get(found["node_id"], 0),
            "pairs": found["duel"]["pair_ratios"],
            "turns": found["duel"]["turns"],
        }
        for found in run["evidence"]
        if found["metric"] == TIME and found["duel"] and found["node_id"] in chosen_tests
    ]
    whole = sum(len(duel["pairs"]) >= _FEWEST_PAIRS for duel in duels)
    print(f"  {whole} of {len(tests)} tests with {_FEWEST_PAIRS} pairs", flush=True)
    if not whole:
        raise StudyError(
            "no duel has as many pairs as the plugin accuracy_long_duels asks for: the functions it replaces "
            "may have moved, or the budget was too short"
        )
    return {
        "finished": row["finished"],
        "library": workshop.name,
        "version": workshop.version,
        "condition": condition_name,
        "recording": number,
        "accused": row["single_run"],
        "duels": duels,
        "screening": screening_row(row, run)["values"],
    }


def _sample(workshop: Workshop, tests: int, seed: int) -> list[str]:
    """Some tests of 1 ms or more, and a few shorter ones."""
    chance = random.Random(seed)
    long, short = workshop.tests_between(LEAST_NS), workshop.tests_between(SHORT_NS, LEAST_NS)
    few = min(len(short), round(tests * SHARE_OF_SHORT))
    return sorted(chance.sample(long, min(len(long), tests - few)) + chance.sample(short, few))
