"""Stand-ins for a database's cursors, such as suites use."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock


class StandIn:
    """A cursor that keeps what it was asked, and tells of its rows whatever it was given."""

    def __init__(self, rowcount: Any, error: Exception | None = None) -> None:
        self._rowcount = rowcount
        self._error = error
        self.asked: list[Any] = []

    @property
    def rowcount(self) -> Any:
        """What was given, raised if it is an error."""
        if isinstance(self._rowcount, Exception):
            raise self._rowcount
        return self._rowcount

    def execute(self, statement: Any, *parameters: Any) -> str:
        """Keep the statement, then do as was asked for."""
        self.asked.append(statement)
        if self._error is not None:
            raise self._error
        return "executed"

    executemany = callproc = execute


ROWCOUNTS = (None, "3", RuntimeError("the cursor is closed"), Mock())
"""What cursors have been seen to tell instead of a number."""
