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


class SignatureMemo(dict[Any, "QuerySignature"]):
    """Signatures by what they were computed from; look-ups are a dictionary's, additions keep it small.

    What was added first goes first: an order by use would need a write at each look-up, and losing an
    entry costs no more than computing it again.
    """

    __slots__ = ("length",)

    def __init__(self) -> None:
        super().__init__()
        self.length = 0

    def remember(self, key: Any, signature: QuerySignature, length: int) -> None:
        """Add one signature whose text has ``length`` characters; a text too long for the memory is left out."""
        if length > MAX_LENGTH // 8:
            return
        with _LOCK:
            if len(self) >= MAX_ENTRIES or self.length + length > MAX_LENGTH:
                for stale in list(self)[: len(self) // 2 + 1]:
                    del self[stale]
                self.length = sum(len(kept if isinstance(kept, str) else kept[0]) for kept in self)
            self[key] = signature
            self.length += length
