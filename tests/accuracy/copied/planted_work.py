"""Extra work inside one function of a library; the accuracy study copies this file beside the library.

The function's module wraps it with ``planted_in(function, table)``. The wrapped function and the table, empty, are
committed: old and new code differ in nothing but the table's content. What is looked up is the test that runs now; a
call of the function costs some 0.2 µs more than it did, in old and new code alike.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from itertools import repeat
from time import perf_counter_ns, sleep
from typing import Any

AMOUNTS: dict[bytes, tuple[Any, ...]] = {}
"""By what PYTEST_CURRENT_TEST holds: kind of work, its amount, and that only each so-manieth call works."""

CALLS = [0]
"""How often the function was called; the calibration reads it."""

_TEST = b"PYTEST_CURRENT_TEST"
_NOTHING = ("", 0, 1)
_PATTERN = re.compile(r"x[0-9][0-9]z")
_TEXT = "x12y" * 400
_NUMBERS = list(range(150))
_SHARE = 20
_OVERSLEEP_NS = 150_000


def python(amount: int) -> int:
    """Pure Python: so many turns of a loop, which allocates nothing, so that no count gives it away."""
    total = 0
    for _ in repeat(None, amount):
        total = (total + 7) & 127
    return total


def in_c(amount: int) -> None:
    """Inside calls of C: so many times a regular expression and a sorting, with little allocation."""
    for _ in repeat(None, amount):
        _PATTERN.search(_TEXT)
        _NUMBERS.reverse()
        _NUMBERS.sort()


def allocation(amount: int) -> None:
    """Allocation: so many small objects, a few hundred of which are alive at a time."""
    kept = [b""] * 256
    for number in range(amount):
        kept[number & 255] = bytes(100)


def waiting(amount: int) -> None:
    """Sleep, for as long as so many turns of the loop in ``python`` would take at the machine's speed just now.

    A tenth of the turns is really done, to learn that speed: tests follow it, and a fixed time would not. What a
    sleep may take longer than it was asked for is waited out in a loop instead.
    """
    turns = max(amount // _SHARE, 200)
    taken = min(_timed(turns), _timed(turns))
    until = perf_counter_ns() + (amount - 2 * turns) * taken / turns
    nap = until - perf_counter_ns() - _OVERSLEEP_NS
    if nap > 0:
        sleep(nap / 1e9)
    while perf_counter_ns() < until:
        pass


def _timed(turns: int) -> int:
    started = perf_counter_ns()
    python(turns)
    return perf_counter_ns() - started


KINDS: dict[str, Callable[[int], object]] = {
    "python": python,
    "c": in_c,
    "allocation": allocation,
    "sleep": waiting,
}


def planted_in(function: Callable[..., Any], table: Mapping[str, Sequence[Any]]) -> Callable[..., Any]:
    """The function, which does the work in the table before its own."""
    AMOUNTS.update({f"{test} (call)".encode(): tuple(work) for test, work in table.items()})
    environment: Mapping[bytes, bytes] = os.environ._data  # type: ignore[attr-defined]
    current: bytes | None = b""
    work: Callable[[int], object] | None = None
    amount, stride, count = 0, 1, 0

    @wraps(function)
    def planted(*args: Any, **kwargs: Any) -> Any:
        nonlocal current, work, amount, stride, count
        CALLS[0] += 1
        test = environment.get(_TEST)
        if (
            test is not current
        ):  # pytest sets it anew for each execution, so that this is the first call in one
            current = test
            kind, amount, stride = AMOUNTS.get(test or b"", _NOTHING)
            work = KINDS.get(kind)
            count = 0
        if work is not None:
            if count % stride == 0:
                work(amount)
            count += 1
        return function(*args, **kwargs)

    return planted
