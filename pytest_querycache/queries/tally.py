"""What is added up while statements run: all executions of one shape, and one execution by itself."""

from __future__ import annotations

from collections.abc import Mapping
from types import CodeType
from typing import Any, ClassVar, Final

from .call_site import CallSite
from .statement import Source

NO_ROWS: Final = -1
"""Instead of a number of rows, where the driver does not tell."""
UNKNOWN_DEPTH: Final = 0


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


class Execution:
    """One execution that a record was asked for; takes the place of its tally, and adds to it what is added here."""

    __slots__ = ("_duration_ns", "_rows", "site", "sql", "tally")
    recording: ClassVar[None] = None
    is_inside: ClassVar[bool] = True

    def __init__(self, tally: Tally, sql: str, site: CallSite | None) -> None:
        self.tally = tally
        self.sql = sql
        self.site = site
        self._duration_ns = 0
        self._rows: int | None = None

    @property
    def duration_ns(self) -> int:
        """The time until the driver's call returned."""
        return self._duration_ns

    @duration_ns.setter
    def duration_ns(self, duration_ns: int) -> None:
        self.tally.duration_ns += duration_ns - self._duration_ns
        self._duration_ns = duration_ns

    @property
    def rows(self) -> int:
        """The rows that were told so far."""
        return self._rows or 0

    @rows.setter
    def rows(self, rows: int) -> None:
        self.tally.rows += rows - self.rows
        self._rows = rows

    @property
    def told_rows(self) -> int | None:
        """The rows, or None where nothing was told of them."""
        return self._rows


def leave(execution: Tally | Execution, duration_ns: int, rows: int) -> None:
    """Add what the driver's call told when it returned; ``rows`` below zero is not told.

    Drivers whose statements are short do the same in place, because a call would take a tenth of what recording
    takes.
    """
    execution.duration_ns += duration_ns
    if rows >= 0:
        execution.rows += rows


def rows_of(cursor: Any) -> int:
    """The number of rows a cursor tells, or NO_ROWS: it may refuse, have none, or be a suite's stand-in."""
    try:
        rows = cursor.rowcount
    except Exception:
        return NO_ROWS
    return rows if type(rows) is int else NO_ROWS


class Mark:
    """How far a recording had come at some moment."""

    __slots__ = ("seen",)

    def __init__(self, seen: Mapping[Tally, tuple[int, int, int, dict[CallSite, int]]]) -> None:
        self.seen = seen
