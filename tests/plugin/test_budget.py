"""The time that confirmation has."""

from __future__ import annotations

from pytest_querycache.plugin.budget import Budget


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


def test_budget_runs_out() -> None:
    """What is left shrinks with the clock, and never below nothing."""
    clock = Clock()
    budget = Budget(10e9, clock)
    clock.now = 4_000_000_000
    assert (budget.left_ns, budget.is_over, str(budget)) == (6_000_000_000, False, "6 s left")
    clock.now = 11_000_000_000
    assert (budget.left_ns, budget.is_over, str(budget)) == (0, True, "0 s left")


def test_share_ends_before_the_whole() -> None:
    """A share lasts a part of what is left, on the same clock."""
    clock = Clock()
    budget = Budget(100, clock)
    clock.now = 40
    assert budget.share(0.5).deadline == 70


def test_what_is_given_back_does_not_count() -> None:
    """A build that took a while moves the end by as much."""
    clock = Clock()
    budget = Budget(100, clock)
    clock.now = 90
    budget.give_back(begun=30)
    assert budget.left_ns == 70
