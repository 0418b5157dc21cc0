"""The lines about statements: which are told, and what they can claim."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_querycache.model.growth import NOT_KEPT, growth_lines


def row(text: str, count: int, *, repeated: int | None = None, rows: int = 0, digest: str = "") -> list[Any]:
    """One fingerprint as a report carries it; its digest is its text where none is given."""
    return [digest or text, text, count, "v.py:4 in f", count if repeated is None else repeated, rows]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ("SELECT id FROM b", "N+1"),
        ("(SELECT id FROM b)", "N+1"),
        ("WITH c AS (SELECT id FROM b) SELECT id FROM c", "N+1"),
        ("INSERT INTO b VALUES (?) RETURNING id", "N+1"),
        ("WITH c AS (SELECT id FROM d) DELETE FROM b RETURNING id", "N+1"),
        ("INSERT INTO b VALUES (?)", "likely N+1"),
        ("UPDATE b SET c = ?", "likely N+1"),
        ("WITH c AS (SELECT id FROM d) UPDATE b SET e = ?", "likely N+1"),
    ],
)
def test_only_rows_that_were_read_prove_an_n_plus_one(other: str, words: str) -> None:
    """Rows that a statement wrote are as many by coincidence."""
    lines = growth_lines([row("SELECT a", 6), row(other, 1, rows=6)], {"SELECT a": 1, other: 1})
    assert lines == [f"1 → 6  SELECT a  at v.py:4 in f  {words}: 6 times from there"]


def test_a_loop_is_told_where_only_the_repetition_grew() -> None:
    """Ten lines that became a loop change no count, and ``db_repeated`` is explained all the same."""
    now = [row("LOOPED", 10), row("ONCE", 1), row("MORE", 9, repeated=1)]
    before = {"LOOPED": 10, "ONCE": 1, "MORE": 1}
    assert growth_lines(now, before) == ["1 → 9  MORE  at v.py:4 in f"]
    assert growth_lines(now, before, metric="db_repeated") == [
        "10 → 10  LOOPED  at v.py:4 in f  10 times from there",
        "1 → 9  MORE  at v.py:4 in f",
    ]


def test_what_is_told_of_the_most_repeated_is_told_once() -> None:
    """A fingerprint that grew and is the most repeated has one line, at the top."""
    now = [row("A", 9), row("B", 30, repeated=2)]
    assert growth_lines(now, {"A": 2}, metric="db_repeated") == [
        "2 → 9  A  at v.py:4 in f  likely N+1: 9 times from there",
        "+ 30  B  at v.py:4 in f",
    ]


def test_what_was_not_kept_is_neither_new_nor_gone() -> None:
    """Where one side had too many texts, nothing is claimed of those that are missing there."""
    kept, rest = row("KEPT", 1), row("texts that were too many to keep", 7, repeated=0, digest=NOT_KEPT)
    rest[3] = ""
    assert growth_lines([kept, rest], {"KEPT": 1, "another": 1}) == ["+ 7  texts that were too many to keep"]
    assert growth_lines([kept], {"another": 1, NOT_KEPT: 7}) == [
        "1  KEPT  at v.py:4 in f",
        "- 1  statement another, whose text is not stored",
    ]


def test_a_text_that_was_not_kept_is_named_by_its_digest() -> None:
    """Of many fingerprints only the most frequent have texts."""
    assert growth_lines([["abc", "", 2, "", 1, 0]], {"abc": 1}) == [
        "1 → 2  statement abc, whose text is one too many to keep"
    ]
