"""What is added up while statements run: all executions of one shape, and one execution by itself."""

from __future__ import annotations

from types import CodeType
from typing import ClassVar, Final

from .call_site import CallSite
from .statement import Source

NO_ROWS: Final = -1
"""Instead of a number of rows, where the driver does not tell."""
UNKNOWN_DEPTH: Final = 0
NOT_ON_THE_STACK: Final = -1
"""Instead of a depth, where the user's code is on another stack, as that around a greenlet."""


class Tally:
    """All executions of the texts of one shape, by one thread: nothing here needs a lock.

    ``depth`` and ``below`` are where the user's code was found last: so many frames above ``Recording.enter``, by
    whose code it was called upon. A library takes the same way down every time, so one look is enough mostly.
    """

    __slots__ = (
        "below",
        "control",
        "count",
        "depth",
        "duration_ns",
        "kept",
        "rows",
        "sample",
        "sites",
        "source",
    )
    recording: ClassVar[None] = None
    is_inside: ClassVar[bool] = True
    """Standing for a context's owner, it says that an outer layer has counted what is executed."""

    def __init__(self, source: Source, sample: str, *, control: bool = False, kept: bool = True) -> None:
        self.source = source
        self.sample = sample
        self.control = control
        self.kept = kept
        self.count = 0
        self.rows = 0
        self.duration_ns = 0
        self.sites: dict[CallSite, int] = {}
        self.depth = UNKNOWN_DEPTH
        self.below: CodeType | None = None

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
    recording: ClassVar[None] = None
    is_inside: ClassVar[bool] = True

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
