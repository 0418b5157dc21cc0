"""The text of a query in the forms that drivers take."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_querycache.queries.drivers.query_text import text_of


class Composed:
    """A query made of parts, which takes the cursor to be read, and cannot be hashed."""

    __hash__ = None  # type: ignore[assignment]

    def as_string(self, cursor: Any) -> str:
        """The text as the server gets it."""
        return f"SELECT 1 AS {cursor}"


class Template:
    """A template string of Python 3.14."""

    strings = ("SELECT a FROM t WHERE a = ", " AND b = ", "")


class Unreadable:
    """What no driver would take."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("SELECT 1", "SELECT 1"),
        (b"SELECT '\xff'", "SELECT '\ufffd'"),
        (Composed(), "SELECT 1 AS me"),
        (Template(), "SELECT a FROM t WHERE a = %s AND b = %s"),
        (7, "7"),
        (Unreadable(), "<Unreadable>"),
    ],
)
def test_every_form_has_a_text_and_none_raises(query: Any, text: str) -> None:
    """What cannot be read is left to the driver to refuse."""
    assert text_of(query, "me") == text
