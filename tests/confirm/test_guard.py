"""Rounds that something disturbed, as the guard tells them from quiet ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pytest_querycache.confirm.arm import Execution
from pytest_querycache.confirm.guard import FUTILE_AFTER, Guard
from pytest_querycache.probes.strain import Strain, load, read_strain

S = 1_000_000_000


def strain(at: float, stolen: float = 0.0, throttled: float = 0.0) -> Strain:
    return Strain(at_ns=int(at * S), stolen_ns=int(stolen * S), throttled_ns=int(throttled * S))


def guard(*readings: Strain) -> Guard:
    told: Iterator[Strain] = iter(readings)
    watch = Guard(lambda: next(told))
    watch.begin()
    return watch


def at_speed(reference_ns: float) -> list[Execution]:
    return [Execution(outcome="passed", figures={"t": {"reference_time": reference_ns}})]


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (strain(2, stolen=5.05), ""),
        (strain(2, stolen=5.2), "another machine took the processor for 20 % of the time"),
        (strain(2, stolen=5, throttled=1.3), "the container was throttled for 30 % of the time"),
        (strain(1.05, stolen=5.02), ""),
    ],
    ids=["little was stolen", "much was stolen", "throttled", "a tick or two"],
)
def test_what_the_system_tells(after: Strain, told: str) -> None:
    """Time that others took disturbs a round when it is much of it, and more than the system's ticks."""
    watch = guard(strain(0), strain(1, stolen=5, throttled=1), after)
    assert watch.disturbance(at_speed(100), at_speed(100)) == told


@pytest.mark.parametrize(("new", "old"), [(100, 130), (130, 100)])
def test_machine_that_changes_its_speed(new: float, old: float) -> None:
    """A reference workload that goes faster beside one side disturbs the round, whichever side it is."""
    watch = guard(strain(0), strain(1), strain(2))
    assert watch.disturbance(at_speed(new), at_speed(old)) == "the machine changed its speed by 1.30x"


def test_sides_without_a_reference_are_not_disturbed() -> None:
    """Where no reference workload was timed, nothing is concluded from it."""
    watch = guard(strain(0), strain(1), strain(2))
    assert watch.disturbance([Execution(outcome="passed")], at_speed(100)) == ""


def test_machine_that_is_always_like_this() -> None:
    """After three kept rounds in a row that were disturbed, measuring again is given up, until one is quiet."""
    watch = guard(strain(0), strain(1))
    for _ in range(FUTILE_AFTER):
        assert not watch.is_futile
        watch.keep(disturbed=True)
    assert watch.is_futile
    watch.keep(disturbed=False)
    assert not watch.is_futile


def test_this_machine_can_be_read() -> None:
    """Two readings come in order, and what was lost between them is no negative time."""
    before, after = read_strain(), read_strain()
    assert after.at_ns > before.at_ns
    assert after.stolen_ns >= before.stolen_ns >= 0
    assert after.throttled_ns >= before.throttled_ns >= 0
    assert load()[1] >= 1
