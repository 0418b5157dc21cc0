"""One line for each regression that says what kind of change it looks like, drawn from its own figures."""

from __future__ import annotations

from collections.abc import Mapping

from .baseline import Entry
from .metric import (
    ALLOCATED_BLOCKS,
    ALLOCATED_BYTES,
    CPU_TIME,
    GC_COLLECTIONS,
    GC_PAUSE,
    PEAK_RSS,
    WALL_TIME,
)
from .quantity import format_quantity
from .record import Record, at_reference_speed

_SMALL_PART = 0.25
_LARGE_PART = 0.5


def insight(metric: str, rise: Mapping[str, float], entry: Entry | None) -> str:
    """What the figures beside a worse metric suggest, or an empty text where they suggest nothing.

    ``rise`` says by how much each metric rose, ``entry`` what the record used to cost.
    """
    if rise.get(metric, 0) <= 0:
        return ""
    if metric == WALL_TIME.name:
        return _about_time(rise, entry)
    if metric in (ALLOCATED_BYTES.name, ALLOCATED_BLOCKS.name):
        return _about_allocations(metric, rise, entry)
    if metric == GC_COLLECTIONS.name and rise.get(ALLOCATED_BLOCKS.name, 0) > 0:
        return "it allocates more objects, and the collector runs more often for it"
    if metric == PEAK_RSS.name and rise.get(ALLOCATED_BYTES.name, 0) < rise[metric] * _SMALL_PART:
        return "CPython's allocators gave little of it: memory of a C library, or mapped"
    return ""


def rises(record: Record, entry: Entry, reference_ns: float | None) -> dict[str, float]:
    """By how much a record's values exceed those of the stored first execution, times at the stored speed."""
    found = {}
    for name, figure in entry.figures():
        metric = record.metric(name)
        value = at_reference_speed(record.values, metric, reference_ns) if metric is not None else None
        if value is not None:
            found[name] = value - figure.cold
    if GC_PAUSE.name in record.values and GC_PAUSE.name not in found:
        found[GC_PAUSE.name] = record.values[GC_PAUSE.name]
    return found


def about_one_time(record: Record, rise_ns: float) -> str:
    """What explains a time that was measured once and that nothing confirmed: little can be said of it."""
    pause = record.values.get(GC_PAUSE.name, 0.0)
    if rise_ns > 0 and pause >= rise_ns * _LARGE_PART:
        return f"a garbage collection of {format_quantity(pause, 'ns')} fell into it"
    return ""


def _about_time(rise: Mapping[str, float], entry: Entry | None) -> str:
    wall = rise[WALL_TIME.name]
    pause = rise.get(GC_PAUSE.name, 0.0)
    if pause >= wall * _LARGE_PART:
        return f"GC pause is {min(pause / wall, 1):.0%} of the increase"
    cpu = rise.get(CPU_TIME.name)
    if cpu is not None and cpu < wall * _SMALL_PART:
        return "wall time rose, CPU time did not: it waits"
    if cpu is None or cpu < wall * _LARGE_PART:
        return ""
    blocks = entry.figure(ALLOCATED_BLOCKS.name) if entry is not None else None
    more = rise.get(ALLOCATED_BLOCKS.name, 0)
    if blocks is not None and more > blocks.cold * _SMALL_PART:
        return f"it computes more, and allocates {more:,.0f} more blocks"
    return "CPU time rose with it: it computes more"


def _about_allocations(metric: str, rise: Mapping[str, float], entry: Entry | None) -> str:
    more_bytes = rise.get(ALLOCATED_BYTES.name, 0.0)
    more_blocks = rise.get(ALLOCATED_BLOCKS.name, 0.0)
    blocks = entry.figure(ALLOCATED_BLOCKS.name) if entry is not None else None
    if metric == ALLOCATED_BYTES.name and blocks is not None and more_blocks <= blocks.cold * 0.02:
        return "as many blocks as before: the same objects, with larger buffers"
    if more_blocks > 0 and more_bytes > 0:
        return (
            f"{more_blocks:,.0f} more blocks of {format_quantity(more_bytes / more_blocks, 'B')} on average"
        )
    return ""
