"""The reference workload: read as often as its share of the time allows."""

from __future__ import annotations

import pytest

from pytest_querycache.probes.reference import IN_ARM, IN_SESSION, ReferenceWorkload


class Clock:
    """A clock that goes on by itself, and counts who asks it."""

    def __init__(self) -> None:
        self.now = 0
        self.asked = 0

    def __call__(self) -> int:
        self.asked += 1
        self.now += 1_000
        return self.now


@pytest.mark.parametrize("share", [IN_SESSION, IN_ARM])
def test_takes_its_share_of_the_time(share: float) -> None:
    """Asked between tests of a millisecond each, it works for as much of the time as it may, and not more."""
    clock = Clock()
    workload = ReferenceWorkload(clock, share=share)
    worked = 0
    for _ in range(1_000):
        begin = clock.now + 1_000
        workload.refresh()
        worked += clock.now - begin
        clock.now += 10_000
    assert 0.3 * share < worked / clock.now <= share


def test_the_smaller_of_two_runs_is_taken() -> None:
    """A disturbance only adds."""
    moments = iter([0, 500, 800, 1_000_000])
    workload = ReferenceWorkload(lambda: next(moments))
    workload.refresh()
    assert workload.latest_ns == 300
