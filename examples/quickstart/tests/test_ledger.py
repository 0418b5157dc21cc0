"""An ordinary test suite; nothing in most of these tests knows that they are measured."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import pytest
from ledger import Booking, balances, cents, index, months, parse, running_balance, statement

if TYPE_CHECKING:
    from pytest_querycache import PerfTracker


@pytest.fixture
def bookings(text: str) -> list[Booking]:
    """What a fixture does before the test does not count."""
    return parse(text)


def test_parse(text: str) -> None:
    """Every line but the comment becomes a booking."""
    assert len(parse(text)) == 3_000


def test_parse_names_the_line() -> None:
    """A broken line is named."""
    with pytest.raises(ValueError, match="line 2: expected day, account and amount, got 'nonsense'"):
        parse("2024-01-01 rent 5.00\nnonsense")


@pytest.mark.parametrize(("amount", "expected"), [("12.30", 1230), ("-0.5", -50), ("-7", -700)])
def test_cents(amount: str, expected: int) -> None:
    """Too short to be judged: whatever it does lies below every floor."""
    assert cents(amount) == expected


def test_balances(bookings: list[Booking]) -> None:
    """The sums of the accounts are those of the whole; a rule in pyproject.toml holds this one tightly."""
    assert sum(balances(bookings).values()) == sum(booking.amount for booking in bookings)


@pytest.mark.perf_budget(wall_time="1s", allocated_bytes="256KiB")
def test_running_balance_keeps_nothing(bookings: list[Booking]) -> None:
    """A stream has to stay one: the budget is an absolute limit and needs no baseline."""
    last = deque(running_balance(bookings), maxlen=1).pop()
    assert last == sum(booking.amount for booking in bookings)


def test_months(bookings: list[Booking]) -> None:
    """A year has twelve of them."""
    assert len(months(bookings)) == 12


@pytest.mark.perf_threshold(time="off")
def test_index(bookings: list[Booking]) -> None:
    """Only the counts of this one are gated."""
    assert len(index(bookings)["paris"]) > 100


def test_statement(bookings: list[Booking]) -> None:
    """One line for each booking."""
    assert len(statement(bookings).splitlines()) == 3_000


def test_year_end(text: str, perf_tracker: PerfTracker) -> None:
    """Each section becomes an entry of its own, so that a regression names the step."""
    with perf_tracker.scoped("read"):
        bookings = parse(text)
    with perf_tracker.scoped("report"):
        with perf_tracker.scoped("sum"):
            sums = balances(bookings)
        with perf_tracker.scoped("print"):
            table = statement(bookings)
    perf_tracker.record("characters_per_booking", len(table) / len(bookings), deterministic=True)
    assert set(sums) == {"groceries", "rent", "salary", "books", "travel"}
