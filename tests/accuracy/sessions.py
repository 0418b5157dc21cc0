"""One gated session of a library's suite, and what became of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.accuracy.conditions import Condition
from tests.accuracy.libraries import StudyError, Workshop
from tests.accuracy.rivals import flagged_by_single_run

TIME = "wall_time"


def gate(
    workshop: Workshop, condition: Condition, *options: str, tests: Sequence[str] = ()
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Gate one session: the row that says how it ended, and the whole run file for what a part wants of it.

    Settings are the default ones but for ``-n0``. Raises StudyError when the gate could not be run at all.
    """
    with TemporaryDirectory() as folder:
        run_file, clock_file = Path(folder) / "run.json", Path(folder) / "clock.json"
        asked = (f"--perf-json={run_file}", f"--accuracy-clock={clock_file}", *options)
        baseline = f"--perf-baseline={workshop.baseline(condition.recorded)}"
        ended = workshop.run(workshop.command("-n0", baseline, *asked, tests=tests))
        if ended.status not in {0, 1} or not run_file.exists() or not clock_file.exists():
            raise StudyError(f"{workshop.name}: exit status {ended.status}: {ended.output[-800:]}")
        run = json.loads(run_file.read_text(encoding="utf-8"))
        clock = json.loads(clock_file.read_text(encoding="utf-8"))
    verdict = run["gate"]
    values = wall_times(run)
    row = {
        "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "library": workshop.name,
        "version": workshop.version,
        "condition": condition.name,
        "status": ended.status,
        "seconds": round(ended.seconds, 3),
        "tests_seconds": round(clock["tests_seconds"], 3),
        "confirming_seconds": round(clock["confirming_seconds"], 3),
        "gate_failures": verdict["failures"],
        "failed_tests": sorted(n for n, r in run["records"].items() if r["outcome"].startswith("failed")),
        "counts": verdict["counts"],
        "notes": verdict["notes"],
        "regressed": [told(f) for f in verdict["findings"] if f["verdict"] in {"regressed", "over_budget"}],
        "unconfirmed": [told(f) for f in verdict["findings"] if f["verdict"] == "unconfirmed"],
        "cleared": dict(Counter(how_cleared(f.get("proof", "")) for f in verdict["cleared"])),
        "duels": [shortened(found) for found in run["evidence"] if found.get("duel")],
        "records_over_floor": sum(value >= 100_000 for value in values.values()),
        "single_run": flagged_by_single_run(values, workshop.entries(condition.recorded)),
    }
    return row, run


def wall_times(run: Mapping[str, Any]) -> dict[str, float]:
    """The wall time of every test that passed, in ns."""
    return {
        test: record["values"][TIME]
        for test, record in run["records"].items()
        if record["outcome"] == "passed" and TIME in record["values"]
    }


def told(finding: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a verdict."""
    return {
        "test": finding["node_id"],
        "metric": (finding.get("metric") or {}).get("name", ""),
        "ratio": finding.get("estimate"),
        "proof": finding.get("proof", ""),
    }


def how_cleared(proof: str) -> str:
    """A short name for what acquitted a suspect, from the proof that the verdict gives."""
    if "second look" in proof:
        return "second look"
    if "pairs" in proof:
        return "duel"
    return "other"


def shortened(found: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a duel in the row of a session; the traces keep all turns."""
    duel = found["duel"]
    return {
        "test": found["node_id"],
        "metric": found["metric"],
        "problem": found["problem"],
        "pairs": [round(ratio, 4) for ratio in duel["pair_ratios"]],
        "needed": duel["needed"],
    }


def outcome_of(test: str, run: Mapping[str, Any], metric: str = TIME) -> dict[str, Any]:
    """What became of one test's time: the verdict, why, and whether its suspicion reached a duel."""
    verdict = run["gate"]
    found = [
        finding
        for finding in (*verdict["findings"], *verdict["cleared"])
        if finding["node_id"] == test and (finding.get("metric") or {}).get("name") == metric
    ]
    finding: Mapping[str, Any] = min(found, key=_by_weight) if found else {"verdict": "not a suspect"}
    evidence = _evidence(run["evidence"], test, metric)
    duel = (evidence or {}).get("duel") or {}
    return {
        "verdict": "cleared" if finding["verdict"] == "unchanged" else finding["verdict"],
        "proof": finding.get("proof", ""),
        "estimate": finding.get("estimate"),
        "duel": bool(duel),
        "pairs": [round(ratio, 4) for ratio in duel.get("pair_ratios", ())],
        "needed": duel.get("needed"),
        "problem": (evidence or {}).get("problem", ""),
    }


def _by_weight(finding: Mapping[str, Any]) -> int:
    order = ("regressed", "unconfirmed", "unchanged")
    return order.index(finding["verdict"]) if finding["verdict"] in order else len(order)


def _evidence(evidence: Iterable[Mapping[str, Any]], test: str, metric: str) -> Mapping[str, Any] | None:
    return next((found for found in evidence if found["node_id"] == test and found["metric"] == metric), None)
