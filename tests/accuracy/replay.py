"""Recorded pairs played back: what a rule would decide in thousands of sessions.

A session of identical code has as many suspects as screening accused in some recorded session. Each suspect is a
recorded test, under one condition; its pairs are drawn from that test's own, with replacement, and the rule decides
one suspect after the other, with the number of suspects known, as live. A power trial is one planted test, whose
pairs are drawn likewise.

Drawing from nine pairs cannot show what happens once in a thousand pairs of the same test, but it does show what
several unlucky tests of hundreds do in a thousand sessions.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from pytest_querycache.model.pairs import is_cleared, joint_estimate, pairs_needed
from tests.accuracy.proportion import Proportion

RATIO = 0.2
FLOOR_NS = 100_000

Pair = Sequence[Sequence[float]]
"""The turns of one pair of processes: new and old value of each, in ns."""

Draw = Callable[[], Pair]
Rule = Callable[[Draw, int], bool]
"""Whether a suspect is convicted, given pairs for the asking and the number of suspects."""


@dataclass(frozen=True, kw_only=True)
class Trace:
    """The pairs of one test.

    ``level`` is what was planted in per cent, ``half`` 0 for tuning and 1 for reporting. ``accused`` says that the
    single execution before them lay more than 20 % over the stored one.
    """

    test: str
    library: str
    condition: str
    pairs: Sequence[Pair]
    level: int = 0
    half: int = 0
    accused: bool = False

    @property
    def old_ns(self) -> float:
        """What the old code took."""
        return median(old for pair in self.pairs for _, old in pair)


def traces_of(rows: Iterable[Mapping[str, Any]]) -> list[Trace]:
    """The traces in recorded rows; every second recording is for tuning, the others are reported."""
    return [
        Trace(
            test=duel["test"],
            library=row["library"],
            condition=row["condition"],
            pairs=duel["turns"],
            level=duel.get("level", 0),
            half=row["recording"] % 2,
            accused=duel["test"] in row["accused"],
        )
        for row in rows
        for duel in row["duels"]
        if duel["turns"]
    ]


def pair_ratio(pair: Pair) -> float:
    """A pair's ratio of new to old: the median of its turns'."""
    return median(new / old for new, old in pair)


def gate_rule(draw: Draw, suspects: int) -> bool:
    """The gate's own rule, in ``pytest_querycache.model.pairs``."""
    needed = pairs_needed(suspects)
    drawn: list[Pair] = []
    ratios: list[float] = []
    while len(ratios) < needed:
        drawn.append(draw())
        ratios.append(pair_ratio(drawn[-1]))
        if is_cleared(ratios, RATIO):
            return False
    return joint_estimate(ratios) > 1 + RATIO and _rise(drawn) >= FLOOR_NS


def one_pair_rule(draw: Draw, suspects: int) -> bool:
    """A single pair of processes, its median over 20 %."""
    pair = draw()
    return pair_ratio(pair) > 1 + RATIO and _rise([pair]) >= FLOOR_NS


def stored_minimum_rule(draw: Draw, suspects: int) -> bool:
    """The smallest new value of one process against the smallest old one of another, as a stored one would be."""
    new = min(new for new, _ in draw())
    old = min(old for _, old in draw())
    return new > old * (1 + RATIO) and new - old >= FLOOR_NS


def stored_single_rule(draw: Draw, suspects: int) -> bool:
    """The first new value of one process against the first old one of another."""
    new, old = draw()[0][0], draw()[0][1]
    return new > old * (1 + RATIO) and new - old >= FLOOR_NS


RULES: dict[str, Rule] = {
    "the gate's rule": gate_rule,
    "one pair, median over +20 %": one_pair_rule,
    "min:20 % against a stored minimum": stored_minimum_rule,
    "+20 % against a stored single value": stored_single_rule,
}


def false_sessions(
    traces: Sequence[Trace], suspects: Sequence[int], rule: Rule, *, sessions: int, seed: int
) -> Proportion:
    """How many simulated sessions of identical code convict anybody.

    ``suspects`` are numbers of suspects that were seen in sessions; one is drawn for each simulated one.
    """
    chance = random.Random(seed)
    guilty = 0
    for _ in range(sessions):
        number = chance.choice(suspects)
        accused = [chance.choice(traces) for _ in range(number)]
        guilty += any(rule(_drawing(trace, chance), number) for trace in accused)
    return Proportion(guilty, sessions)


def convicted(
    traces: Sequence[Trace], suspects: Sequence[int], rule: Rule, *, trials: int, seed: int
) -> Proportion:
    """How many trials on recorded tests end with a conviction, each among a drawn number of suspects."""
    chance = random.Random(seed)
    hits = 0
    for _ in range(trials):
        trace = chance.choice(traces)
        hits += rule(_drawing(trace, chance), chance.choice(suspects))
    return Proportion(hits, trials)


def _drawing(trace: Trace, chance: random.Random) -> Draw:
    return lambda: chance.choice(trace.pairs)


def _rise(pairs: Sequence[Pair]) -> float:
    new = median(median(new for new, _ in pair) for pair in pairs)
    return new - median(median(old for _, old in pair) for pair in pairs)
