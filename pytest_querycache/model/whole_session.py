"""A session's wall times beside the stored ones, all together; ``suite_shift`` says what follows from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from .baseline import Figure
from .limit import Limit, first_sight_limit, limit_over, repeat_limit
from .metric import WALL_TIME
from .policy import Applied
from .record import Record
from .suite_shift import FASTER, FEWEST_TESTS, SAMPLE, SHIFTED, shift_of, spread_evenly
from .verdict import Suspect

_SHORTEST_NS = 1_000_000
_LONGEST_NS = 100_000_000
"""Tests of such lengths speak for a session: shorter ones vary too much, longer ones cost too much."""


@dataclass(frozen=True, slots=True)
class HeldAgainst:
    """A record's value of a metric beside the stored figure.

    ``chance`` is the part of it that accuses nobody, in the metric's unit.
    """

    record: Record
    applied: Applied
    figure: Figure
    now: float
    alone: bool
    chance: float = 0.0

    @property
    def ratio(self) -> float:
        """How many times the stored first execution this one is."""
        return self.now / self.figure.cold

    @property
    def is_long(self) -> bool:
        """Whether it lasts long enough for what surrounds it to matter little."""
        return self.figure.cold >= _SHORTEST_NS

    def limit(self, everything: bool, *, early: bool) -> Limit | None:
        """The limit that the value is suspected to exceed, or None."""
        return first_sight_limit(self.applied, self.figure, self.now - self.chance, everything, early=early)

    def at(self, shift: float, *, repeats: float | None = None) -> HeldAgainst:
        """The same beside the stored figure as it would be in a session that is slower by a factor.

        ``repeats`` is the factor of what is repeated in fresh processes, where that is another one.
        """
        cold, warm, spread = self.figure
        return replace(
            self,
            figure=Figure(
                cold * shift,
                None if warm is None else warm * (shift if repeats is None else repeats),
                None if spread is None else spread * shift,
            ),
        )

    def suspect(self, limit: Limit, *, sampled: bool = False) -> Suspect:
        """The suspect that a limit makes of it."""
        return Suspect(
            node_id=self.record.node_id,
            test_id=self.record.test_id or self.record.node_id,
            metric=self.applied.metric,
            now=self.now,
            limit=limit,
            repeat_limit=repeat_limit(self.applied, self.figure),
            ratio=self.applied.ratio,
            alone=self.alone,
            sampled=sampled,
        )


class WholeSession:
    """Knows whether all tests moved together.

    With ``foreign`` the stored times are another processor's, which says nothing of this one but how tests compare
    with each other: every test is then held against its stored time at the session's own shift. With ``everything``
    all of them become suspects.
    """

    def __init__(self, *, foreign: bool = False, everything: bool = False) -> None:
        self._foreign = foreign
        self._everything = everything
        self._held: list[HeldAgainst] = []

    def add(self, held: HeldAgainst) -> None:
        """Take a time in, if it is long enough for a change to count."""
        if held.figure.cold >= max(held.applied.floor, 1):
            self._held.append(held)

    @property
    def is_telling(self) -> bool:
        """Whether there are enough tests to be compared with each other."""
        return len(self._ratios()) >= FEWEST_TESTS

    def shift(self) -> float:
        """How many times slower the session was in the middle of its tests."""
        return shift_of(self._ratios())

    def sample(self) -> list[Suspect]:
        """The tests that speak for all, where all became slower or nothing else can: spread over their ratios."""
        shift = self.shift()
        if shift <= SHIFTED and not (self._foreign and self.is_telling):
            return []
        tests = [held for held in self._held if held.applied.metric is WALL_TIME and not held.alone]
        ranked = sorted(tests, key=lambda held: held.figure.cold)
        lasting = [held for held in ranked if _SHORTEST_NS <= held.figure.cold <= _LONGEST_NS]
        chosen = lasting if len(lasting) >= 2 * SAMPLE else ranked[-2 * SAMPLE :]
        scale = shift if self._foreign else 1.0
        return [
            self._spokesman(held, scale)
            for held in spread_evenly(sorted(chosen, key=lambda held: held.ratio))
        ]

    def suspects(self, at_first_sight: Sequence[Suspect]) -> list[Suspect]:
        """The suspects of a session: those at first sight, and those whom only the whole accuses.

        Who is accused by both is held against the stored value as it would be here, as the others are.
        """
        accused = {suspect.key: suspect for suspect in self._accused()}
        return [*(accused.pop(suspect.key, suspect) for suspect in at_first_sight), *accused.values()]

    def times(self) -> Iterator[tuple[Record, Applied, float]]:
        """Every time that was taken in, with the record and the threshold."""
        return ((held.record, held.applied, held.now) for held in self._held)

    def _accused(self) -> Iterator[Suspect]:
        """Tests that became slower, or less fast, than all others did."""
        if not self.is_telling:
            return
        everybodys = self.shift()
        shifts = {
            long: everybodys if self._foreign else self._shift_of_its_kind(long=long)
            for long in (False, True)
        }
        for held in self._held:
            shift = shifts[held.is_long]
            if not self._foreign and shift >= FASTER:
                continue
            # the stored figure as it would be here, so that repeats are held against it at this speed too; only that
            # a session favours short tests does not help them in a fresh process
            shifted = held.at(shift, repeats=max(shift, shifts[True]))
            limit = shifted.limit(self._everything, early=True)
            if limit is not None:
                yield shifted.suspect(limit)

    def _shift_of_its_kind(self, *, long: bool) -> float:
        """The shift of the short tests or of the long ones; where a kind has few, the one that accuses less.

        Short ones cost less in a session, whose earlier tests have filled caches, than in the fresh processes that
        the stored values come from mostly. Where most are short, that would make the long ones look slower.
        """
        timed = [held for held in self._held if held.applied.metric is WALL_TIME]
        own = [held.ratio for held in timed if held.is_long is long]
        others = [held.ratio for held in timed if held.is_long is not long]
        if len(own) >= FEWEST_TESTS:
            return shift_of(own)
        return max(self.shift(), shift_of(others) if len(others) >= FEWEST_TESTS else 0.0)

    def _spokesman(self, held: HeldAgainst, scale: float) -> Suspect:
        held = held.at(scale)
        limit = held.limit(everything=False, early=False)
        if limit is not None:
            return held.suspect(limit)
        tolerated = limit_over(held.figure.cold, held.applied.ratio * held.figure.cold, held.applied)
        return held.suspect(tolerated, sampled=True)

    def _ratios(self) -> list[float]:
        return [held.ratio for held in self._held if held.applied.metric is WALL_TIME]
