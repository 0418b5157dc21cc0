"""The part that replays the traces: false sessions and recall, for the gate's rule and for others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.accuracy.parts import Part
from tests.accuracy.planting import LEVELS
from tests.accuracy.replay import RULES, Rule, Trace, convicted, false_sessions, traces_of

SESSIONS = 20_000
TRIALS = 5_000
MOST_SUSPECTS = 60
_FEWEST_TESTS = 5
_LEAST_NS = 1_000_000
_HALVES = {0: "tuning", 1: "reported"}


def replay(part: Part) -> None:
    """Simulate sessions and trials on both halves of the traces, and add what came of it to the results."""
    same, slower = traces_of(part.results.rows("trace")), traces_of(part.results.rows("trace_planted"))
    suspects = suspects_seen(part.results.rows("identical"))
    if not same and not slower:
        print("no traces yet; the parts 'trace' and 'trace-planted' record some")
        return
    print(f"suspects of a session: {len(suspects)} sessions, {min(suspects)} to {max(suspects)}")
    for half, name in _HALVES.items():
        row: dict[str, Any] = {
            "half": name,
            "tests": {"identical": _number(same, half), "planted": _number(slower, half)},
            "false_sessions": _false(same, half, suspects),
            "recall": _recall(slower, half, suspects),
        }
        part.results.add("replay", row)
        for question in ("false_sessions", "recall"):
            for key, counted in row[question].items():
                print(f"{name}, {question}, {key}: {counted['hits']} of {counted['trials']}", flush=True)


def suspects_seen(rows: Iterable[Mapping[str, Any]]) -> list[int]:
    """How many times reached a duel in each live session; where none was recorded yet, one and thirty."""
    seen = [min(MOST_SUSPECTS, sum(duel["metric"] == "wall_time" for duel in row["duels"])) for row in rows]
    return [number for number in seen if number] or [1, 30]


def _false(traces: Sequence[Trace], half: int, suspects: Sequence[int]) -> dict[str, Any]:
    """By condition and rule, the simulated sessions that convicted somebody.

    Once with suspects drawn from all tests, and once only from those that their own single execution accused, as
    screening accuses: a noisy test may be noisy again.
    """
    found: dict[str, Any] = {}
    for condition in sorted({trace.condition for trace in traces}):
        chosen = [trace for trace in traces if trace.half == half and trace.condition == condition]
        accused = [trace for trace in chosen if trace.accused]
        for group, members in ((condition, chosen), (f"{condition}, accused tests only", accused)):
            if len(members) >= _FEWEST_TESTS:
                for name, rule in RULES.items():
                    counted = false_sessions(members, suspects, rule, sessions=SESSIONS, seed=half)
                    found[f"{group}; {name}"] = counted.plain()
    return found


def _recall(traces: Sequence[Trace], half: int, suspects: Sequence[int]) -> dict[str, Any]:
    """By level and rule, the trials on tests of 1 ms or more that ended with a conviction."""
    found = {}
    for level in sorted(set(LEVELS)):
        chosen = [
            trace
            for trace in traces
            if trace.half == half and trace.level == level and trace.old_ns >= _LEAST_NS
        ]
        if chosen:
            for name, rule in RULES.items():
                found[f"+{level} %; {name}"] = _trials(chosen, suspects, rule, half)
    return found


def _trials(traces: Sequence[Trace], suspects: Sequence[int], rule: Rule, half: int) -> dict[str, Any]:
    return convicted(traces, suspects, rule, trials=TRIALS, seed=half).plain()


def _number(traces: Sequence[Trace], half: int) -> int:
    return sum(trace.half == half for trace in traces)
