"""A session's wall times beside the stored ones, all together; ``suite_shift`` says what follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .baseline import Figure
from .limit import Limit, first_sight_limit, limit_over, repeat_limit
from .policy import Applied
from .record import Record
from .suite_shift import SAMPLE, SHIFTED, shift_of, spread_evenly
from .verdict import Suspect

_SHORTEST_NS = 1_000_000
_LONGEST_NS = 100_000_000
"""Tests of such lengths speak for a session: shorter ones vary too much, longer ones cost too much."""


@dataclass(frozen=True, slots=True)
class HeldAgainst:
    """A record's value of a metric beside the stored figure."""

    record: Record
    applied: Applied
    figure: Figure
    now: float
    alone: bool

    @property
    def ratio(self) -> float:
        """How many times the stored first execution this one is."""
        return self.now / self.figure.cold

    def suspect(self, limit: Limit, *, now: float | None = None, sampled: bool = False) -> Suspect:
        """The suspect that a limit makes of it."""
        return Suspect(
            node_id=self.record.node_id,
            test_id=self.record.test_id or self.record.node_id,
            metric=self.applied.metric,
            now=self.now if now is None else now,
            limit=limit,
            repeat_limit=repeat_limit(self.applied, self.figure),
            ratio=self.applied.ratio,
            alone=self.alone,
            sampled=sampled,
        )


class WholeSession:
    """Knows whether all tests moved together."""

    def __init__(self) -> None:
        self._held: list[HeldAgainst] = []

    def add(self, held: HeldAgainst) -> None:
        """Take a wall time in, if it is long enough for a change to count."""
        if held.figure.cold >= max(held.applied.floor, 1):
            self._held.append(held)

    def shift(self) -> float:
        """How many times slower the session was in the middle of its tests."""
        return shift_of(held.ratio for held in self._held)

    def sample(self) -> list[Suspect]:
        """The tests that speak for all, where all became slower: spread over their ratios."""
        if self.shift() <= SHIFTED:
            return []
        ranked = sorted((held for held in self._held if not held.alone), key=lambda held: held.figure.cold)
        lasting = [held for held in ranked if _SHORTEST_NS <= held.figure.cold <= _LONGEST_NS]
        chosen = lasting if len(lasting) >= 2 * SAMPLE else ranked[-2 * SAMPLE :]
        return [self._spokesman(held) for held in spread_evenly(sorted(chosen, key=lambda held: held.ratio))]

    def more_suspects(self, known: Iterable[Suspect]) -> Iterator[Suspect]:
        """The sample, and where all became faster the tests that became less so."""
        keys = {suspect.key for suspect in known}
        shift = self.shift()
        if shift > SHIFTED:
            yield from (suspect for suspect in self.sample() if suspect.key not in keys)
        elif shift < 1 / SHIFTED:
            for held in self._held:
                now = held.now / shift
                limit = first_sight_limit(held.applied, held.figure, now, everything=False)
                if limit is not None and (held.record.node_id, held.applied.metric.name) not in keys:
                    yield held.suspect(limit, now=now)

    def _spokesman(self, held: HeldAgainst) -> Suspect:
        limit = first_sight_limit(held.applied, held.figure, held.now, everything=False)
        if limit is not None:
            return held.suspect(limit)
        tolerated = limit_over(held.figure.cold, held.applied.ratio * held.figure.cold, held.applied)
        return held.suspect(tolerated, sampled=True)
