"""The part of a time that is the garbage collector's chance: in which test a collection falls due."""

from __future__ import annotations

from .baseline import Entry
from .metric import ALLOCATED_BLOCKS, GC_PAUSE
from .record import Record, at_reference_speed

_AS_MANY_BLOCKS = 1.02
_FEW_BLOCKS = 64


def collections_by_chance(record: Record, entry: Entry, reference_ns: float | None) -> float:
    """How much longer the collector ran in a test than it used to, in ns, if the test does not allocate more.

    The collector runs when enough objects have piled up, whoever made them, and a full collection in a session's
    hundredth test takes longer than the test. Nothing is lost by leaving it out of first suspicions: fresh processes
    set aside what was alive at their start, so that they could not show it, and a test that allocates more is told by
    its counts.
    """
    now = at_reference_speed(record.values, GC_PAUSE, reference_ns) or 0.0
    longer = now - (entry.cold(GC_PAUSE.name) or 0.0)
    if longer <= 0:
        return 0.0
    blocks, stored = record.values.get(ALLOCATED_BLOCKS.name), entry.cold(ALLOCATED_BLOCKS.name)
    if blocks is None or stored is None or blocks > max(stored * _AS_MANY_BLOCKS, stored + _FEW_BLOCKS):
        return 0.0
    return longer
