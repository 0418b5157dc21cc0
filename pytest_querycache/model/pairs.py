"""The verdict on a time, from pairs of fresh processes: the old code beside the new.

**What is measured.** A pair is two fresh processes, one with the old code and one with the new, both with the same
hash seed. They take turns (A B B A …), so that both see the same machine; every turn of both is a ratio
new/old, and the pair's ratio is the median of its turns. A round that was disturbed (time was stolen, or the
reference workload was slower beside one side) is measured again. One that stays disturbed is read both as it is and
with both sides brought to one speed: a slower processor made one side's times longer, but a thread or a tracer of
the code's own makes its reference workload slower, too. What both readings show counts, with the smaller ratio, and
what neither shows, with the larger one; a pair that depends on how it is read is left out.
Between pairs everything that biases a process changes: hash seed, address layout, state of the machine. The variance
that matters lies between processes (Kalibera and Jones 2013), so a pair counts once, however many turns it took.

**The rule.** Let ``r`` be the threshold's ratio (0.2), ``f`` its floor, ``m`` the number of pairs, and a pair *show*
the regression when its ratio exceeds ``1 + r/2``.

* ``unchanged`` as soon as two pairs do not show it: from then on the next line cannot come true.
* ``regressed`` when at least ``m`` pairs were run, all but at most one show it, the joint estimate (the median of
  the pairs' ratios) exceeds ``1 + r``, and the increase in absolute time reaches ``f``.
* ``unchanged`` when ``m`` pairs were run and the joint estimate does not exceed ``1 + r``, or ``f`` is not reached.
* ``unconfirmed`` otherwise: time or processes ran out first.

Where higher is better a ratio is old/new, and ``r`` becomes ``r/(1 − r)``: to lose a fifth is to be 1.25 times as
bad.

Two numbers, ``r/2`` for a pair and ``r`` for all, because they answer two questions: is it real, and does it matter.

**The stricter bar.** Where the two sides could not take turns (they get in each other's way, so that one ran after
the other; or the test can be executed only once in a process) or there is no old code at all (the baseline's own
fresh processes stand for it), drift between the two measurements is not taken out by pairing. A pair then shows the
regression above ``1 + r``, the joint estimate has to exceed ``1 + 2r``, and at least seven pairs are run; an estimate
between ``1 + r`` and ``1 + 2r`` stays unconfirmed. Times are brought to the reference workload's speed; beside stored
values the ratio of tests that nobody suspected is divided out too: they were not touched, so what they show is the
machine.

**How many pairs.** Let ``q`` be the chance that a pair of identical code shows it. On two shared cores 1 % of the
tests left ±13 % in a median over pairs; q = 0.05 is a cautious bound for a single pair. A false conviction needs
``m − 1`` such pairs out of ``m``, whose chance is at most ``m·q^(m−1)``, so that among ``n`` suspects of one session
it is at most ``n·m·q^(m−1)``. ``m`` is the smallest number from 5 (from 7 under the stricter bar) for which
that is at most 1 in 1,000.

**The interval** from the smallest to the largest of five pairs' ratios covers the true median with probability
``1 − 2·0.5⁵ = 94 %``, whatever the distribution (order statistics; e.g. Conover, *Practical Nonparametric
Statistics*, section 3.2); with more pairs, the outermost ones are dropped as long as 94 % remain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """How much has to be shown: by a pair and by all, in parts of the threshold's ratio, and by how many pairs."""

    pair: float
    joint: float
    fewest_pairs: int


IN_TURNS = Bar(pair=0.5, joint=1.0, fewest_pairs=5)
"""Old and new code took turns, so that both saw the same machine."""

APART = Bar(pair=1.0, joint=2.0, fewest_pairs=7)
"""They did not."""

MOST_PAIRS = 9
"""More suspects than these pairs can tell apart are not taken on."""

ALLOWED_DISSENT = 1
"""How many pairs may fail to show what all others do: a machine may be disturbed once."""

_SHOWS_BY_CHANCE = 0.05
_FALSE_PER_SESSION = 0.001
_COVERAGE = 0.93


def pairs_needed(suspects: int, bar: Bar = IN_TURNS) -> int:
    """How many pairs convict in a session with this many suspects."""
    needed = bar.fewest_pairs
    while needed < MOST_PAIRS and suspects * needed * _SHOWS_BY_CHANCE ** (needed - 1) > _FALSE_PER_SESSION:
        needed += 1
    return needed


def shows(pair_ratio: float, threshold_ratio: float, bar: Bar = IN_TURNS) -> bool:
    """Whether one pair shows a regression: more than the bar's part of the tolerated change."""
    return pair_ratio > 1 + bar.pair * threshold_ratio


def is_cleared(pair_ratios: Sequence[float], threshold_ratio: float, bar: Bar = IN_TURNS) -> bool:
    """Whether the pairs so far rule a conviction out, so that no more need be run."""
    against = sum(not shows(ratio, threshold_ratio, bar) for ratio in pair_ratios)
    return against > ALLOWED_DISSENT


def is_convincing(pair_ratios: Sequence[float], threshold_ratio: float, bar: Bar = IN_TURNS) -> bool:
    """Whether all pairs together lie beyond what is tolerated."""
    return joint_estimate(pair_ratios) > 1 + bar.joint * threshold_ratio


def joint_estimate(pair_ratios: Sequence[float]) -> float:
    """The estimate of how many times the old time the new one is."""
    return median(pair_ratios)


def interval(pair_ratios: Sequence[float]) -> tuple[float, float]:
    """The interval of the joint estimate, as wide as the coverage asks for and the pairs allow."""
    ordered = sorted(pair_ratios)
    number = len(ordered)
    dropped = 0
    while number > 2 * (dropped + 1) and _covered(number, dropped + 1) >= _COVERAGE:
        dropped += 1
    return ordered[dropped], ordered[number - 1 - dropped]


def _covered(number: int, dropped: int) -> float:
    """The chance that the median lies between the outermost values left after dropping some on either side."""
    below = sum(comb(number, k) for k in range(dropped + 1))
    return float(1 - 2 * below / 2**number)
