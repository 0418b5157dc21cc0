"""Which combination of library, condition and kind of work a part of the study turns to next."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, product

from tests.accuracy.results import least_served

CHOICES = {"library": "ABCD", "kind": "abcd", "condition": "12345"}


def test_few_sessions_tell_the_choices_apart() -> None:
    """After 20 of 80 sessions every member was served alike, and no two of them always went together."""
    every = [dict(zip(CHOICES, values, strict=True)) for values in product(*CHOICES.values())]
    rows: list[dict[str, str]] = []
    for _ in range(20):
        rows.append(least_served(rows, every))
    for name, members in CHOICES.items():
        assert set(Counter(row[name] for row in rows).values()) == {20 // len(members)}
    for pair in combinations(CHOICES, 2):
        assert max(Counter(tuple(row[name] for name in pair) for row in rows).values()) <= 2


def test_part_goes_on_where_it_was_stopped() -> None:
    """What rows have already is not done again before everything else was."""
    every = [{"library": "A"}, {"library": "B"}]
    assert least_served([{"library": "A"}], every) == {"library": "B"}
