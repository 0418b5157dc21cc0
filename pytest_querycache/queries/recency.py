"""The order of last use, kept although hits take no lock."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from .entry import Entry

_SLACK = 64  # places of entries that have left, beyond as many as there are entries, before they are dropped


class Recency:
    """Finds the entry used longest ago, exactly.

    A hit only writes a number, larger than every number before, to ``Entry.used``. The heap holds for each
    entry a number it once had. Numbers only grow, so the true one is never smaller than the noted one, and
    when the smallest noted number proves to be the true one, no other entry can be older. An entry is noted
    anew at most once for each time it stood at the top, so an eviction costs O(log n) on average.
    """

    __slots__ = ("_heap",)

    def __init__(self) -> None:
        self._heap: list[tuple[int, Entry]] = []

    def add(self, entry: Entry) -> None:
        """Note a new entry."""
        heapq.heappush(self._heap, (entry.used, entry))

    def oldest(self) -> Entry:
        """Return the entry used longest ago; the cache must hold one."""
        heap = self._heap
        while True:
            noted, entry = heap[0]
            if entry.left:
                heapq.heappop(heap)
            elif entry.used != noted:
                heapq.heapreplace(heap, (entry.used, entry))
            else:
                return entry

    def forget_departed(self, size: int, entries: Callable[[], list[Entry]]) -> None:
        """Build the heap anew when most of its places belong to entries that have left."""
        if len(self._heap) > 2 * size + _SLACK:
            self._heap = [(entry.used, entry) for entry in entries()]
            heapq.heapify(self._heap)
