"""How much work makes which test how much slower: measured once for each library, and checked once more.

First, beside every execution of a test, the cost of each kind of work is timed. Then the work for 30 % is planted in
every second execution of one process, and the rise that is seen corrects the first figure. The check repeats the
latter with tests, levels and executions of its own.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.accuracy.libraries import StudyError, Workshop
from tests.accuracy.planting import (
    KINDS,
    Costs,
    choose,
    costs_of,
    measured_rise,
    read_costs,
    table_of,
    work_for,
)

LEAST_NS = 1_000_000
MOST_TESTS = 40
_SHARE = 0.3
_EXECUTIONS = 7
_CHECKED_EXECUTIONS = 41
_LARGEST_CORRECTION = 2.0


def calibrate(workshop: Workshop) -> int:
    """Write the calibration of a library; how many of its tests can be planted."""
    tests = workshop.tests_between(LEAST_NS)
    if len(tests) > 3 * MOST_TESTS:
        tests = sorted(random.Random(0).sample(tests, 3 * MOST_TESTS))
    rounds = measure_rounds(workshop, tests, "--accuracy-work", least=_EXECUTIONS)
    found = {test: costs_of(of_test) for test, of_test in rounds.items()}
    costs = {test: known for test, known in found.items() if known is not None}
    chosen = sorted(random.Random(1).sample(sorted(costs), min(MOST_TESTS, len(costs))))
    responses: dict[str, dict[str, float]] = {test: {} for test in chosen}
    for kind in KINDS:
        doses = {test: (kind, *work_for(costs[test], kind, _SHARE)) for test in chosen}
        for test, of_test in alternate(workshop, doses, least=_EXECUTIONS).items():
            responses[test][kind] = measured_rise(of_test)[0] / _SHARE
    usable = {
        test: costs[test].corrected({kind: _within(response) for kind, response in of_test.items()})
        for test, of_test in responses.items()
        if len(of_test) == len(KINDS)
    }
    workshop.calibration.write_text(
        json.dumps({test: asdict(known) for test, known in usable.items()}, indent=1)
    )
    return len(usable)


def _within(response: float) -> float:
    """A response, or the end of what is believed: a single calibration may have been disturbed."""
    return min(max(response, 1 / _LARGEST_CORRECTION), _LARGEST_CORRECTION)


def check_truth(workshop: Workshop, kind: str, *, tests: int, seed: int) -> list[dict[str, Any]]:
    """For some tests the level that was meant and the rise that is seen, with its standard error, in per cent."""
    planted = choose(read_costs(workshop.calibration), kind, tests=tests, seed=seed)
    seen = alternate(workshop, table_of(planted), least=_CHECKED_EXECUTIONS)
    rows = []
    for trial in planted:
        if trial.test in seen:
            rise, error = measured_rise(seen[trial.test])
            rows.append({"test": trial.test, "level": trial.level, "seen": 100 * rise, "error": 100 * error})
    return rows


def alternate(workshop: Workshop, doses: Mapping[str, Sequence[Any]], *, least: int) -> dict[str, Any]:
    """The executions of tests in one process, every second of which does the work given for it."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "doses.json"
        file.write_text(json.dumps(doses), encoding="utf-8")
        return measure_rounds(workshop, sorted(doses), f"--accuracy-doses={file}", least=least)


def measure_rounds(
    workshop: Workshop, tests: Sequence[str], *options: str, least: int, seconds: float = 0.0
) -> dict[str, Any]:
    """What the plugin ``accuracy_rounds`` measures of these tests, by test."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "rounds.json"
        asked = (f"--accuracy-least={least}", f"--accuracy-seconds={seconds}", *options)
        command = workshop.command(
            "-n0", "-p", "accuracy_rounds", f"--accuracy-rounds={file}", *asked, gated=False, tests=tests
        )
        ended = workshop.run(command)
        if not file.exists():
            raise StudyError(f"{workshop.name}: nothing was measured: {ended.output[-500:]}")
        return dict(json.loads(file.read_text(encoding="utf-8")))


def known_costs(workshop: Workshop) -> dict[str, Costs]:
    """The calibration; raises StudyError when there is none yet."""
    if not workshop.calibration.exists():
        raise StudyError(f"{workshop.name} is not calibrated; run the part 'calibrate' first")
    return read_costs(workshop.calibration)
