"""A year of bookings, the same in every session."""

from __future__ import annotations

import pytest

ACCOUNTS = ("groceries", "rent", "salary", "books", "travel")
WORDS = ("weekly", "market", "train", "Paris", "paperback", "bonus", "repair", "gift")


@pytest.fixture(scope="session")
def text() -> str:
    """A ledger of 3,000 lines."""
    lines = ["# day account amount description"]
    for number in range(3_000):
        day = f"2024-{number * 12 // 3_000 + 1:02}-{number % 28 + 1:02}"
        account = ACCOUNTS[number * 7 % 5]
        amount = f"{number * 37 % 900 - 400}.{number % 100:02}"
        words = f"{WORDS[number % 8]} {WORDS[number * 3 % 8]}"
        lines.append(f"{day} {account} {amount} {words}")
    return "\n".join(lines)
