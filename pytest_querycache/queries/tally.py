"""What is added up while statements run: all executions of one shape, and one execution by itself."""

from __future__ import annotations

from typing import Final

from .call_site import CallSite
from .statement import Source

NO_ROWS: Final = -1
"""Instead of a number of rows, where the driver does not tell."""


class Tally:
    """All executions of the texts of one shape, by one thread: nothing here needs a lock."""

    __slots__ = ("control", "count", "duration_ns", "kept", "rows", "sample", "sites", "source")

    def __init__(self, source: Source, sample: str, *, control: bool = False, kept: bool = True) -> None:
        self.source = source
        self.sample = sample
        self.control = control
        self.kept = kept
        self.count = 0
        self.rows = 0
        self.duration_ns = 0
        self.sites: dict[CallSite, int] = {}

    def leave(self, duration_ns: int, rows: int) -> None:
        """Add what the driver's call told when it returned; ``rows`` below zero is not told."""
        self.duration_ns += duration_ns
        if rows > 0:
            self.rows += rows

    def add_rows(self, rows: int) -> None:
        """Add rows that were fetched later."""
        self.rows += rows


class Execution:
    """One execution that a record was asked for; takes the place of its tally."""

    __slots__ = ("_tally", "duration_ns", "rows", "site", "sql")

    def __init__(self, tally: Tally, sql: str, site: CallSite | None) -> None:
        self._tally = tally
        self.sql = sql
        self.site = site
        self.duration_ns = 0
        self.rows = NO_ROWS

    @property
    def tally(self) -> Tally:
        """What the execution is counted in."""
        return self._tally

    def leave(self, duration_ns: int, rows: int) -> None:
        """Add what the driver's call told when it returned."""
        self.duration_ns = duration_ns
        self.rows = rows
        self._tally.leave(duration_ns, rows)

    def add_rows(self, rows: int) -> None:
        """Add rows that were fetched later."""
        self.rows = max(self.rows, 0) + rows
        self._tally.add_rows(rows)
