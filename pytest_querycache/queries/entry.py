"""One compiled query in the cache, and how its uses are counted without a lock."""

from __future__ import annotations

import itertools
import math
import sysconfig
import threading
from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .statistics import Account


class LockedCount:
    """Counts like ``itertools.count()``, with a lock around each step.

    Only for builds of CPython without the interpreter lock, where ``next`` of ``itertools.count`` is not
    promised to be one step.
    """

    __slots__ = ("_lock", "_next")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = 0

    def __iter__(self) -> LockedCount:
        return self

    def __next__(self) -> int:
        with self._lock:
            drawn = self._next
            self._next += 1
        return drawn


def exact_count() -> Iterator[int]:
    """Return a counter from which many threads can draw numbers, none twice and none left out.

    ``next`` of ``itertools.count`` runs no Python code and does not give up the interpreter lock, so it is
    one step for every other thread; ``+= 1`` on an attribute is three, and loses counts.
    """
    return LockedCount() if sysconfig.get_config_var("Py_GIL_DISABLED") else itertools.count()


class Entry:
    """A value in the cache with what the cache knows about it.

    A look-up that finds the entry draws from ``draws`` and writes ``used`` *before* it compares the clock
    with ``fast_until``, all without a lock. ``fast_until`` is the only thing that stands between a look-up
    and the value: it is the deadline as a rule, and minus infinity when the look-up must take the slow way
    because the entry has left the cache or because hits are being logged. Drawing first is what keeps the
    counts exact: an entry leaves by setting ``fast_until`` before its draws are counted, so a draw is
    either among those counted, or its look-up sees that the entry has left and takes the draw back.
    """

    __slots__ = (
        "account",
        "compile_ns",
        "deadline",
        "draws",
        "fast_until",
        "left",
        "serial",
        "signature",
        "tags",
        "taken_back",
        "used",
        "value",
        "weight",
    )

    def __init__(
        self,
        signature: Hashable,
        value: Any,
        *,
        tags: frozenset[str],
        weight: int,
        compile_ns: int,
        deadline: float,
        used: int,
        account: Account,
    ) -> None:
        self.signature = signature
        self.value = value
        self.tags = tags
        self.weight = weight
        self.compile_ns = compile_ns
        self.deadline = deadline
        self.fast_until = deadline
        self.used = used
        self.serial = used  # numbers of use are given once only, so the first one tells entries apart
        self.account = account
        self.draws = exact_count()
        self.taken_back = 0
        self.left = ""

    def settle(self) -> None:
        """Book the hits drawn since the last time on the entry's account; the caller holds the lock.

        A counter tells where it stands only by being drawn from, so that draw is taken back at once.
        """
        hits = next(self.draws) - self.taken_back
        self.taken_back += hits + 1
        self.account.hits += hits
        self.account.saved_ns += hits * self.compile_ns

    def take_back(self) -> None:
        """Undo one draw of a look-up that was no hit after all; the caller holds the lock."""
        self.taken_back += 1
        if self.left:
            self.settle()

    def leave(self, reason: str) -> None:
        """Close the fast way to the value and book the last hits; the caller holds the lock."""
        self.left = reason
        self.fast_until = -math.inf
        self.settle()
