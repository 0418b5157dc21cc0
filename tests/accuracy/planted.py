"""Sessions in which one function of a library is slower, each test by a level of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.accuracy.calibration import alternate, check_truth, known_costs
from tests.accuracy.conditions import CONDITIONS, loaded
from tests.accuracy.identical import tell
from tests.accuracy.parts import Part
from tests.accuracy.planting import KINDS, Planted, choose, measured_rise, table_of
from tests.accuracy.sessions import TIME, gate, outcome_of

CHECKED_EXECUTIONS = 15


FORCED_BUDGET = "300s"


def planted(part: Part) -> None:
    """Plant, gate with default settings, and take out again; each test of the table is a trial."""
    _planted(part, "planted", 0)


def planted_forced(part: Part) -> None:
    """The same with the planted tests alone, each forced to be a suspect, so that all reach confirmation."""
    _planted(
        part,
        "planted_forced",
        4_000,
        "--perf-confirm=always",
        "--perf-set",
        f"confirm_budget={FORCED_BUDGET}",
    )


def _planted(part: Part, name: str, seed: int, *options: str) -> None:
    choices = {"library": part.libraries, "kind": KINDS, "condition": part.conditions}
    for number, turn in part.turns(name, **choices):
        workshop, condition = part.workshop(turn["library"]), CONDITIONS[turn["condition"]]
        costs = known_costs(workshop)
        trials = choose(costs, turn["kind"], tests=part.tests, seed=seed + number)
        # the rise of each trial is seen once more in one process, without the gate; that alone takes a few seconds
        seen = alternate(workshop, table_of(trials), least=CHECKED_EXECUTIONS)
        names = {trial.test for trial in trials}
        workshop.plant(table_of(trials))
        try:
            with loaded(condition.load, seed=number):
                row, run = gate(workshop, condition, *options, tests=sorted(names) if options else ())
        finally:
            workshop.plant({})
        row |= {
            "kind": turn["kind"],
            "trials": [_trial_row(trial, costs[trial.test].warm_ns, seen, run) for trial in trials],
            "others_regressed": [told for told in row["regressed"] if told["test"] not in names],
            "counts_regressed": [told for told in row["regressed"] if told["metric"] != TIME],
        }
        part.results.add(name, row)
        tell(name, row)
        print("  " + _summary(row["trials"]), flush=True)


def truth(part: Part) -> None:
    """Hold the level that was meant against the rise that is seen, with many executions of a few tests."""
    for number, turn in part.turns("truth", library=part.libraries, kind=KINDS):
        workshop = part.workshop(turn["library"])
        rows = check_truth(workshop, turn["kind"], tests=part.tests, seed=number + 1_000)
        part.results.add("truth", {**turn, "trials": rows})
        shown = ", ".join(f"{row['level']} → {row['seen']:.1f} ± {row['error']:.1f}" for row in rows)
        print(f"truth {turn['library']}, {turn['kind']}: {shown}", flush=True)


def _trial_row(
    trial: Planted, warm_ns: float, seen: Mapping[str, Any], run: Mapping[str, Any]
) -> dict[str, Any]:
    rise, error = measured_rise(seen[trial.test]) if trial.test in seen else (None, None)
    return {
        "test": trial.test,
        "level": trial.level,
        "kind": trial.kind,
        "warm_ns": round(warm_ns),
        "seen": None if rise is None else round(100 * rise, 2),
        "seen_error": None if error is None else round(100 * error, 2),
        **outcome_of(trial.test, run),
    }


def _summary(trials: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"+{trial['level']} {trial['verdict']}" for trial in sorted(trials, key=_by_level))


def _by_level(trial: Mapping[str, Any]) -> int:
    return int(trial["level"])
