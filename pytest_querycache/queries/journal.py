"""What a cache says in the log: hits, misses with their reasons, and departures, all at DEBUG."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Iterable

from .entry import Entry
from .flight import Flight
from .miss_reasons import MissReason

logger = logging.getLogger("pytest_querycache")


def is_heard() -> bool:
    """Say whether anybody listens at DEBUG."""
    return logger.isEnabledFor(logging.DEBUG)


def log_answer(
    signature: Hashable, name: str | None, found: Entry | Flight, reason: MissReason | None
) -> None:
    """Log what a look-up found: its entry, somebody who compiles already, or nothing, for a reason."""
    if isinstance(found, Entry):
        logger.debug("%s: hit", label(signature, name))
    elif reason is None:
        logger.debug("%s: miss, coalesced with one that compiles already", label(signature, name))
    else:
        logger.debug("%s: miss, %s", label(signature, name), reason)


def log_departures(entries: Iterable[Entry]) -> None:
    """Log who left the cache, and why."""
    for entry in entries:
        logger.debug("%s: %s", label(entry.signature), entry.left)


def label(signature: Hashable, name: str | None = None) -> str:
    """Return what stands for a query in the log: its name, else the beginning of its text."""
    text = " ".join((name or str(getattr(signature, "text", signature))).split())
    return text if len(text) <= 80 else f"{text[:79]}…"
