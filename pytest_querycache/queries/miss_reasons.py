"""Why look-ups missed: cheap notes taken at each miss, read into a sentence when somebody asks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Literal

Reason = Literal[
    "new",
    "expired",
    "evicted",
    "invalidated",
    "failed",
    "not kept",
    "schema changed",
    "dialect",
    "version",
]

_SENTENCES = {
    "new": "this query was not asked for before, as far as the cache remembers",
    "expired": "it had been compiled, but was older than max_age",
    "evicted": "it had been compiled, but was evicted to make room for others",
    "invalidated": "it had been compiled, but was taken out by invalidate(), discard() or clear()",
    "failed": "it had been tried, but compiling it did not succeed, and failures are not kept",
    "not kept": "it had been compiled, but was too heavy for max_weight, or max_size is 0",
}
_DIFFERENCES: tuple[tuple[str, Reason], ...] = (
    ("schema", "schema changed"),
    ("dialect", "dialect"),
    ("version", "version"),
)
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class MissReason:
    """Why the last look-up that missed did so: one word, and a sentence for people."""

    reason: Reason
    sentence: str

    def __str__(self) -> str:
        return f"{self.reason}: {self.sentence}"


class _Note:
    """What is remembered of one signature. Numbers are those of the misses, counted through."""

    __slots__ = ("cause", "deadline", "detail", "eviction", "first", "gone", "last", "last_detail")

    def __init__(self, first: int) -> None:
        self.first = first
        self.last = first
        self.cause = "new"  # why the last miss was one
        self.last_detail = ""
        self.gone = ""  # why the value left since then: the cause of the next miss
        self.detail = ""
        self.eviction = 0
        self.deadline = 0.0


class MissMemory:
    """Remembers a bounded number of signatures: when each missed, and why its value left.

    It doubles as the ghost list of an adaptive cache. The caller holds the cache's lock.
    """

    __slots__ = ("_evictions", "_ghosts_from", "_misses", "_notes")

    def __init__(self) -> None:
        self._notes: OrderedDict[Hashable, _Note] = OrderedDict()
        self._misses = 0
        self._evictions = 0
        self._ghosts_from = 0

    def miss(self, signature: Hashable, *, bound: int) -> None:
        """Note that a look-up missed; at most ``bound`` signatures are remembered."""
        self._misses += 1
        note = self._notes.get(signature)
        if note is None:
            self._notes[signature] = _Note(self._misses)
            if len(self._notes) > bound:
                self._notes.popitem(last=False)
            return
        self._notes.move_to_end(signature)
        note.last = self._misses
        note.cause, note.last_detail = note.gone or "new", note.detail
        note.gone = note.detail = ""

    def left(self, signature: Hashable, reason: str, *, detail: str = "", deadline: float = 0.0) -> None:
        """Note why a value is not in the cache any more, or never entered it."""
        if reason == "evicted":
            self._evictions += 1
        note = self._notes.get(signature)
        if note is not None:
            note.gone, note.detail, note.deadline = reason, detail, deadline
            note.eviction = self._evictions

    def haunts(self, signature: Hashable, *, among: int, now: float) -> bool:
        """Say whether the value was among the last evicted and would still be fresh."""
        note = self._notes.get(signature)
        return (
            note is not None
            and note.gone == "evicted"
            and now < note.deadline
            and note.eviction > max(self._ghosts_from, self._evictions - among)
        )

    def lay_ghosts(self) -> None:
        """Forget who was evicted: after an invalidation a larger cache would not have held them either."""
        self._ghosts_from = self._evictions

    def forget(self) -> None:
        """Forget everything."""
        self._notes.clear()

    def explain(self, signature: Hashable) -> MissReason | None:
        """Return why the last miss of the signature was one; None when no miss of it is remembered."""
        note = self._notes.get(signature)
        if note is None:
            return None
        if note.cause == "new":
            return self._relative(signature, note) or MissReason("new", _SENTENCES["new"])
        detail = f" ({note.last_detail})" if note.last_detail else ""
        return MissReason(note.cause, _SENTENCES[note.cause] + detail)  # type: ignore[arg-type]

    def _relative(self, signature: Hashable, note: _Note) -> MissReason | None:
        """Find the same query, seen before that miss, under another schema, dialect or version.

        The nearest relative explains best: the one with the fewest differences, of those the latest.
        """
        nearest: tuple[int, int] | None = None
        found: list[tuple[str, Reason]] = []
        for other, seen in self._notes.items():
            if seen.first >= note.last or other == signature or not _same_query(signature, other):
                continue
            differing = [
                (name, reason)
                for name, reason in _DIFFERENCES
                if _attribute(signature, name) != _attribute(other, name)
            ]
            rank = (len(differing), -seen.first)
            if differing and (nearest is None or rank < nearest):
                nearest, found = rank, differing
        if not found:
            return None
        differing_names = " and ".join(name for name, _ in found)
        return MissReason(found[0][1], f"the same query was compiled before, under another {differing_names}")


def _same_query(one: Hashable, other: Hashable) -> bool:
    text = _attribute(one, "text")
    return text is not _ABSENT and all(
        _attribute(one, name) == _attribute(other, name) for name in ("text", "level", "extra")
    )


def _attribute(signature: Hashable, name: str) -> Any:
    return getattr(signature, name, _ABSENT)
