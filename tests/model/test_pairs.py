"""The rule for times, proved by pairs of processes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_querycache.model.decision import decide
from pytest_querycache.model.limit import Limit
from pytest_querycache.model.metric import METRICS
from pytest_querycache.model.pairs import (
    IN_TURNS,
    MOST_PAIRS,
    interval,
    is_cleared,
    joint_estimate,
    pairs_needed,
)
from pytest_querycache.model.verdict import Duel, Evidence, Finding, Suspect, Verdict

TIME = METRICS["wall_time"]


def verdict_on(
    ratios: list[float], *, needed: int = 5, old: float = 1e6, new: float = 1.5e6, problem: str = ""
) -> Finding:
    """What is decided of a time whose threshold is 20 %, and whose floor is 0.1 ms."""
    limit = Limit(metric=TIME, value=1.2e6, origin="built-in", rule="+20 %", reference=1e6, floor=100_000)
    suspect = Suspect(
        node_id="t", test_id="t", metric=TIME, now=2e6, limit=limit, repeat_limit=None, ratio=0.2
    )
    duel = Duel(pair_ratios=ratios, old=old, new=new, needed=needed, commit="abc")
    return decide(suspect, Evidence(duel=duel, problem=problem), confirm="auto")


@pytest.mark.parametrize(
    ("ratios", "verdict"),
    [
        ([1.5] * 5, Verdict.REGRESSED),
        ([1.5, 1.5, 1.5, 1.5, 1.0], Verdict.REGRESSED),  # a machine may be disturbed once
        ([1.5, 1.5, 1.5, 1.0, 1.0], Verdict.UNCHANGED),
        ([1.0, 1.0], Verdict.UNCHANGED),  # two that do not show it rule a conviction out
        ([1.15] * 5, Verdict.UNCHANGED),  # it is real, and does not matter
        ([1.21] * 5, Verdict.REGRESSED),
        ([1.2] * 5, Verdict.UNCHANGED),  # the last tolerated change
        ([1.5] * 4, Verdict.UNCONFIRMED),  # time ran out first
        ([1.5, 1.0], Verdict.UNCONFIRMED),
        ([0.5] * 5, Verdict.UNCHANGED),
    ],
)
def test_what_pairs_show(ratios: list[float], verdict: Verdict) -> None:
    """A time is convicted when enough pairs agree and the estimate exceeds the threshold."""
    assert verdict_on(ratios).verdict is verdict


def test_a_change_under_the_floor() -> None:
    """Half as much again of almost nothing is nothing."""
    assert verdict_on([1.5] * 5, old=100_000, new=150_000).verdict is Verdict.UNCHANGED
    assert verdict_on([1.5] * 5, old=200_000, new=300_000).verdict is Verdict.REGRESSED


def test_the_proof_names_the_old_code() -> None:
    """A finding says how many pairs show it and beside which commit, with the interval of the ratio."""
    found = verdict_on([1.4, 1.5, 1.6, 1.5, 1.0])
    assert found.proof == "4 of 5 pairs of processes show it, beside abc"
    assert (found.was, found.now, found.interval) == (1e6, 1.5e6, (1.0, 1.6))
    cut_short = verdict_on([1.5], problem="the time for confirmation was used up")
    assert cut_short.proof == (
        "the time for confirmation was used up (1 of 1 pairs of processes show it, beside abc)"
    )


@pytest.mark.parametrize(("suspects", "pairs"), [(0, 5), (1, 5), (31, 5), (33, 6), (10**9, MOST_PAIRS)])
def test_more_suspects_need_more_pairs(suspects: int, pairs: int) -> None:
    """The chance of one false conviction in a session stays at one in a thousand."""
    assert pairs_needed(suspects) == pairs


ratios = st.lists(st.floats(0.5, 3.0), min_size=1, max_size=MOST_PAIRS)


@settings(deadline=None)
@given(ratios, st.floats(0.0, 1.0))
def test_slower_pairs_never_give_a_milder_verdict(pairs: list[float], more: float) -> None:
    """Making every pair slower by the same amount can only make the verdict harder."""
    order = [Verdict.UNCHANGED, Verdict.UNCONFIRMED, Verdict.REGRESSED]
    slower = [ratio + more for ratio in pairs]
    assert order.index(verdict_on(pairs).verdict) <= order.index(verdict_on(slower).verdict)


@settings(deadline=None)
@given(ratios, st.randoms())
def test_the_order_of_pairs_does_not_matter(pairs: list[float], random: object) -> None:
    """Verdict, estimate and interval are those of the set."""
    shuffled = list(pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert verdict_on(shuffled) == verdict_on(pairs)


@settings(deadline=None)
@given(ratios, st.lists(st.floats(0.5, 3.0), max_size=4))
def test_who_is_cleared_stays_cleared(pairs: list[float], further: list[float]) -> None:
    """No further pair could turn an acquittal, so that none needs to be run."""
    if is_cleared(pairs, 0.2):
        assert verdict_on(pairs + further).verdict is Verdict.UNCHANGED


@settings(deadline=None)
@given(ratios)
def test_the_interval_holds_the_estimate(pairs: list[float]) -> None:
    """It never lies outside of what was measured, and five pairs keep their extremes."""
    low, high = interval(pairs)
    assert min(pairs) <= low <= joint_estimate(pairs) <= high <= max(pairs)
    if len(pairs) <= IN_TURNS.fewest_pairs:
        assert (low, high) == (min(pairs), max(pairs))
