"""What cursors tell of their rows."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest

from pytest_querycache.queries.tally import NO_ROWS, rows_of


class Refusing:
    """A cursor that was closed by its server."""

    @property
    def rowcount(self) -> int:
        """Refuse."""
        raise RuntimeError("the cursor is closed")


class Telling:
    """A cursor that tells something."""

    def __init__(self, rowcount: Any) -> None:
        self.rowcount = rowcount


@pytest.mark.parametrize(
    ("cursor", "rows"),
    [
        (Telling(7), 7),
        (Telling(-1), -1),
        (Telling(None), NO_ROWS),
        (Telling("7"), NO_ROWS),
        (Telling(True), NO_ROWS),
        (Refusing(), NO_ROWS),
        (Mock(), NO_ROWS),
        (object(), NO_ROWS),
    ],
)
def test_rows_are_what_is_told_as_a_number_and_nothing_else(cursor: Any, rows: int) -> None:
    """A cursor that refuses, has none, or is a stand-in never disturbs the suite."""
    assert rows_of(cursor) == rows
