"""Whether a whole session was slower than its baseline, and what follows from it.

The reference workload takes most of a machine's moods out of a time, and not all: contention for caches and memory
slows real tests more than it. Dividing by the suite's own median would take the rest out, and with it every
regression that hits all tests. So the median is believed only when old code, executed beside the new, agrees.

Let ``m`` be the median over the tests of now/stored, times at reference speed. Above 1.1 the session *shifted*, and
a sample of eight tests, spread evenly over the ranks of their ratios, is executed beside the old code before anything
else. Let ``e`` be the median of their joint estimates (``pairs``):

* ``e ≤ 1.1``: the machine. Suspects whose time divided by ``m / max(e, 1)`` is within its limit are acquitted.
* ``e > 1.1``: the code, *suite-wide*. The sample's own verdicts are the proof; of the other suspects the worst are
  proved, the rest is listed as going in the same direction.

Below 0.98 the machine is faster than it was, and a regression would hide in it: times are divided by ``m``, which
makes suspects, and convicts nobody. It takes little for that, because it costs little: a baseline recorded beside a
busy processor hides a tenth, half of the smallest regression that counts. Tests of less than a millisecond and longer
ones have an ``m`` of their own here: the short ones are faster in a session than in the fresh processes that most
stored values come from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import median
from typing import TypeVar

from .pairs import joint_estimate
from .verdict import Duel

SHIFTED = 1.1
"""A median farther from 1 than by this factor is no accident of single tests."""

FASTER = 0.98
"""A median below this makes the tests suspect that became less fast than the others."""

FEWEST_TESTS = 20
"""Of fewer tests the median says nothing about a suite."""

SAMPLE = 8
"""How many tests speak for all, of which at least half have to be measured."""

Ranked = TypeVar("Ranked")


class Cause(str, Enum):
    """What made a whole session slower."""

    CODE = "code"
    MACHINE = "machine"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteShift:
    """What is known of a session that was slower as a whole.

    ``shift`` is the median of now/stored, ``estimate`` that of new/old code over the ``measured`` tests of the
    sample, of which ``slower`` show a regression; ``commit`` is the old code's.
    """

    shift: float
    cause: Cause = Cause.UNKNOWN
    estimate: float | None = None
    measured: int = 0
    slower: int = 0
    commit: str = ""

    @property
    def machine_share(self) -> float:
        """By what to divide a time to take the machine's part out."""
        if self.cause is not Cause.MACHINE or self.estimate is None:
            return 1.0
        return max(self.shift / max(self.estimate, 1.0), 1.0)

    def sentence(self) -> str:
        """What people are told of it."""
        all_of_it = f"suite-wide: half of the tests took {self.shift:.2f}x their time or more"
        if self.cause is Cause.UNKNOWN:
            return f"{all_of_it}; nothing could prove whether it is the code or the machine"
        beside = f"{self.measured} sampled tests took {self.estimate:.2f}x beside {self.commit}"
        if self.cause is Cause.MACHINE:
            return f"{all_of_it}, and it is the machine: {beside}"
        return f"{all_of_it}, and it is the code: {beside}, {self.slower} of them slower"


def shift_of(ratios: Iterable[float]) -> float:
    """The median of now/stored; 1 for fewer tests than say something about a suite."""
    known = list(ratios)
    return median(known) if len(known) >= FEWEST_TESTS else 1.0


def spread_evenly(ranked: Sequence[Ranked], number: int = SAMPLE) -> list[Ranked]:
    """Some members of a sorted sequence, one from the middle of each of as many equal parts."""
    if len(ranked) <= number:
        return list(ranked)
    return [ranked[int((part + 0.5) * len(ranked) / number)] for part in range(number)]


def explained(shift: float, duels: Sequence[Duel]) -> SuiteShift:
    """What the duels of the sample say about a shift."""
    known = [duel for duel in duels if duel.pair_ratios and not duel.apart]
    if len(known) < SAMPLE // 2:
        return SuiteShift(shift=shift, measured=len(known))
    estimates = [joint_estimate(duel.pair_ratios) for duel in known]
    estimate = median(estimates)
    return SuiteShift(
        shift=shift,
        cause=Cause.CODE if estimate > SHIFTED else Cause.MACHINE,
        estimate=estimate,
        measured=len(known),
        slower=sum(found > SHIFTED for found in estimates),
        commit=known[0].commit,
    )
