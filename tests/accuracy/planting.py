"""What is planted: which tests become how much slower, by which kind of work, and what that takes."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

LEVELS = (10, 10, 20, 25, 25, 25, 30, 30, 30, 50, 50, 50, 100)
"""Per cent of the test's own time, each as often as it is drawn among thirteen tests."""

KINDS = ("python", "c", "allocation", "sleep")
_UNSTEADY = 0.5
"""Tests whose middle half of executions spans more of their median are not planted."""

_FEWEST_UNITS = {"python": 100, "c": 2, "allocation": 20, "sleep": 2_000}
"""A working call does no less, so that its own cost is known; with many calls not each one works."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What a test costs: its warm time in ns, the function's calls in it, and its time in units of each work."""

    warm_ns: float
    calls: int
    units: Mapping[str, float]

    def corrected(self, responses: Mapping[str, float]) -> Costs:
        """With the units divided by how many times the expected rise each kind of work was seen to cause."""
        units = {kind: number / responses.get(kind, 1.0) for kind, number in self.units.items()}
        return replace(self, units=units)


@dataclass(frozen=True, slots=True)
class Planted:
    """One trial: a test that becomes ``level`` per cent slower."""

    test: str
    level: int
    kind: str
    amount: int
    stride: int

    @property
    def entry(self) -> tuple[str, int, int]:
        """As the planted function looks it up."""
        return self.kind, self.amount, self.stride


def costs_of(rounds: Mapping[str, Any]) -> Costs | None:
    """What the executions of a calibration show of a test; None when it cannot be planted.

    That is when it does not call the function, not always equally often, or takes too unsteady a time.

    Its time in units of work is the lower quartile, over the executions, of the execution's time over the unit's cost
    right after it, so that the machine's speed of the moment cancels.
    """
    calls = set(rounds["calls"])
    if len(calls) != 1:
        return None
    if calls == {0}:
        return None
    units, spread = {}, 0.0
    for kind in rounds["units"][0]:
        ratios = sorted(
            time / unit[kind] for time, unit in zip(rounds["times"], rounds["units"], strict=True)
        )
        quarter = len(ratios) // 4
        # a test is interrupted more often than the short work beside it, and that only ever adds
        units[kind] = ratios[quarter]
        spread = max(spread, (ratios[-1 - quarter] - ratios[quarter]) / units[kind])
    units["sleep"] = units["python"]  # which sleeps for as long as the loop would take
    if spread > _UNSTEADY:
        return None
    return Costs(warm_ns=median(rounds["times"]), calls=calls.pop(), units=units)


def read_costs(path: Path) -> dict[str, Costs]:
    """The calibration in a file, of the tests that can be planted."""
    document = json.loads(path.read_text(encoding="utf-8"))
    return {test: Costs(**members) for test, members in document.items()}


def work_for(costs: Costs, kind: str, share: float) -> tuple[int, int]:
    """How much work each working call does, and each how-manieth call works, for a share of the test's time."""
    total = share * costs.units[kind]
    working = 1 if kind == "sleep" else max(1, min(costs.calls, int(total / _FEWEST_UNITS[kind])))
    stride = math.ceil(costs.calls / working)
    working = math.ceil(costs.calls / stride)
    return max(1, round(total / working)), stride


def choose(costs: Mapping[str, Costs], kind: str, *, tests: int, seed: int) -> list[Planted]:
    """Some tests, each with a level, all with one kind of work."""
    chance = random.Random(seed)
    names = chance.sample(sorted(costs), min(tests, len(costs)))
    levels = chance.sample(LEVELS, len(LEVELS))
    planted = []
    for position, test in enumerate(names):
        level = levels[position % len(levels)]
        amount, stride = work_for(costs[test], kind, level / 100)
        planted.append(Planted(test=test, level=level, kind=kind, amount=amount, stride=stride))
    return planted


def table_of(planted: Sequence[Planted]) -> dict[str, tuple[str, int, int]]:
    """What the planted function does for each test."""
    return {trial.test: trial.entry for trial in planted}


def measured_rise(rounds: Mapping[str, Any]) -> tuple[float, float]:
    """The true share by which the work made a test slower, and the standard error of it.

    Every execution with the work follows one without; the share is the median of the pairs' ratios less one, and
    its error that of a median, 1.2533 of a mean's for the normal distribution.
    """
    ratios = [dosed / plain for plain, dosed in zip(rounds["times"], rounds["dosed"], strict=True)]
    middle = median(ratios)
    # from the median absolute deviation: single disturbed executions are frequent
    deviation = 1.4826 * median(abs(ratio - middle) for ratio in ratios)
    return middle - 1, 1.2533 * deviation / math.sqrt(len(ratios))
