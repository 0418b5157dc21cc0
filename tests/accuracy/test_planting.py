"""What is planted, and how much of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.accuracy.planting import KINDS, Costs, choose, costs_of, measured_rise, table_of, work_for

COSTS = Costs(
    warm_ns=4e6, calls=3, units={"python": 100_000, "c": 1_200, "allocation": 40_000, "sleep": 100_000}
)


@given(
    st.sampled_from(KINDS),
    st.floats(0.1, 1.0),
    st.integers(1, 5_000),
    st.floats(1e3, 1e6),
)
def test_work_of_all_calls_makes_up_the_share(kind: str, share: float, calls: int, units: float) -> None:
    """Shows that working calls times their amount is the share of the test's time, to within rounding."""
    costs = Costs(warm_ns=1e6, calls=calls, units=dict.fromkeys(KINDS, units))
    amount, stride = work_for(costs, kind, share)
    working = len(range(0, calls, stride))
    assert working * amount == pytest.approx(share * units, abs=working / 2 + 1)


def test_sleep_happens_once_in_an_execution() -> None:
    """Shows that a test that calls the function often sleeps in its first call only."""
    assert work_for(COSTS, "sleep", 0.3) == (30_000, 3)


def test_other_work_is_spread_over_the_calls() -> None:
    """Shows that each of a few calls does its part."""
    assert work_for(COSTS, "python", 0.3) == (10_000, 1)


def test_choice_is_repeatable_and_of_one_kind() -> None:
    """Shows that a seed gives the same trials again, each test once."""
    costs = {f"test_{number}": COSTS for number in range(40)}
    first, again = (choose(costs, "c", tests=13, seed=5) for _ in range(2))
    assert first == again
    assert len(table_of(first)) == 13
    assert {trial.kind for trial in first} == {"c"}
    assert sorted(trial.level for trial in first) == [10, 10, 20, 25, 25, 25, 30, 30, 30, 50, 50, 50, 100]


def _rounds(*, calls: list[int], times: list[float]) -> dict[str, object]:
    unit = {"python": 10.0, "c": 100.0, "allocation": 20.0}
    return {"calls": calls, "times": times, "units": [unit] * len(times)}


def test_speed_of_the_machine_cancels() -> None:
    """Shows that executions at half the speed give the same costs in units of work."""
    rounds = {
        "calls": [2, 2, 2],
        "times": [1e6, 2e6, 1e6],
        "units": [{"python": 10.0}, {"python": 20.0}, {"python": 10.0}],
    }
    found = costs_of(rounds)
    assert found is not None
    assert found.units == {"python": 1e5, "sleep": 1e5}


@pytest.mark.parametrize(
    "rounds",
    [
        _rounds(calls=[0, 0, 0], times=[1e6] * 3),
        _rounds(calls=[1, 2, 1], times=[1e6] * 3),
        _rounds(calls=[1] * 4, times=[1e6, 2e6, 4e6, 9e6]),
    ],
    ids=["no call", "unsteady calls", "unsteady time"],
)
def test_what_cannot_be_planted_is_left_out(rounds: dict[str, object]) -> None:
    """Shows that a test is left out whose share of time in the function would not be known."""
    assert costs_of(rounds) is None


def test_correction_divides_by_the_response() -> None:
    """Shows that work which made a test 1.5 times as much slower as meant is cut to two thirds."""
    corrected = COSTS.corrected({"python": 1.5})
    assert work_for(corrected, "python", 0.3) == (round(10_000 / 1.5), 1)


def test_rise_is_the_median_of_the_pairs() -> None:
    """Shows that one disturbed execution changes neither the rise that is seen nor its error much."""
    rise, error = measured_rise({"times": [100, 200, 100, 100, 100], "dosed": [130, 260, 130, 900, 130]})
    assert rise == pytest.approx(0.3)
    assert error == 0
