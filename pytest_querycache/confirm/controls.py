"""Control tests: executed beside the suspects although nobody suspects them, so that the machine shows itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from itertools import islice
from math import log

from ..model.record import file_of

CONTROLS = 3
"""How many are executed beside each batch; the middle one of three is not moved by a single odd one."""

_BEST_LENGTH_NS = 2_000_000
_SHORTEST_NS = 100_000
_LONGEST_NS = 50_000_000
_MOST_TRIED = 50


def choose_controls(
    tests: Collection[str], times: Mapping[str, float], is_changed: Callable[[str], bool]
) -> list[str]:
    """Some tests of the same files as ``tests``, of a length that is measured well and costs little.

    ``times`` are the wall times in ns of all tests that may be taken. The same files only: whatever else a process
    imported would be paid for by the suspects too. ``is_changed`` tells of a test whether its own source differs in
    the old code, so that it controls nothing.
    """
    files = {file_of(test) for test in tests}
    possible = [
        (abs(log(time / _BEST_LENGTH_NS)), test)
        for test, time in times.items()
        if test not in tests and _SHORTEST_NS <= time <= _LONGEST_NS and file_of(test) in files
    ]
    unchanged = (test for _, test in sorted(possible)[:_MOST_TRIED] if not is_changed(test))
    return list(islice(unchanged, CONTROLS))
