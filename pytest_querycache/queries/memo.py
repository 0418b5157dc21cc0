"""A bounded memory of signatures already computed, read without a lock."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .signature import QuerySignature

MAX_ENTRIES: Final = 4096
MAX_LENGTH: Final = 8 * 1024 * 1024
"""Of all texts together, in characters."""

_LOCK = Lock()


class SignatureMemo:
    """Signatures by what they were computed from; ``entries`` is read as it is, additions keep it small.

    What was added first goes first: an order by use would need a write at each look-up, and losing an
    entry costs no more than computing it again.
    """

    __slots__ = ("entries", "length")

    def __init__(self) -> None:
        # A plain dictionary, because CPython has a faster way for look-ups in exactly that.
        self.entries: dict[Any, QuerySignature] = {}
        self.length = 0

    def remember(self, key: Any, signature: QuerySignature, length: int) -> None:
        """Add one signature whose text has ``length`` characters; a text too long for the memory is left out."""
        if length > MAX_LENGTH // 8:
            return
        with _LOCK:
            entries = self.entries
            if len(entries) >= MAX_ENTRIES or self.length + length > MAX_LENGTH:
                for stale in list(entries)[: len(entries) // 2 + 1]:
                    del entries[stale]
                self.length = sum(len(kept if isinstance(kept, str) else kept[0]) for kept in entries)
            entries[key] = signature
            self.length += length
