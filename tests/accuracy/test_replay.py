"""Rules played back on traces whose answer is known."""

from __future__ import annotations

import pytest

from tests.accuracy.replay import (
    RULES,
    Trace,
    convicted,
    false_sessions,
    gate_rule,
    pair_ratio,
    stored_minimum_rule,
    traces_of,
)


def _trace(*ratios: float, old: float = 2e6) -> Trace:
    pairs = [[[ratio * old, old]] * 3 for ratio in ratios]
    return Trace(test="t", library="l", condition="idle", pairs=pairs)


def test_pair_counts_with_its_median_turn() -> None:
    """Shows that one wild turn does not move a pair."""
    assert pair_ratio([[110, 100], [900, 100], [220, 200]]) == pytest.approx(1.1)


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_identical_code_is_never_convicted(rule: object) -> None:
    """Shows that pairs without any difference convict under no rule."""
    found = false_sessions([_trace(1.0, 1.0)], [10], rule, sessions=50, seed=1)  # type: ignore[arg-type]
    assert (found.hits, found.trials) == (0, 50)


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_clear_slowdown_is_always_convicted(rule: object) -> None:
    """Shows that pairs which all show +50 % convict under every rule."""
    found = convicted([_trace(1.5, 1.5)], [10], rule, trials=50, seed=1)  # type: ignore[arg-type]
    assert (found.hits, found.trials) == (50, 50)


def test_rise_below_the_floor_does_not_matter() -> None:
    """Shows that +50 % of 0.1 ms convicts nobody."""
    assert convicted([_trace(1.5, old=1e5)], [1], gate_rule, trials=20, seed=1).hits == 0


def test_gate_wants_nearly_all_pairs() -> None:
    """Shows that pairs of which half show +50 % rarely convict, but often under the rule of a single pair."""
    mixed = [_trace(1.0, 1.5)]
    assert convicted(mixed, [1], gate_rule, trials=400, seed=1).hits / 400 == pytest.approx(6 / 32, abs=0.06)
    one_pair = RULES["one pair, median over +20 %"]
    assert convicted(mixed, [1], one_pair, trials=400, seed=1).hits / 400 == pytest.approx(0.5, abs=0.08)


def test_stored_minimum_is_fooled_by_a_slower_process() -> None:
    """Shows that the machine's change between two processes convicts, where turns beside each other do not."""
    slow, fast = [[3e6, 3e6]] * 3, [[2e6, 2e6]] * 3
    trace = [Trace(test="t", library="l", condition="idle", pairs=[slow, fast])]
    assert convicted(trace, [1], stored_minimum_rule, trials=100, seed=1).hits > 0
    assert convicted(trace, [1], gate_rule, trials=100, seed=1).hits == 0


def test_halves_follow_the_recordings() -> None:
    """Shows that every second recording is kept for the report, and duels without turns are left out."""
    rows = [
        {
            "library": "l",
            "condition": "idle",
            "recording": number,
            "accused": ["a"],
            "duels": [{"test": "a", "turns": [[[1, 1]]], "level": 30}, {"test": "b", "turns": []}],
        }
        for number in range(3)
    ]
    found = traces_of(rows)
    assert [(trace.half, trace.level, trace.accused) for trace in found] == [
        (0, 30, True),
        (1, 30, True),
        (0, 30, True),
    ]
