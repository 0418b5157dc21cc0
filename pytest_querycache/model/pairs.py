"""The verdict on a time, from pairs of fresh processes: the old code beside the new.

**What is measured.** A pair is two fresh processes, one with the old code and one with the new, both with the same
hash seed. They take turns (A B B A …), so that both see the same machine; every turn of both is a ratio
new/old, and the pair's ratio is the median of its turns. Between pairs everything that biases a process changes:
hash seed, address layout, state of the machine. The variance that matters lies between processes (Kalibera and
Jones 2013), so a pair counts once, however many turns it took.

**The rule.** Let ``r`` be the threshold's ratio (0.2), ``f`` its floor, ``m`` the number of pairs, and a pair *show*
the regression when its ratio exceeds ``1 + r/2``.

* ``unchanged`` as soon as two pairs do not show it: from then on the next line cannot come true.
* ``regressed`` when at least ``m`` pairs were run, all but at most one show it, the joint estimate (the median of
  the pairs' ratios) exceeds ``1 + r``, and the increase in absolute time reaches ``f``.
* ``unchanged`` when ``m`` pairs were run and the joint estimate does not exceed ``1 + r``.
* ``unconfirmed`` otherwise: time or processes ran out first.

Two numbers, ``r/2`` for a pair and ``r`` for all, because they answer two questions: is it real, and does it matter.

**How many pairs.** Let ``q`` be the chance that a pair of identical code shows it. On two shared cores 1 % of the
tests left ±13 % in a median over pairs; q = 0.05 is a cautious bound for a single pair. A false conviction needs
``m − 1`` such pairs out of ``m``, whose chance is at most ``m·q^(m−1)``, so that among ``n`` suspects of one session
it is at most ``n·m·q^(m−1)``. ``m`` is the smallest number from 5 for which that is at most 1 in 1,000.

**The interval** from the smallest to the largest of five pairs' ratios covers the true median with probability
``1 − 2·0.5⁵ = 94 %``, whatever the distribution (order statistics; e.g. Conover, *Practical Nonparametric
Statistics*, section 3.2); with more pairs, the outermost ones are dropped as long as 94 % remain.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from statistics import median

FEWEST_PAIRS = 5
"""No fewer pairs convict."""

MOST_PAIRS = 9
"""More suspects than these pairs can tell apart are not taken on."""

ALLOWED_DISSENT = 1
"""How many pairs may fail to show what all others do: a machine may be disturbed once."""

_SHOWS_BY_CHANCE = 0.05
_FALSE_PER_SESSION = 0.001
_COVERAGE = 0.93


def pairs_needed(suspects: int) -> int:
    """How many pairs convict in a session with this many suspects."""
    needed = FEWEST_PAIRS
    while needed < MOST_PAIRS and suspects * needed * _SHOWS_BY_CHANCE ** (needed - 1) > _FALSE_PER_SESSION:
        needed += 1
    return needed


def shows(pair_ratio: float, threshold_ratio: float) -> bool:
    """Whether one pair shows a regression: more than half the tolerated change."""
    return pair_ratio > 1 + threshold_ratio / 2


def is_cleared(pair_ratios: Sequence[float], threshold_ratio: float) -> bool:
    """Whether the pairs so far rule a conviction out, so that no more need be run."""
    against = sum(not shows(ratio, threshold_ratio) for ratio in pair_ratios)
    return against > ALLOWED_DISSENT


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
