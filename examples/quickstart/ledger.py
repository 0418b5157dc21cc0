"""A ledger kept in text: parse it, sum it up, print it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Booking(NamedTuple):
    """One line of a ledger; the amount is in cents."""

    day: str
    account: str
    amount: int
    words: tuple[str, ...]


def parse(text: str) -> list[Booking]:
    """Read lines such as ``2024-05-17 groceries -12.30 weekly market``; empty ones and ``#`` are skipped.

    Raises ValueError that names the line.
    """
    bookings = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            day, account, amount, *words = line.split()
            bookings.append(Booking(day, account, cents(amount), tuple(words)))
        except ValueError:
            raise ValueError(f"line {number}: expected day, account and amount, got {line!r}") from None
    return bookings


def cents(amount: str) -> int:
    """``"-12.30"`` as -1230."""
    whole, _, fraction = amount.partition(".")
    sign = -1 if whole.startswith("-") else 1
    return int(whole) * 100 + sign * int(fraction.ljust(2, "0")[:2])


def balances(bookings: Iterable[Booking]) -> dict[str, int]:
    """The sum of each account."""
    sums: dict[str, int] = {}
    for booking in bookings:
        sums[booking.account] = sums.get(booking.account, 0) + booking.amount
    return sums


def running_balance(bookings: Iterable[Booking]) -> Iterator[int]:
    """The sum after each booking, without keeping any."""
    balance = 0
    for booking in bookings:
        balance += booking.amount
        yield balance


def months(bookings: Iterable[Booking]) -> dict[str, list[Booking]]:
    """The bookings of each month."""
    found: dict[str, list[Booking]] = {}
    for booking in bookings:
        found.setdefault(booking.day[:7], []).append(booking)
    return found


def index(bookings: Iterable[Booking]) -> dict[str, list[int]]:
    """For each word of the descriptions, the positions of the bookings that have it."""
    found: dict[str, list[int]] = {}
    for position, booking in enumerate(bookings):
        for word in dict.fromkeys(booking.words):
            found.setdefault(word.lower(), []).append(position)
    return found


def statement(bookings: Iterable[Booking]) -> str:
    """A table for people, with the running balance."""
    lines = []
    balance = 0
    for booking in bookings:
        balance += booking.amount
        row = f"{booking.day}  {booking.account:<12}{booking.amount / 100:>12.2f}{balance / 100:>14.2f}"
        lines.append(row)
    return "\n".join(lines)
