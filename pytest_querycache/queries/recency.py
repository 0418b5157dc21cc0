"""The order of last use, kept although hits take no lock."""

from __future__ import annotations

import heapq

from .entry import Entry

_SLACK = 64  # places of entries that have left, beyond as many as there are entries, before they are dropped


class Recency:
    """Finds the entry used longest ago, exactly.

    A hit only writes a number, larger than every number before, to ``Entry.used``. The heap holds for each
    entry a number it once had. Numbers only grow, so the true one is never smaller than the noted one, and
    when the smallest noted number proves to be the true one, no other entry can be older. An entry is noted
    anew at most once for each time it stood at the top, so an eviction costs O(log n) on average.

    Places on the heap are pairs of numbers, the noted one and the entry's serial, so that an entry that has
    left is not kept alive by its place, which stays until it comes to the top or the heap is built anew.
    """

    __slots__ = ("_entries", "_heap")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int]] = []
        self._entries: dict[int, Entry] = {}

    def add(self, entry: Entry) -> None:
        """Note a new entry."""
        self._entries[entry.serial] = entry
        heapq.heappush(self._heap, (entry.used, entry.serial))

    def remove(self, entry: Entry) -> None:
        """Forget an entry."""
        del self._entries[entry.serial]
        if len(self._heap) > 2 * len(self._entries) + _SLACK:
            self._heap = [(entry.used, entry.serial) for entry in self._entries.values()]
            heapq.heapify(self._heap)

    def oldest(self) -> Entry:
        """Return the entry used longest ago; there must be one."""
        heap = self._heap
        while True:
            noted, serial = heap[0]
            entry = self._entries.get(serial)
            if entry is None:
                heapq.heappop(heap)
            elif entry.used != noted:
                heapq.heapreplace(heap, (entry.used, serial))
            else:
                return entry
