"""What other rules would have said of the same figures.

``+20 %``: the session's single execution against the baseline's stored first execution, the floor the gate's own.

``min:20%``: pytest-benchmark's ``--benchmark-compare-fail=min:20%``, the smallest of several executions in one
process against the smallest in another. pytest-benchmark measures functions that a fixture is handed, no plain tests;
so its rule is applied to what the plugin ``accuracy_rounds`` records: at least five executions of each test (its
``min_rounds``) and at least 0.1 s of them, once when the baseline is recorded and once after each session. It would
itself go on for 1 s a test; a smallest of more executions varies somewhat less inside a process, and as much between
two of them. Its rule has no floor; ours is granted to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

RATIO = 0.20
FLOOR_NS = 100_000
LEAST_ROUNDS = 5
ROUND_SECONDS = 0.1


def is_flagged(now: float, was: float, *, ratio: float = RATIO, floor: float = FLOOR_NS) -> bool:
    """Whether a plain rule calls a value slower."""
    return now > was * (1 + ratio) and now - was >= floor


def flagged_by_single_run(
    values: Mapping[str, float], entries: Mapping[str, Sequence[float | None]]
) -> list[str]:
    """The tests that the plain +20 % rule would fail."""
    flagged = []
    for test, now in values.items():
        was = entries[test][0] if test in entries else None
        if was is not None and is_flagged(now, was):
            flagged.append(test)
    return flagged


def flagged_by_min(now: Mapping[str, Sequence[float]], was: Mapping[str, Sequence[float]]) -> list[str]:
    """The tests that ``min:20%`` would fail, among those measured both times."""
    return [test for test in now if test in was and is_flagged(min(now[test]), min(was[test]))]
