"""The part of a time that is the garbage collector's chance: in which test a collection falls due."""

from __future__ import annotations

from .baseline import Entry
from .metric import ALLOCATED_BLOCKS, GC_PAUSE
from .record import Record, at_reference_speed

_AS_MANY_BLOCKS = 1.02
_FEW_BLOCKS = 64


def collections_by_chance(record: Record, entry: Entry, reference_ns: float | None) -> float:
    """How much longer the collector ran in a test than it used to, in ns, if the test allocates as much as ever.

    Negative where it ran for less time, or not at all, which hides a slow-down. The collector runs when enough
    objects have piled up, whoever made them, and a full collection in a session's hundredth test takes longer than
    the test. Nothing is lost by leaving it out of first suspicions: fresh processes set aside what was alive at their
    start, so that they could not show it, and a test that allocates more is told by its counts.
    """
    now = at_reference_speed(record.values, GC_PAUSE, reference_ns) or 0.0
    longer = now - (entry.cold(GC_PAUSE.name) or 0.0)
    blocks, stored = record.values.get(ALLOCATED_BLOCKS.name), entry.cold(ALLOCATED_BLOCKS.name)
    if not longer or blocks is None or stored is None:
        return 0.0
    # who causes the difference is held to account for it
    most, fewest = (blocks, stored) if longer > 0 else (stored, blocks)
    return 0.0 if most > max(fewest * _AS_MANY_BLOCKS, fewest + _FEW_BLOCKS) else longer
