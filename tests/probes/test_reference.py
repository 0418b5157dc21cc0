"""The reference workload: read as often as its share of the time allows."""

from __future__ import annotations

import gc

import pytest

from pytest_querycache.probes.allocations import load
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


def reading(workload_ns: list[tuple[int, int]]) -> list[int]:
    """What is told after each reading, of which the two runs take so long."""
    moments, now, told = [], 0, []
    for first, second in workload_ns:
        moments += [now, now + first, now + first + second]
        now += 1_000_000_000
    left = iter(moments)
    workload = ReferenceWorkload(lambda: next(left))
    for _ in workload_ns:
        workload.refresh()
        told.append(workload.latest_ns)
    return told


def test_the_smaller_of_two_runs_is_taken() -> None:
    """A disturbance only adds."""
    assert reading([(500, 300)]) == [300]


def test_two_readings_have_to_agree_that_the_machine_is_slow() -> None:
    """What only one reading shows hit that reading; a machine that is faster is so at once."""
    assert reading([(300, 300), (510, 520), (300, 310)]) == [300, 300, 300]
    assert reading([(300, 300), (510, 520), (510, 500), (400, 410)]) == [300, 300, 500, 400]


def test_it_leaves_nothing_on_the_free_lists() -> None:
    """What a test requests does not depend on whether the work was done right before it."""
    counter = load()
    if counter is None:
        pytest.skip("there is no native counter")
    counter.install()
    try:
        span = counter.new_span()

        def requested() -> int:
            gc.collect()
            for _ in range(worked):
                ReferenceWorkload().refresh()
            span.start()
            for _ in range(100):
                [(number, [number], {number: number}, float(number)) for number in range(300)]
            span.stop()
            return span.blocks

        worked = 0
        without = [requested() for _ in range(3)][-1]
        worked = 1
        assert abs(requested() - without) < 10
    finally:
        counter.uninstall()
