"""The accepted reference: one entry per record, in a section per environment."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import isnan, nan
from sys import intern
from typing import NamedTuple

from .environment import StoredEnvironment


class Figure(NamedTuple):
    """One metric of one entry, in the metric's unit.

    ``cold`` is the first execution in a process, ``warm`` the smallest of a few repeats, each after a full
    collection, of times the middle one of several processes'; ``spread`` is the range over the processes of an
    update. None where it was not measured.
    """

    cold: float
    warm: float | None = None
    spread: float | None = None


class Entry:
    """What one record may cost.

    Packed into one array, because a suite of 50,000 tests holds 50,000 of these. ``alone`` says that the test
    cannot be repeated in one process: its warm figures are those of a first execution in a process of its own.
    """

    __slots__ = ("_names", "_numbers", "alone", "commit", "statements")

    def __init__(
        self,
        figures: Iterable[tuple[str, Figure]],
        *,
        commit: str = "",
        alone: bool = False,
        statements: Mapping[str, int] | None = None,
    ) -> None:
        names = []
        numbers = array("d")
        for name, figure in figures:
            names.append(intern(name))
            numbers.extend(nan if number is None else number for number in figure)
        self._names = _shared(tuple(names))
        self._numbers = numbers
        self.commit = intern(commit)
        self.alone = alone
        # None where there are none, because most entries have none
        self.statements = dict(statements) if statements else None

    @classmethod
    def packed(cls, names: Iterable[str], numbers: array[float], *, commit: str) -> Entry:
        """An entry of numbers that are packed already: cold, warm and spread for each name, nan where unknown."""
        entry = cls.__new__(cls)
        entry._names = _shared(tuple(names))
        entry._numbers = numbers
        entry.commit = intern(commit)
        entry.alone = False
        entry.statements = None
        return entry

    def cold(self, name: str) -> float | None:
        """The cold value of one metric alone, or None where the entry has none."""
        names = self._names
        return self._numbers[3 * names.index(name)] if name in names else None

    def figure(self, name: str) -> Figure | None:
        """The figure of one metric, or None where the entry has none."""
        names = self._names
        if name not in names:
            return None
        index = 3 * names.index(name)
        numbers = self._numbers
        warm, spread = numbers[index + 1], numbers[index + 2]
        # not a number is the one value that differs from itself
        return Figure(numbers[index], warm if warm == warm else None, spread if spread == spread else None)

    def figures(self) -> Iterator[tuple[str, Figure]]:
        """Every metric's name with its figure, in the order they were stored."""
        for position, name in enumerate(self._names):
            cold, warm, spread = self._numbers[3 * position : 3 * position + 3]
            yield name, Figure(cold, None if isnan(warm) else warm, None if isnan(spread) else spread)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Entry):
            return NotImplemented
        return (
            dict(self.figures()) == dict(other.figures())
            and self.commit == other.commit
            and self.alone == other.alone
            and self.statements == other.statements
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Entry({dict(self.figures())!r}, commit={self.commit!r}, alone={self.alone!r})"


_NAMES: dict[tuple[str, ...], tuple[str, ...]] = {}


def _shared(names: tuple[str, ...]) -> tuple[str, ...]:
    return _NAMES.setdefault(names, names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit that entries were measured at; ``dirty`` when the working tree differed from it."""

    dirty: bool
    date: str = ""


@dataclass(slots=True, kw_only=True)
class Section:
    """The entries measured in one environment."""

    environment: StoredEnvironment
    entries: dict[str, Entry] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    reference_ns: float | None = None


@dataclass(slots=True, kw_only=True)
class Baseline:
    """Sections by the key of their environment."""

    sections: dict[str, Section] = field(default_factory=dict)

    def known_keys(self) -> str:
        """The environments this baseline was recorded in, for messages."""
        return ", ".join(sorted(self.sections)) or "none"


def entry_of_values(values: Mapping[str, float], *, commit: str = "") -> Entry:
    """An entry that knows only what one execution cost."""
    return Entry(((name, Figure(value)) for name, value in values.items()), commit=commit)
